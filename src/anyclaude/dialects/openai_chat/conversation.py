"""
Say a conversation in Chat Completions messages.

The engine keeps what it has computed for a prompt that begins as an earlier one did, so the
first rule is that a later turn never changes how an earlier one was said: messages are made in
one pass that looks back and never ahead.  What follows from it:

* Instructions in mid-conversation stay where they are: to hoist them to the front changes the
  whole prompt.  They keep their role where the model's template is known to leave them in their
  place.  Many templates raise on a system message that is not the first, so everywhere else they
  become user text in `<system-reminder>` tags, as the client itself writes them where a server
  refuses the role (vLLM issue 53393 compares the alternatives).
* Neighbouring user turns become one message, because templates raise on two in a row (Gemma,
  Mistral: "Conversation roles must alternate").  A turn that joins only adds to the end.
* Calls are numbered by their place.  The client's ids may repeat, and Mistral's templates raise
  on any that is not nine letters and digits (mlx-lm issue 1375).
* A call without a result, or a result without a call, breaks templates and servers alike: the
  one gets a stand-in, the other becomes user text.
"""

from typing import TypeAlias

from msgspec import Struct

from anyclaude.profiles import BackendProfile
from anyclaude.protocol.content import ContentBlock, TextBlock, ThinkingBlock, ToolResultBlock, ToolUseBlock, blocks_of
from anyclaude.protocol.json_values import JsonObject, JsonValue, encode_json
from anyclaude.protocol.messages_request import MessagesRequest, Turn

from .dropped_fields import DroppedFields
from .parts import SEPARATOR, Part, PartReader, Picture, encode_parts, joined_text

REMINDER = "<system-reminder>\n{text}\n</system-reminder>"
REMINDER_START = "<system-reminder>"

ERROR_PREFIX = "Error: "
"""Stands before the text of a tool result that the client marks with `is_error`; there is no field for it."""

SILENT_ERROR = "the tool failed and said nothing"
NO_RESULT = "Error: this call was never answered."
SEE_BELOW = "[image: it follows in the next user message]"
NOTHING_SAID = "(no content)"
"""What the client itself writes for an empty message; templates and servers refuse one."""

Message: TypeAlias = JsonObject


def encode_conversation(request: MessagesRequest, profile: BackendProfile, dropped: DroppedFields) -> list[Message]:
    """Return the messages of a request, the system prompt first."""
    conversation = Conversation(profile, dropped)
    conversation.begin(blocks_of(request.system))
    for turn in request.messages:
        conversation.add(turn)
    return conversation.messages


class Call(Struct, frozen=True):
    """A call that has no result yet: its id with the client, its id with the server, the tool."""

    client_id: str
    id: str
    name: str


