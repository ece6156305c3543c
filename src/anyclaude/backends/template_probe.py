"""
Asks a server how the model's chat template says a conversation, and settles by it how ours are said.

A template is a program: it may raise on an instruction in mid-conversation, move it to the front, or leave it out; it
may drop what the model thought.  llama.cpp renders any conversation for the asking (`POST /apply-template`), so nothing
has to be known about the template: a small conversation is rendered turn by turn, and each rendering has to begin with
the whole one before it, as the engine's cache wants it.
"""

import itertools
from collections.abc import Sequence
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from anyclaude.dialects import WireRequest
from anyclaude.errors import BackendError
from anyclaude.protocol.json_values import JsonObject, encode_json

from .base import Backend
from .query import query
from .target import BackendTarget

RENDERING_SECONDS = 5.0
"""A small conversation is rendered within milliseconds; a server that computes for others may take longer."""

Stages: TypeAlias = Sequence[Sequence[JsonObject]]
"""What each turn adds to a conversation."""


async def fitted_to_template(backend: Backend) -> BackendTarget:
    """Return the backend's target with a profile that says what the template allows; as it is where none is shown."""
    target = backend.target
    profile = target.profile
    if profile.template_path is None:
        return target
    template = _Template(backend, profile.template_path)
    if await template.rendered(WITHOUT_RULES[0]) is None:
        return target
    fitted = replace(
        profile,
        mid_conversation_system="system_message" if await template.keeps(WITH_LATE_RULES) else "user_reminder",
        earlier_reasoning="reasoning_content" if await template.keeps(WITH_THOUGHTS) else "drop",
    )
    return replace(target, profile=fitted)


def keeps_the_prefix(renderings: Sequence[str], texts: Sequence[str]) -> bool:
    """Tell whether each rendering begins with the one before, and the last one says all texts in their order."""
    extends = all(later.startswith(earlier) for earlier, later in itertools.pairwise(renderings))
    return extends and _says(renderings[-1], texts)


def _says(rendering: str, texts: Sequence[str]) -> bool:
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


def _said(role: str, text: str, thought: str | None = None) -> JsonObject:
    message: JsonObject = {"role": role, "content": text}
    return message if thought is None else {**message, "reasoning_content": thought}


def _called(thought: str | None = None) -> tuple[JsonObject, JsonObject]:
    function: JsonObject = {"name": "Read", "arguments": '{"path": "/notes"}'}
    # Mistral's templates raise on any other kind of id.
    calls: list[JsonObject] = [{"id": "call00001", "type": "function", "function": function}]
    call: JsonObject = {"role": "assistant", "content": None, "tool_calls": [*calls]}
    result: JsonObject = {"role": "tool", "tool_call_id": "call00001", "content": "The result."}
    return (call if thought is None else {**call, "reasoning_content": thought}), result


WITHOUT_RULES: Stages = ((_said("user", "The first question."),),)

WITH_LATE_RULES: Stages = (
    (_said("system", "The first rule."), _said("system", "The second rule."), _said("user", "The first question.")),
    (*_called(), _said("system", "The third rule.")),
    (_said("assistant", "The answer."), _said("user", "The second question."), _said("system", "The fourth rule.")),
    (_said("user", "The third question."),),
    (_said("assistant", "The last answer."), _said("system", "The fifth rule.")),
)
"""Instructions wherever the client puts them: behind the system prompt, a result, the user's words and a reply."""

WITH_THOUGHTS: Stages = (
    (_said("user", "The first question."),),
    (_said("assistant", "The first answer.", "The first thought."), _said("user", "The second question.")),
    _called("The second thought."),
    (_said("assistant", "The second answer.", "The third thought."), _said("user", "The third question.")),
)
"""Many templates show thoughts until the user speaks again, and then drop them: the prompt is read anew from there."""


class _Rendered(Struct, frozen=True):
    prompt: str


class _Template:
    """The template of one model, as its server applies it."""

    def __init__(self, backend: Backend, path: str) -> None:
        self._backend = backend
        self._path = path

    async def keeps(self, stages: Stages) -> bool:
        """Tell whether the conversation is rendered at all, whole, in its order, and each turn as it was before."""
        messages: list[JsonObject] = []
        renderings: list[str] = []
        for stage in stages:
            messages += stage
            rendering = await self.rendered(messages)
            if rendering is None:
                return False
            renderings.append(rendering)
        return keeps_the_prefix(renderings, [text for message in messages for text in _texts_that_count(message)])

    async def rendered(self, messages: Sequence[JsonObject]) -> str | None:
        """Return the prompt without the beginning of a reply, `None` if the template raises."""
        body: JsonObject = {
            "model": self._backend.target.model,
            "messages": [*messages],
            "tools": [TOOL],
            "add_generation_prompt": False,
        }
        request = WireRequest(self._path, encode_json(body), accept="*/*", at_root=True)
        try:
            answer = (await query(self._backend, request, RENDERING_SECONDS)).decoded(_Rendered)
        except BackendError:
            return None
        return answer.prompt if answer else None


def _texts_that_count(message: JsonObject) -> list[str]:
    """Return a message's thought and text; calls and results are not looked for: a template may know no tools."""
    texts = [message.get("reasoning_content"), message.get("content") if message.get("role") != "tool" else None]
    return [text for text in texts if isinstance(text, str)]
