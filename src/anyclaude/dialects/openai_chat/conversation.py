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
* Calls are numbered by their position.  The client's ids may repeat, and Mistral's templates raise on any id that is
  not nine letters and digits (mlx-lm issue 1375).
* A call without a result, or a result without a call, breaks templates and servers: the former gets a placeholder, the
  latter becomes user text.
* What the model has in the engine's cache is the text it wrote.  A call that stood in that text goes back in its place,
  character by character, if the template can do with a result whose call it does not see.
"""

from collections.abc import Iterator
from itertools import groupby
from typing import TypeAlias

from msgspec import Struct

from anyclaude.claude_code import REMINDER_END, REMINDER_START
from anyclaude.profiles import BackendProfile
from anyclaude.protocol.content import ContentBlock, TextBlock, ThinkingBlock, ToolResultBlock, ToolUseBlock, blocks_of
from anyclaude.protocol.json_values import JsonObject, JsonValue, encode_json
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.tool_schemas import wire_name

from .dropped_fields import DroppedFields
from .parts import SEPARATOR, Part, PartReader, Picture, encode_parts, joined_text

REMINDER = REMINDER_START + "\n{text}\n" + REMINDER_END

ERROR_PREFIX = "Error: "
"""Precedes the text of a tool result with `is_error`, for which Chat Completions has no field."""

SILENT_ERROR = "the tool failed and said nothing"
NO_RESULT = "Error: this call was never answered."
SEE_BELOW = "[image: it follows in the next user message]"
EMPTY_MESSAGE = "(no content)"
"""The text that the client itself writes for an empty message, which templates and servers refuse."""

Message: TypeAlias = JsonObject


def encode_conversation(
    request: MessagesRequest, profile: BackendProfile, dropped: DroppedFields, model: str = ""
) -> list[Message]:
    """Return the messages of a request to `model`, the system prompt first."""
    conversation = Conversation(profile, dropped, model)
    conversation.begin(blocks_of(request.system))
    for turn in request.messages:
        conversation.add(turn)
    return conversation.messages


class Call(Struct, frozen=True):
    """A call that has no result yet: the client's id, the id sent to the server, the tool."""

    client_id: str
    id: str
    name: str