class Conversation:
    """The messages so far."""

    def __init__(self, profile: BackendProfile, dropped: DroppedFields) -> None:
        self._profile = profile
        self._dropped = dropped
        self._reader = PartReader(dropped, profile)
        self._closed: list[Message] = []
        self._user_parts: list[Part] = []
        self._awaited: list[Call] = []
        self._calls = 0

    @property
    def messages(self) -> list[Message]:
        """All of them, the one that may still grow included."""
        return [*self._closed, *self._growing()]

    def begin(self, system: tuple[ContentBlock, ...]) -> None:
        """Say the system prompt; it can only be text."""
        if text := self._text_alone(system, "system"):
            self._close({"role": "system", "content": text})

    def add(self, turn: Turn) -> None:
        """Say the next turn."""
        self._dropped.note_fields("messages.", turn.extra)
        blocks = blocks_of(turn.content)
        match turn.role:
            case "assistant":
                self._add_assistant(blocks)
            case "system" | "developer":
                self._add_system(blocks)
            case "user":
                self._add_user(blocks)
            case role:
                self._dropped.note(
                    f"messages.role.{role}", "Chat Completions has no such role; it is sent as the user's"
                )
                self._add_user(blocks)

    def _add_system(self, blocks: tuple[ContentBlock, ...]) -> None:
        self._settle(())
        text = self._text_alone(blocks, "messages.system")
        if not text:
            return
        if not (self._closed or self._user_parts) or self._profile.mid_conversation_system == "system_message":
            self._close({"role": "system", "content": text})
        else:
            self._user_parts.append(text if text.startswith(REMINDER_START) else REMINDER.format(text=text))

    def _add_user(self, blocks: tuple[ContentBlock, ...]) -> None:
        answers, parts = self._settle(blocks)
        for position, block in enumerate(blocks):
            if not isinstance(block, ToolResultBlock):
                parts.extend(self._reader.parts_of(block, "messages"))
            elif position not in answers:
                parts.extend(self._orphan(block))
        if not parts and not answers and not self._user_parts:
            parts = [NOTHING_SAID]
        self._user_parts.extend(parts)

    def _add_assistant(self, blocks: tuple[ContentBlock, ...]) -> None:
        self._settle(())
        texts: list[Part] = []
        thoughts: list[str] = []
        calls: list[JsonValue] = []
        for block in blocks:
            match block:
                case TextBlock():
                    texts.extend(self._reader.parts_of(block, "messages"))
                case ThinkingBlock(thinking) if self._profile.earlier_reasoning == "reasoning_content":
                    thoughts.append(thinking)
                case ToolUseBlock():
                    calls.append(self._call(block))
                case _:
                    self._reader.drop(block, "messages")
        if not texts and not calls and not any(thoughts):
            return  # an empty message of the assistant is refused as well; its thinking is in the account
        message: dict[str, JsonValue] = {"role": "assistant", "content": joined_text(texts) if texts else None}
        if any(thoughts):
            message["reasoning_content"] = SEPARATOR.join(thoughts)
        if calls:
            message["tool_calls"] = calls
        self._close(message)

    def _call(self, block: ToolUseBlock) -> JsonObject:
        self._dropped.note_fields("messages.tool_use.", block.extra)
        self._calls += 1
        call = Call(block.id, f"call{self._calls:05d}", block.name)
        self._awaited.append(call)
        return {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": block.raw_arguments or _arguments(block.input)},
        }

    def _settle(self, blocks: tuple[ContentBlock, ...]) -> tuple[set[int], list[Part]]:
        """Give waiting calls their results, in the order of the calls; return where these stood, and their pictures."""
        answers: set[int] = set()
        pictures: list[Part] = []
        for call in self._awaited:
            text, shown = NO_RESULT, list[Picture]()
            found = _answer_to(call, blocks, answers)
            if found is None:
                self._dropped.note("messages.tool_use.result", "a call had no result; a stand-in was sent for it")
            else:
                position, result = found
                answers.add(position)
                text, shown = self._result(result)
            self._close({"role": "tool", "tool_call_id": call.id, "content": text})
            if shown:
                pictures.extend([f"From the result of {call.name} ({call.id}):", *shown])
        self._awaited = []
        return answers, pictures

    def _result(self, result: ToolResultBlock) -> tuple[str, list[Picture]]:
        """Return the text of a result, and its pictures: a tool's message carries text alone."""
        self._dropped.note_fields("messages.tool_result.", result.extra)
        parts = self._reader.parts(blocks_of(result.content or ()), "messages.tool_result")
        text = joined_text([SEE_BELOW if isinstance(part, Picture) else part for part in parts])
        if result.is_error:
            text = ERROR_PREFIX + (text or SILENT_ERROR)
        return text, [part for part in parts if isinstance(part, Picture)]

    def _orphan(self, result: ToolResultBlock) -> list[Part]:
        """Say a result that answers no call as text."""
        self._dropped.note("messages.tool_result.tool_use_id", "a result answered no call; it was sent as user text")
        text, pictures = self._result(result)
        return [f"Result of an earlier tool call:\n{text}", *pictures]

    def _text_alone(self, blocks: tuple[ContentBlock, ...], path: str) -> str:
        parts: list[Part] = []
        for block in blocks:
            if isinstance(block, TextBlock):
                parts.extend(self._reader.parts_of(block, path))
            else:
                self._reader.drop(block, path)
        return joined_text(parts)

    def _close(self, message: Message) -> None:
        self._closed.extend(self._growing())
        self._user_parts = []
        self._closed.append(message)

    def _growing(self) -> list[Message]:
        return [{"role": "user", "content": encode_parts(self._user_parts)}] if self._user_parts else []


def _answer_to(call: Call, blocks: tuple[ContentBlock, ...], taken: set[int]) -> tuple[int, ToolResultBlock] | None:
    """Return the first result for a call that no other call has taken: ids may repeat."""
    for position, block in enumerate(blocks):
        if isinstance(block, ToolResultBlock) and block.tool_use_id == call.client_id and position not in taken:
            return position, block
    return None


def _arguments(raw: JsonValue) -> str:
    """Return a tool's input as JSON text; templates fail on anything but an object."""
    if raw is None:
        return "{}"
    return encode_json(raw if isinstance(raw, dict) else {"input": raw}).decode()
