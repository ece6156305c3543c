"""
Encode a conversation as Chat Completions messages.

The engine caches a prompt for later ones that begin alike, so the first rule is that a later turn never changes how an
earlier one was encoded: messages are made in one pass that looks back and never ahead.  It follows:

* Instructions in mid-conversation stay in their place: moving them to the front changes the whole prompt.  They keep
  their role if the model's template is known to leave them in place.  Many templates raise on a system message that is
  not the first, so otherwise they become user text in `<system-reminder>` tags, as the client itself writes them for a
  server that refuses the role (vLLM issue 53393 compares the alternatives).
* Neighbouring turns of one role become one message, because templates raise on two in a row (Gemma, Mistral:
  "Conversation roles must alternate").  A turn that joins is appended.  They raise on an assistant that speaks first
  too, so the user says something before.
* Some templates know fewer roles or places: the profile says where the system prompt, the text that comes with results,
  and a reply that has begun stand then (`SystemPrompt`, `TextAfterResults`, `Prefill`).  What is said at the end of the
  prompt to this request alone stands after everything else, as the user's text.
* Calls are numbered by their position.  The client's ids may repeat, and Mistral's templates raise on any id that is
  not nine letters and digits (mlx-lm issue 1375).
* A call without a result, or a result without a call, breaks templates and servers: the former gets a placeholder, the
  latter becomes user text.
* What the model has in the engine's cache is the text it wrote.  A call that stood in that text goes back in its place,
  character by character, if the template can do with a result whose call it does not see.  Text that was divided
  because a part of it is cited is whole again: nothing stands between a block with citations and its neighbours.
"""

from collections import deque
from collections.abc import Sequence
from itertools import takewhile
from typing import TypeAlias

from msgspec import Struct

from anyclaude.claude_code import REMINDER_END, REMINDER_START
from anyclaude.profiles import BackendProfile
from anyclaude.protocol.content import ContentBlock, TextBlock, ThinkingBlock, ToolResultBlock, ToolUseBlock, blocks_of
from anyclaude.protocol.detached_data import NO_DATA, DetachedData
from anyclaude.protocol.json_values import JsonObject, JsonValue, encode_json
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.protocol.provider_fields import ProviderFields
from anyclaude.tool_schemas import wire_name

from .call_order import in_order
from .dropped_fields import DroppedFields
from .in_words import GO_ON, call_in_words, result_in_words
from .parts import Part, PartReader, Picture, encode_parts, is_cited, joined_text
from .received_fields import UNSIGNED, is_signed, returned
from .reply_message import EMPTY_MESSAGE, Reply, with_texts
from .speakers import by_speaker, is_prefill

REMINDER = REMINDER_START + "\n{text}\n" + REMINDER_END

ERROR_PREFIX = "Error: "
"""Precedes the text of a tool result with `is_error`, for which Chat Completions has no field."""

SILENT_ERROR = "the tool failed and said nothing"
NO_RESULT = "Error: this call was never answered."
SEE_BELOW = "[image: it follows in the next user message]"

Message: TypeAlias = JsonObject

BRIDGE: Message = {"role": "assistant", "content": "Understood."}
"""Stands between results and the user's text where a template has no user message after a result."""


class Spoken(Struct, frozen=True):
    """What is said in words because the body has no field for it: before the system prompt, and at the end."""

    section: str = ""
    instructions: tuple[str, ...] = ()


NOTHING_SPOKEN = Spoken()


def encode_conversation(
    request: MessagesRequest,
    profile: BackendProfile,
    dropped: DroppedFields,
    spoken: Spoken = NOTHING_SPOKEN,
    origin: str = "",
    model: str = "",
) -> list[Message]:
    """Return the messages of a request to `model`, the system prompt first; `origin` stands for it and its server."""
    conversation = Conversation(profile, dropped, origin, model, request.detached)
    conversation.begin(blocks_of(request.system), spoken.section)
    *earlier, last = request.messages
    for turn in earlier:
        conversation.add(turn)
    if is_prefill(last):
        conversation.end_in_prefill(last, spoken.instructions)
    else:
        conversation.add(last)
        conversation.ask(spoken.instructions)
    return in_order(conversation.messages, profile)


