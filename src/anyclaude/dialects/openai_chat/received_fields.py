"""
The fields of a reply that the server wants back, and those of the requests after it.

Which fields they are is known for each server: unknown ones are not returned, because another server would refuse them.
They are collected while the reply arrives, and belong to its calls: a server that misses them refuses the results of
the calls.  Those of the message go with the first call.
"""

from collections.abc import Iterator

from anyclaude.protocol.deltas import ToolCallDelta
from anyclaude.protocol.json_values import JsonObject, JsonValue, decode_json, encode_json
from anyclaude.protocol.provider_fields import ProviderFields

from .wire import CALL_FIELDS, FUNCTION_FIELDS, MESSAGE_FIELDS, CallPart, ChatMessage, FunctionPart

CONTINUED = ("text", "summary", "thinking")
"""The texts in the items of a list that arrive in pieces, as reasoning does (OpenRouter's `reasoning_details`)."""

UNSIGNED: JsonObject = {"extra_content": {"google": {"thought_signature": "skip_thought_signature_validator"}}}
"""What Gemini's API documents for a call that it has not signed: one of another model, or of an earlier session."""


class ReceivedFields:
    """The fields of one reply so far."""

    def __init__(self) -> None:
        self._message: dict[str, JsonValue] = {}
        self._reasoning: list[str] = []
        self._calls: dict[int, dict[str, JsonValue]] = {}
        self._functions: dict[int, dict[str, JsonValue]] = {}

    def add_reasoning(self, text: str) -> None:
        """Add a piece of the reasoning, which a client may not return."""
        self._reasoning.append(text)

    def add_message(self, message: ChatMessage) -> None:
        """Add the fields of a delta or of a whole message."""
        for name in MESSAGE_FIELDS:
            if (value := getattr(message, name)) is not None:
                self._message[name] = _joined(self._message.get(name), value)

    def add_call(self, slot: int, part: CallPart, function: FunctionPart) -> None:
        """Add the fields of a fragment of a call."""
        for name in CALL_FIELDS:
            if (value := getattr(part, name)) is not None:
                self._calls.setdefault(slot, {})[name] = value
        for name in FUNCTION_FIELDS:
            if (value := getattr(function, name)) is not None:
                self._functions.setdefault(slot, {})[name] = value

    def deltas(self, slots: list[int]) -> Iterator[ToolCallDelta]:
        """Yield what belongs to the calls in these slots, the whole reply's first."""
        for place, slot in enumerate(slots):
            is_first = place == 0
            parts = (self._calls.get(slot), self._functions.get(slot), self._message if is_first else None)
            texts = [encode_json(part).decode() if part else "" for part in parts]
            texts.append("".join(self._reasoning) if is_first else "")
            if any(texts):
                yield ToolCallDelta(slot, provider_fields=ProviderFields(*texts))


def is_signed(fields: ProviderFields | None) -> bool:
    """Return whether a signature is among the fields."""
    return fields is not None and any("signature" in text for text in (fields.call, fields.function, fields.message))


def returned(text: str) -> JsonObject:
    """Return the fields that were received as this text."""
    fields = decode_json(text.encode()) if text else {}
    return fields if isinstance(fields, dict) else {}


def _joined(before: JsonValue, value: JsonValue) -> JsonValue:
    """Return a field of the message with what another chunk says of it: more items of a list, or all of it again."""
    if not (isinstance(before, list) and isinstance(value, list)):
        return value
    items = [*before]
    for item in value:
        last = items[-1] if items else None
        if isinstance(last, dict) and isinstance(item, dict) and _continues(last, item):
            items[-1] = _item_with(last, item)
        else:
            items.append(item)
    return items


def _continues(last: JsonObject, item: JsonObject) -> bool:
    """Return whether an item is a piece of the last one: the same kind of text, which is not signed yet."""
    is_text = any(isinstance(item.get(name, last.get(name)), str) for name in CONTINUED)
    is_same = all(last.get(name) == item.get(name) for name in ("type", "index"))
    return is_text and is_same and not last.get("signature")


def _item_with(last: JsonObject, item: JsonObject) -> JsonObject:
    known = {name: value for name, value in item.items() if value is not None}
    texts = {name: f"{last.get(name) or ''}{item[name]}" for name in CONTINUED if isinstance(item.get(name), str)}
    return {**last, **known, **texts}
