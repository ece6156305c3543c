"""The message in which one turn of the assistant is sent back."""

from collections.abc import Mapping

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
        self.content = ""
        self.reasoning: list[str] = []
        self.calls: list[JsonValue] = []
        self.provider_fields: dict[str, JsonValue] = {}
        """The fields that the server wants back with the message."""
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

    def message(self, profile: BackendProfile, before: JsonObject | None = None) -> JsonObject:
        """Return the message on the wire, joined to the one before it if that is the assistant's too."""
        earlier = "" if before is None else str(before["content"] or "")
        content = earlier + SEPARATOR + self.content if earlier and self.content else earlier or self.content
        message: dict[str, JsonValue] = {"role": "assistant", **(before or {})}
        message["content"] = content or EMPTY[profile.empty_content]
        if before is None and any(self.reasoning):
            message["reasoning_content"] = SEPARATOR.join(self.reasoning)
        elif self.calls and profile.earlier_reasoning == "always_reasoning_content":
            message.setdefault("reasoning_content", UNKNOWN_REASONING)
        if self.calls:
            message["tool_calls"] = self.calls
        return {**message, **self.provider_fields}