class Call(Struct, frozen=True):
    """A call that has no result yet: the client's id, the id sent to the server, the tool."""

    client_id: str
    id: str
    name: str


class Conversation:
    """The messages so far; the last may still grow by a turn of the same role."""

    def __init__(
        self,
        profile: BackendProfile,
        dropped: DroppedFields,
        origin: str = "",
        model: str = "",
        detached: DetachedData = NO_DATA,
    ) -> None:
        self._profile = profile
        self._origin = origin
        self._dropped = dropped
        self._reader = PartReader(dropped, profile, model, detached)
        self._closed: list[Message] = []
        self._has_spoken = False  # a message is closed that is no instruction
        self._later_texts: list[str] = []  # of the assistant's turns that joined the last closed message
        self._user_parts: list[Part] = []
        self._open_calls: list[Call] = []
        self._calls = 0

    @property
    def messages(self) -> list[Message]:
        """All messages, including the last."""
        self._join_texts()
        return [*self._closed[:-1], *self._tail()]

    def begin(self, system: tuple[ContentBlock, ...], section: str = "") -> None:
        """Add the system prompt, which can only be text, after a section of the gateway's own."""
        text = joined_text([part for part in (section, self._text_of(system, "system")) if part])
        if text:
            self._add_opening(text)

    def add(self, turn: Turn) -> None:
        """Add the next turn."""
        self._dropped.note_fields("messages.", turn.extra)
        for role, blocks in by_speaker(turn):
            self._add(role, blocks)

    def ask(self, instructions: Sequence[str]) -> None:
        """Add the gateway's own words at the end of the prompt, as the user's."""
        if instructions:
            self._close_calls(())
            self._user_parts.extend(instructions)

    def end_in_prefill(self, turn: Turn, instructions: Sequence[str]) -> None:
        """Add a last turn in which the assistant's reply has begun, after the gateway's own words."""
        if self._profile.prefill == "assistant_message":
            self.ask(instructions)
            self.add(turn)
            return
        self._dropped.note("messages.prefill", "it was sent as a part of the question")
        begun = self._reply(blocks_of(turn.content)).content
        self.ask([*instructions, *([GO_ON.format(text=begun)] if begun else [])])

    def _add(self, role: str, blocks: tuple[ContentBlock, ...]) -> None:
        match role:
            case "assistant":
                self._add_assistant(blocks)
            case "system" | "developer":
                self._add_system(blocks)
            case "user":
                self._add_user(blocks)
            case _:
                self._dropped.note(
                    f"messages.role.{role}", "Chat Completions has no such role; it is sent as the user's"
                )
                self._add_user(blocks)

    def _add_system(self, blocks: tuple[ContentBlock, ...]) -> None:
        self._close_calls(())
        text = self._text_of(blocks, "messages.system")
        if not text:
            return
        if not (self._closed or self._user_parts):
            self._add_opening(text)
        elif self._profile.mid_conversation_system == "system_message" and not self._is_bound_to_result:
            self._close({"role": "system", "content": text})
        else:
            self._user_parts.append(text if text.startswith(REMINDER_START) else REMINDER.format(text=text))

    def _add_opening(self, text: str) -> None:
        if self._profile.system_prompt == "system_message":
            self._close({"role": "system", "content": text})
        else:
            self._user_parts.append(text)

    def _add_user(self, blocks: tuple[ContentBlock, ...]) -> None:
        positions, parts = self._close_calls(blocks)
        for position, block in enumerate(blocks):
            if not isinstance(block, ToolResultBlock):
                parts.extend(self._reader.parts_of(block, "messages"))
            elif position not in positions:
                parts.extend(self._orphan(block))
        if not parts and not positions and not self._user_parts:
            parts = [EMPTY_MESSAGE]
        self._user_parts.extend(parts)

    def _add_assistant(self, blocks: tuple[ContentBlock, ...]) -> None:
        self._close_calls(())
        reply = self._reply(blocks)
        if reply.is_empty:
            return  # an empty assistant message is refused too; its reasoning is recorded as dropped
        if self._is_first_turn:
            self._user_parts.append(EMPTY_MESSAGE)
        if self._user_parts or not self._closed or self._closed[-1]["role"] != "assistant":
            self._close(reply.message(self._profile))
        else:
            self._join(reply)

    def _reply(self, blocks: tuple[ContentBlock, ...]) -> Reply:
        reply = Reply()
        for block in blocks:
            match block:
                case TextBlock():
                    for part in self._reader.parts_of(block, "messages"):
                        reply.add_text(str(part), is_part=is_cited(block))
                case ThinkingBlock(thinking) if self._profile.earlier_reasoning != "drop":
                    reply.reasoning.append(thinking)
                case ToolUseBlock():
                    self._add_call(reply, block)
                case _:
                    self._reader.drop(block, "messages")
        return reply

    def _add_call(self, reply: Reply, block: ToolUseBlock) -> None:
        self._dropped.note_fields("messages.tool_use.", block.extra)
        self._calls += 1
        call = Call(block.id, f"call{self._calls:05d}", wire_name(block.name, self._profile.tool_names))
        self._open_calls.append(call)
        if block.written and self._profile.written_calls == "as_text":
            reply.add_written_call(block.written)
            return
        arguments = block.raw_arguments or _arguments(block.input)
        if self._profile.tools_sent_as == "words":
            reply.add_text(call_in_words(call.name, arguments))
            return
        function: dict[str, JsonValue] = {"name": call.name, "arguments": arguments}
        encoded: dict[str, JsonValue] = {"id": call.id, "type": "function", "function": function}
        reply.calls.append(encoded)
        fields = block.provider_fields if self._is_ours(block.provider_fields) else None
        if self._profile.requires_signatures and len(reply.calls) == 1 and not is_signed(fields):
            encoded |= UNSIGNED  # of parallel calls, only the first has a signature
        if fields is not None:
            function |= returned(fields.function)
            encoded |= returned(fields.call)
            reply.provider_fields |= returned(fields.message)
            if fields.reasoning and self._profile.earlier_reasoning != "drop":
                reply.reasoning = [fields.reasoning]  # whatever the client has made of it

    def _is_ours(self, fields: ProviderFields | None) -> bool:
        """Return whether fields came from the server and model that this conversation goes to."""
        return fields is not None and fields.origin == self._origin

    @property
    def _is_first_turn(self) -> bool:
        """Whether there is nothing but instructions so far."""
        return not self._user_parts and not self._has_spoken

    def _join(self, reply: Reply) -> None:
        """Add a reply to the last message, which is the assistant's too."""
        if any(reply.reasoning):  # it would stand before the text that was sent already
            self._dropped.note("messages.thinking", "two turns of the assistant are one; only the first has reasoning")
        last = self._closed[-1]
        fields = reply.fields_beside_text(self._profile, has_reasoning="reasoning_content" in last)
        self._closed[-1] = {**last, **fields}
        if reply.content:
            self._later_texts.append(reply.content)

    def _close_calls(self, blocks: tuple[ContentBlock, ...]) -> tuple[set[int], list[Part]]:
        """Add the results of the open calls, in the order of the calls; return the results' positions and pictures."""
        positions: set[int] = set()
        pictures: list[Part] = []
        results = _results_by_id(blocks) if self._open_calls else {}
        for call in self._open_calls:
            text, shown = NO_RESULT, list[Picture]()
            found = results.get(call.client_id)
            if not found:
                self._dropped.note("messages.tool_use.result", "a call had no result; a stand-in was sent for it")
            else:
                position, result = found.popleft()
                positions.add(position)
                text, shown = self._result(result)
            self._add_result(call, text)
            if shown:
                pictures.extend([f"From the result of {call.name} ({call.id}):", *shown])
        self._open_calls = []
        return positions, pictures

    def _add_result(self, call: Call, text: str) -> None:
        if self._profile.tools_sent_as == "words":
            self._user_parts.append(result_in_words(text))
            return
        named: JsonObject = {"name": call.name} if self._profile.names_results else {}
        self._close({"role": "tool", "tool_call_id": call.id, **named, "content": text})

    def _result(self, result: ToolResultBlock) -> tuple[str, list[Picture]]:
        """Return the text of a result, and its pictures: a tool message carries text only."""
        self._dropped.note_fields("messages.tool_result.", result.extra)
        parts = self._reader.parts(blocks_of(result.content or ()), "messages.tool_result")
        text = joined_text([SEE_BELOW if isinstance(part, Picture) else part for part in parts])
        if result.is_error:
            text = ERROR_PREFIX + (text or SILENT_ERROR)
        return text, [part for part in parts if isinstance(part, Picture)]

    def _orphan(self, result: ToolResultBlock) -> list[Part]:
        """Return a result without a call as user text."""
        self._dropped.note("messages.tool_result.tool_use_id", "a result answered no call; it was sent as user text")
        text, pictures = self._result(result)
        return [f"Result of an earlier tool call:\n{text}", *pictures]

    def _text_of(self, blocks: tuple[ContentBlock, ...], path: str) -> str:
        parts: list[Part] = []
        for block in blocks:
            if isinstance(block, TextBlock):
                parts.extend(self._reader.parts_of(block, path))
            else:
                self._reader.drop(block, path)
        return joined_text(parts)

    def _close(self, message: Message) -> None:
        self._join_texts()
        if self._user_parts:
            self._closed[-1:] = self._tail()
            self._user_parts = []
            self._has_spoken = True
        self._has_spoken = self._has_spoken or message["role"] != "system"
        self._closed.append(message)

    def _join_texts(self) -> None:
        """Put the texts of the turns that joined the last message into it, all at once."""
        if self._later_texts:
            self._closed[-1] = with_texts(self._closed[-1], self._later_texts)
            self._later_texts = []

    @property
    def _is_bound_to_result(self) -> bool:
        """Whether the last message is a result after which the template has no message but the assistant's."""
        is_result = bool(self._closed) and self._closed[-1]["role"] == "tool"
        return is_result and self._profile.text_after_results != "user_message"

    def _tail(self) -> list[Message]:
        """Return the last closed message and the user's parts after it, as messages."""
        last, parts = self._closed[-1:], self._user_parts
        if not (parts and self._is_bound_to_result):
            return [*last, *_user_message(parts)]
        if self._profile.text_after_results == "after_assistant":
            return [*last, BRIDGE, *_user_message(parts)]
        # Pictures cannot stand in a result; the text before them stays where it is when they come in a later turn.
        texts = list(takewhile(lambda part: isinstance(part, str), parts))
        result = {**last[0], "content": joined_text([part for part in (str(last[0]["content"]), *texts) if part])}
        shown = _user_message(parts[len(texts) :])
        return [result, *([BRIDGE, *shown] if shown else [])]


def _user_message(parts: list[Part]) -> list[Message]:
    return [{"role": "user", "content": encode_parts(parts)}] if parts else []


def _results_by_id(blocks: tuple[ContentBlock, ...]) -> dict[str, deque[tuple[int, ToolResultBlock]]]:
    """Return the results with their positions, in order under the id of each call: ids may repeat."""
    results: dict[str, deque[tuple[int, ToolResultBlock]]] = {}
    for position, block in enumerate(blocks):
        if isinstance(block, ToolResultBlock):
            results.setdefault(block.tool_use_id, deque()).append((position, block))
    return results


def _arguments(raw: JsonValue) -> str:
    """Return a tool's input as JSON; templates fail on anything but an object."""
    if raw is None:
        return "{}"
    return encode_json(raw if isinstance(raw, dict) else {"input": raw}).decode()