class Reply:
    """What the assistant said in one turn; the text and the calls it wrote into it, as they stood."""

    def __init__(self) -> None:
        self.content = ""
        self.reasoning: list[str] = []
        self.calls: list[JsonValue] = []
        self._ends_in_text = False

    def add_text(self, text: str) -> None:
        """Add the text of one block."""
        self.content += SEPARATOR + text if self._ends_in_text else text
        self._ends_in_text = True

    def add_written_call(self, text: str) -> None:
        """Add a call that stood in the text, with the whitespace around it."""
        self.content += text
        self._ends_in_text = False

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing in it that a template shows."""
        return not (self.content.strip() or self.calls or any(self.reasoning))

    @property
    def message(self) -> Message:
        """The message on the wire."""
        message: dict[str, JsonValue] = {"role": "assistant", "content": self.content or None}
        if any(self.reasoning):
            message["reasoning_content"] = SEPARATOR.join(self.reasoning)
        if self.calls:
            message["tool_calls"] = self.calls
        return message


class Conversation:
    """The messages so far; the last may still grow by a turn of the same role."""

    def __init__(self, profile: BackendProfile, dropped: DroppedFields, model: str = "") -> None:
        self._profile = profile
        self._dropped = dropped
        self._reader = PartReader(dropped, profile, model)
        self._closed: list[Message] = []
        self._user_parts: list[Part] = []
        self._open_calls: list[Call] = []
        self._calls = 0

    @property
    def messages(self) -> list[Message]:
        """All messages, including the last."""
        return [*self._closed, *self._open_message()]

    def begin(self, system: tuple[ContentBlock, ...]) -> None:
        """Add the system prompt; it can only be text."""
        if text := self._text_of(system, "system"):
            self._close({"role": "system", "content": text})

    def add(self, turn: Turn) -> None:
        """Add the next turn."""
        self._dropped.note_fields("messages.", turn.extra)
        for role, blocks in _by_speaker(turn):
            self._add(role, blocks)

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
        if not (self._closed or self._user_parts) or self._profile.mid_conversation_system == "system_message":
            self._close({"role": "system", "content": text})
        else:
            self._user_parts.append(text if text.startswith(REMINDER_START) else REMINDER.format(text=text))

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
        self._close(self._joined(reply))

    def _reply(self, blocks: tuple[ContentBlock, ...]) -> "Reply":
        reply = Reply()
        for block in blocks:
            match block:
                case TextBlock():
                    for part in self._reader.parts_of(block, "messages"):
                        reply.add_text(str(part))
                case ThinkingBlock(thinking) if self._profile.earlier_reasoning == "reasoning_content":
                    reply.reasoning.append(thinking)
                case ToolUseBlock():
                    self._add_call(reply, block)
                case _:
                    self._reader.drop(block, "messages")
        return reply

    def _add_call(self, reply: "Reply", block: ToolUseBlock) -> None:
        self._dropped.note_fields("messages.tool_use.", block.extra)
        self._calls += 1
        call = Call(block.id, f"call{self._calls:05d}", wire_name(block.name))
        self._open_calls.append(call)
        if block.written and self._profile.written_calls == "as_text":
            reply.add_written_call(block.written)
            return
        arguments = block.raw_arguments or _arguments(block.input)
        function: JsonObject = {"name": call.name, "arguments": arguments}
        reply.calls.append({"id": call.id, "type": "function", "function": function})

    @property
    def _is_first_turn(self) -> bool:
        """Whether there is nothing but instructions so far."""
        return not self._user_parts and all(message["role"] == "system" for message in self._closed)

    def _joined(self, reply: "Reply") -> Message:
        """Return the message of a reply, joined with the one before if that is the assistant's too."""
        if self._user_parts or not self._closed or self._closed[-1]["role"] != "assistant":
            return reply.message
        before = self._closed.pop()
        if any(reply.reasoning):  # it would stand before the text that was sent already
            self._dropped.note("messages.thinking", "two turns of the assistant are one; only the first has reasoning")
        text = SEPARATOR.join(str(text) for text in (before["content"], reply.content) if text)
        message: dict[str, JsonValue] = {**before, "content": text or None}
        if reply.calls:
            message["tool_calls"] = reply.calls
        return message

    def _close_calls(self, blocks: tuple[ContentBlock, ...]) -> tuple[set[int], list[Part]]:
        """Add the results of the open calls, in the order of the calls; return the results' positions and pictures."""
        positions: set[int] = set()
        pictures: list[Part] = []
        for call in self._open_calls:
            text, shown = NO_RESULT, list[Picture]()
            found = _result_of(call, blocks, positions)
            if found is None:
                self._dropped.note("messages.tool_use.result", "a call had no result; a stand-in was sent for it")
            else:
                position, result = found
                positions.add(position)
                text, shown = self._result(result)
            self._close({"role": "tool", "tool_call_id": call.id, "content": text})
            if shown:
                pictures.extend([f"From the result of {call.name} ({call.id}):", *shown])
        self._open_calls = []
        return positions, pictures

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
        self._closed.extend(self._open_message())
        self._user_parts = []
        self._closed.append(message)

    def _open_message(self) -> list[Message]:
        return [{"role": "user", "content": encode_parts(self._user_parts)}] if self._user_parts else []


def _by_speaker(turn: Turn) -> Iterator[tuple[str, tuple[ContentBlock, ...]]]:
    """Yield a turn in pieces: only the assistant calls tools, and only the user has their results."""
    blocks = blocks_of(turn.content)
    if not blocks or turn.role in {"system", "developer"}:
        yield turn.role, blocks
        return
    for role, piece in groupby(blocks, lambda block: _speaker(block, turn.role)):
        yield role, tuple(piece)


def _speaker(block: ContentBlock, role: str) -> str:
    """Return the role that a block belongs to, in a turn of this role."""
    match block:
        case ToolUseBlock():
            return "assistant"
        case ToolResultBlock() if role == "assistant":
            return "user"
        case _:
            return role


def _result_of(call: Call, blocks: tuple[ContentBlock, ...], used: set[int]) -> tuple[int, ToolResultBlock] | None:
    """Return the first result for a call that is not used for another one: ids may repeat."""
    for position, block in enumerate(blocks):
        if isinstance(block, ToolResultBlock) and block.tool_use_id == call.client_id and position not in used:
            return position, block
    return None


def _arguments(raw: JsonValue) -> str:
    """Return a tool's input as JSON; templates fail on anything but an object."""
    if raw is None:
        return "{}"
    return encode_json(raw if isinstance(raw, dict) else {"input": raw}).decode()
