"""
Ask a server how the model's chat template renders a conversation, and adapt the profile to it.

A template is a program: it may raise on an instruction in mid-conversation, move it to the front, or omit it; it may
drop the model's reasoning; it may raise on the result of a call that stands in the text of a reply, as that of gpt-oss
does ("Message has tool role, but there was no previous assistant message with a tool call!").  llama.cpp renders any
conversation on request (`POST /apply-template`), so no knowledge of the template is needed: a small conversation is
rendered turn by turn, and each rendering has to begin with the whole one before it, which is what the engine's cache
requires.  Where the template has no system role, or no user message after a result, the same is tried in other places.
The same route refuses a picture if the model cannot see (llama.cpp b11549: status 500), as every later
request of a conversation with a picture in its history would be refused.
"""

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from anyclaude.dialects import WireRequest
from anyclaude.errors import BackendError
from anyclaude.profiles import BackendProfile, SystemPrompt, TextAfterResults, ThinkingSwitch
from anyclaude.protocol.json_values import JsonObject, encode_json

from .base import Backend
from .query import query
from .target import BackendTarget

RENDERING_SECONDS = 5.0
"""A small conversation is rendered within milliseconds; a server that computes for others may take longer."""

PROBE_SECONDS = 8.0
"""For some 30 renderings, one after the other, while the user waits for the start."""


THINKING_TAGS = ("<think>", "<thinking>", "[THINK]", "<seed:think>", "<|START_THINKING|>", "<reasoning>")
"""The opening tags in the templates of DeepSeek R1 and Qwen3, Hermes, Magistral, Seed-OSS, Command A and others."""

SWITCHES: tuple[ThinkingSwitch, ...] = ("enable_thinking", "thinking")
"""The variables of templates that switch thinking; the first that has an effect is used."""

Stages: TypeAlias = Sequence[Sequence[JsonObject]]
"""The messages that each turn adds to a conversation."""


async def fitted_to_template(backend: Backend, within_seconds: float = PROBE_SECONDS) -> BackendTarget:
    """
    Return the backend's target with its profile adapted to the template; unchanged if the server shows none.

    If the renderings take longer than `within_seconds`, or one fails for another reason than the template, the profile
    stays as it is, and the target's notes say so.
    """
    target = backend.target
    path = target.profile.template_path
    if path is None:
        return target
    try:
        async with asyncio.timeout(within_seconds):
            profile = await _fitted(target.profile, _Template(backend, path))
    except (TimeoutError, BackendError):
        note = (
            f"{target.profile.title} did not render the model's chat template in time, so what is sent is what every "
            "template takes; start again when the server is idle to have it probed."
        )
        return replace(target, notes=(*target.notes, note))
    return replace(target, profile=profile)


async def _fitted(profile: BackendProfile, template: "_Template") -> BackendProfile:
    if await template.rendered(FIRST_TURN) is None:
        return profile
    keeps_instructions = await template.keeps(WITH_INSTRUCTIONS)
    keeps_reasoning = await template.keeps(WITH_REASONING)
    shows_results = await template.keeps(WITH_WRITTEN_CALLS)
    shows_pictures = await template.rendered(WITH_PICTURE) is not None
    switch = await template.thinking_switch()
    return replace(
        profile,
        mid_conversation_system="system_message" if keeps_instructions else "user_reminder",
        earlier_reasoning="reasoning_content" if keeps_reasoning else "drop",
        written_calls="as_text" if shows_results else "as_calls",
        accepts_images=profile.accepts_images and shows_pictures,
        thinking_switch=switch,
        opens_thinking=await template.opens_thinking(switch),
        system_prompt=await template.place_of_system_prompt(),
        text_after_results=await template.place_of_text_after_results(),
    )


def keeps_the_prefix(renderings: Sequence[str], texts: Sequence[str]) -> bool:
    """Return whether each rendering begins with the one before, and the last contains all texts in their order."""
    extends = all(later.startswith(earlier) for earlier, later in itertools.pairwise(renderings))
    return extends and _contains_in_order(renderings[-1], texts)


