"""The message in which one turn of the assistant is sent back."""

from collections.abc import Mapping, Sequence
from functools import cached_property

from anyclaude.profiles import BackendProfile, EmptyContent
from anyclaude.protocol.json_values import JsonObject, JsonValue

from .parts import SEPARATOR

EMPTY_MESSAGE = "(no content)"
"""The text that the client itself writes for an empty message, which templates and servers refuse."""

EMPTY: Mapping[EmptyContent, str | None] = {"null": None, "empty_string": "", "placeholder": EMPTY_MESSAGE}

UNKNOWN_REASONING = " "
"""The shortest text that Kimi K2.5 and K2.6 accept, for which an empty one is missing; DeepSeek takes both (pi pull
4178, llmgateway pull 2093)."""


def without_calls(profile: BackendProfile) -> JsonObject:
    """Return the message of a reply that had only calls, without them."""
    message: dict[str, JsonValue] = {"role": "assistant", "content": EMPTY[profile.empty_content]}
    if profile.earlier_reasoning == "always_reasoning_content":
        message["reasoning_content"] = UNKNOWN_REASONING
    return message


class Reply:
    """What the assistant said in one turn; the text and the calls it wrote into it, as they stood."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self.reasoning: list[str] = []
        self.calls: list[JsonValue] = []
        self.provider_fields: dict[str, JsonValue] = {}
        """The fields that the server wants back with the message."""
        self._ends_in_text = False
        self._ends_in_part = False

    def add_text(self, text: str, *, is_part: bool = False) -> None:
        """Add the text of one block, which is one of the parts of a divided text if it has citations."""
        is_joined = not self._ends_in_text or is_part or self._ends_in_part
        self._texts += (text,) if is_joined else (SEPARATOR, text)
        self._ends_in_text = True
        self._ends_in_part = is_part

    def add_written_call(self, text: str) -> None:
        """Add a call that stood in the text, with the whitespace around it."""
        self._texts.append(text)
        self._ends_in_text = False

    @cached_property
    def content(self) -> str:
        """The text, once all of it was added."""
        return "".join(self._texts)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing in it that a template shows."""
        return not (self.content.strip() or self.calls or any(self.reasoning))

    def message(self, profile: BackendProfile) -> JsonObject:
        """Return the message on the wire."""
        message: dict[str, JsonValue] = {"role": "assistant", "content": self.content or EMPTY[profile.empty_content]}
        if any(self.reasoning):
            message["reasoning_content"] = SEPARATOR.join(self.reasoning)
        return {**message, **self.fields_beside_text(profile, has_reasoning="reasoning_content" in message)}

    def fields_beside_text(self, profile: BackendProfile, *, has_reasoning: bool = False) -> JsonObject:
        """Return the calls, and what goes with them; the text may be a part of another message."""
        fields: dict[str, JsonValue] = {}
        if self.calls and not has_reasoning and profile.earlier_reasoning == "always_reasoning_content":
            fields["reasoning_content"] = UNKNOWN_REASONING
        if self.calls:
            fields["tool_calls"] = self.calls
        return {**fields, **self.provider_fields}


def with_texts(message: JsonObject, texts: Sequence[str]) -> JsonObject:
    """Return a message of the assistant with the texts of later turns."""
    content = message["content"]
    return {**message, "content": SEPARATOR.join([*([str(content)] if content else []), *texts])}