def ends_in_thinking(rendering: str) -> bool:
    """Return whether a prompt ends inside a thinking tag that is open."""
    ending = rendering.rstrip()
    return any(ending.endswith(tag) for tag in THINKING_TAGS)


def _contains_in_order(rendering: str, texts: Sequence[str]) -> bool:
    at = 0
    for text in texts:
        found = rendering.find(text, at)
        if found < 0:
            return False
        at = found + len(text)
    return True


TOOL: JsonObject = {
    "type": "function",
    "function": {
        "name": "Read",
        "description": "Reads a file.",
        "parameters": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
    },
}


def _message(role: str, text: str, reasoning: str | None = None) -> JsonObject:
    message: JsonObject = {"role": role, "content": text}
    return message if reasoning is None else {**message, "reasoning_content": reasoning}


def _call_and_result(reasoning: str | None = None) -> tuple[JsonObject, JsonObject]:
    function: JsonObject = {"name": "Read", "arguments": '{"path": "/notes"}'}
    # Mistral's templates raise on any other kind of id.
    calls: list[JsonObject] = [{"id": "call00001", "type": "function", "function": function}]
    call: JsonObject = {"role": "assistant", "content": None, "tool_calls": [*calls]}
    result: JsonObject = {"role": "tool", "tool_call_id": "call00001", "content": "The result."}
    return (call if reasoning is None else {**call, "reasoning_content": reasoning}), result


FIRST_TURN = (_message("user", "The first question."),)

WITH_INSTRUCTIONS: Stages = (
    (
        _message("system", "The first rule."),
        _message("system", "The second rule."),
        _message("user", "The first question."),
    ),
    (*_call_and_result(), _message("system", "The third rule.")),
    (
        _message("assistant", "The answer."),
        _message("user", "The second question."),
        _message("system", "The fourth rule."),
    ),
    (_message("user", "The third question."),),
    (_message("assistant", "The last answer."), _message("system", "The fifth rule.")),
)
"""Instructions in all the places the client puts them: after the system prompt, a result, the user's text, a reply."""

WITH_REASONING: Stages = (
    (_message("user", "The first question."),),
    (_message("assistant", "The first answer.", "The first thought."), _message("user", "The second question.")),
    _call_and_result("The second thought."),
    (_message("assistant", "The second answer.", "The third thought."), _message("user", "The third question.")),
)
"""Many templates keep reasoning until the next user message, and then drop it: the prompt changes from there."""


SYSTEM_PROMPT = _message("system", "The first rule.")

ADDED_TEXT = "The added text."
"""What the user says beside a result."""

LAST_TURN = (_message("assistant", "The answer."), _message("user", "The second question."))

_CALL, _RESULT = _call_and_result()

WITH_ADDED_TEXT: Mapping[TextAfterResults, Stages] = {
    "user_message": (FIRST_TURN, (_CALL, _RESULT), (_message("user", ADDED_TEXT),), LAST_TURN),
    "last_result": (FIRST_TURN, (_CALL, {**_RESULT, "content": f"The result.\n\n{ADDED_TEXT}"}), LAST_TURN),
    "after_assistant": (
        FIRST_TURN,
        (_CALL, _RESULT),
        (_message("assistant", "Understood."), _message("user", ADDED_TEXT)),
        LAST_TURN,
    ),
}
"""The places of text beside a result, the usual one first; Mistral's templates raise on it."""

WRITTEN_CALL = '<tool_call>\n{"name": "Read", "arguments": {"path": "/notes"}}\n</tool_call>'


def _answer(number: int, text: str) -> JsonObject:
    return {"role": "tool", "tool_call_id": f"call{number:05d}", "content": text}


WITH_WRITTEN_CALLS: Stages = (
    (_message("user", "The first question."),),
    (_message("assistant", f"The first words.\n\n{WRITTEN_CALL}"), _answer(1, "The first result.")),
    (_message("assistant", WRITTEN_CALL), _answer(2, "The second result."), _answer(3, "The third result.")),
    (_message("assistant", f"{WRITTEN_CALL}\n\nThe second words."), _answer(4, "The fourth result.")),
    (_message("assistant", "The answer."), _message("user", "The second question.")),
)
"""Calls in the texts of replies, and their results, which the model has to see although no call is structured."""


PICTURE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)
"""One black pixel."""

WITH_PICTURE: Sequence[JsonObject] = (
    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": PICTURE}}]},
)


class _Rendered(Struct, frozen=True):
    prompt: str


class _Template:
    """The chat template of a model, as its server applies it."""

    def __init__(self, backend: Backend, path: str) -> None:
        self._backend = backend
        self._path = path

    async def place_of_system_prompt(self) -> SystemPrompt:
        """Return where the system prompt is shown: in the user's turn, if the template refuses or omits the role."""
        rendering = await self.rendered((SYSTEM_PROMPT, *FIRST_TURN))
        is_shown = rendering is not None and _contains_in_order(rendering, _texts([SYSTEM_PROMPT]))
        return "system_message" if is_shown else "first_user_message"

    async def place_of_text_after_results(self) -> TextAfterResults:
        """Return the first place in which text beside a result is shown, and keeps the prefix."""
        for place, stages in WITH_ADDED_TEXT.items():
            renderings = await self._renderings(stages)
            if renderings and keeps_the_prefix(renderings, [ADDED_TEXT]):
                return place
        return "user_message"

    async def keeps(self, stages: Stages) -> bool:
        """Return whether the conversation is rendered whole and in order, and each turn as it was rendered before."""
        renderings = await self._renderings(stages)
        texts = _texts([message for stage in stages for message in stage])
        return bool(renderings) and keeps_the_prefix(renderings, texts)

    async def _renderings(self, stages: Stages) -> list[str]:
        """Return the rendering of the conversation after each stage, nothing if the template raises on one."""
        renderings: list[str] = []
        conversation: list[JsonObject] = []
        # One after the other, on one connection: llama.cpp gives each open connection a thread, and it has few.
        for stage in stages:
            conversation += stage
            rendering = await self.rendered(conversation)
            if rendering is None:
                return []
            renderings.append(rendering)
        return renderings

    async def thinking_switch(self) -> ThinkingSwitch:
        """Return the variable that switches thinking for the next reply, and changes nothing before it."""
        conversation = [message for stage in WITH_REASONING for message in stage]
        for variable in SWITCHES:
            values: tuple[JsonObject, ...] = ({variable: True}, {variable: False})
            begun = [await self.rendered(FIRST_TURN, value, begins_reply=True) for value in values]
            if None in begun or begun[0] == begun[1]:
                continue
            earlier = [await self.rendered(conversation, value) for value in values]
            if earlier[0] == earlier[1]:
                return variable
        return "none"

    async def opens_thinking(self, switch: ThinkingSwitch) -> bool:
        """Return whether the prompt ends in an open thinking tag, with thinking switched on."""
        variables: JsonObject = {} if switch == "none" else {switch: True}
        return ends_in_thinking(await self.rendered(FIRST_TURN, variables, begins_reply=True) or "")

    async def rendered(
        self, messages: Sequence[JsonObject], variables: JsonObject | None = None, *, begins_reply: bool = False
    ) -> str | None:
        """Return the prompt, `None` if the template raises.  Raises `BackendError` if the server does not answer."""
        body: JsonObject = {
            "model": self._backend.target.model,
            "messages": [*messages],
            "tools": [TOOL],
            "add_generation_prompt": begins_reply,
            **({"chat_template_kwargs": variables} if variables else {}),
        }
        request = WireRequest(self._path, encode_json(body), accept="*/*", at_root=True)
        answer = (await query(self._backend, request, RENDERING_SECONDS)).decoded(_Rendered)
        return answer.prompt if answer else None


def _texts(conversation: Sequence[JsonObject]) -> list[str]:
    """Return the reasoning and the texts; not the results of structured calls, which templates without tools omit."""
    has_structured_calls = any("tool_calls" in message for message in conversation)
    texts: list[str] = []
    for message in conversation:
        shown = [message.get("reasoning_content"), message.get("content")]
        if not (has_structured_calls and message.get("role") == "tool"):
            texts += [text for text in shown if isinstance(text, str)]
    return texts
