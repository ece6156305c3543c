"""
The fields of a reply that the server wants back, and those of the requests after it.

Which fields they are is known for each server: unknown ones are not returned, because another server would refuse them.
They are collected while the reply arrives, and belong to its calls: a server that misses them refuses the results of
the calls.  Those of the message go with the first call.
"""

from collections.abc import Iterator

from anyclaude.errors import BackendGarbled
from anyclaude.protocol.deltas import ToolCallDelta
from anyclaude.protocol.json_values import JsonObject, JsonValue, decode_json, encode_json
from anyclaude.protocol.memory_size import memory_size
from anyclaude.protocol.provider_fields import ProviderFields

from .wire import CALL_FIELDS, FUNCTION_FIELDS, MESSAGE_FIELDS, CallPart, ChatMessage, FunctionPart

CONTINUED = ("text", "summary", "thinking")
"""The texts in the items of a list that arrive in pieces, as reasoning does (OpenRouter's `reasoning_details`)."""

MAX_FIELD_BYTES = 32 * 1024 * 1024
"""What these fields of one reply may take in memory.  The pieces of a text, one for each token, become one text: at 50
bytes each, the 128,000 tokens that the client requests at most are 6 MB."""

UNSIGNED: JsonObject = {"extra_content": {"google": {"thought_signature": "skip_thought_signature_validator"}}}
"""What Gemini's API documents for a call that it has not signed: one of another model, or of an earlier session."""


class _Items:
    """The items of a list that arrives in several chunks: each brings more items, or more of the last one."""

    def __init__(self) -> None:
        self._items: list[JsonValue] = []
        self._texts: dict[str, list[str]] = {}  # of the last item, in pieces: to join them each time takes too long

    def extend(self, more: list[JsonValue]) -> int:
        """Add what another chunk says, and return the bytes that it takes."""
        added = 0
        for item in more:
            last = self._items[-1] if self._items else None
            if isinstance(last, dict) and isinstance(item, dict) and _continues(last, item):
                added += self._continue(last, item)
            else:
                self._join_texts()
                self._items.append(item)
                added += memory_size(item)
        return added

    def whole(self) -> list[JsonValue]:
        """Return all items."""
        self._join_texts()
        return self._items

    def _continue(self, last: JsonObject, item: JsonObject) -> int:
        known = {name: value for name, value in item.items() if value is not None}
        pieces = {name: piece for name in CONTINUED if isinstance(piece := known.pop(name, None), str)}
        for name, piece in pieces.items():
            self._texts.setdefault(name, [str(last.get(name) or "")]).append(piece)
        self._items[-1] = {**last, **known}
        return memory_size(*pieces.values(), *(item for name, item in known.items() if last.get(name) != item))

    def _join_texts(self) -> None:
        if self._texts and isinstance(last := self._items[-1], dict):
            self._items[-1] = {**last, **{name: "".join(pieces) for name, pieces in self._texts.items()}}
            self._texts.clear()


class ReceivedFields:
    """The fields of one reply so far."""

    def __init__(self) -> None:
        self._message: dict[str, JsonValue | _Items] = {}
        self._reasoning: list[str] = []
        self._calls: dict[int, dict[str, JsonValue]] = {}
        self._functions: dict[int, dict[str, JsonValue]] = {}
        self._bytes = 0

    def add_reasoning(self, text: str) -> None:
        """Add a piece of the reasoning, which a client may not return."""
        self._reasoning.append(text)

    def add_message(self, message: ChatMessage) -> None:
        """Add the fields of a delta or of a whole message.  Raises `BackendGarbled` if they have no end."""
        for name in MESSAGE_FIELDS:
            if (value := getattr(message, name)) is not None:
                if not isinstance(value, list):
                    self._count(memory_size(value))
                    self._message[name] = value
                    continue
                items = self._message.get(name)
                if not isinstance(items, _Items):
                    items = self._message[name] = _Items()
                self._count(items.extend(value))

    def add_call(self, slot: int, part: CallPart, function: FunctionPart) -> None:
        """Add the fields of a fragment of a call.  Raises `BackendGarbled` if they have no end."""
        for name in CALL_FIELDS:
            if (value := getattr(part, name)) is not None:
                self._count(memory_size(value))
                self._calls.setdefault(slot, {})[name] = value
        for name in FUNCTION_FIELDS:
            if (value := getattr(function, name)) is not None:
                self._count(memory_size(value))
                self._functions.setdefault(slot, {})[name] = value

    def _count(self, added_bytes: int) -> None:
        self._bytes += added_bytes
        if self._bytes > MAX_FIELD_BYTES:
            raise BackendGarbled(f"the backend's own fields of a reply take more than {MAX_FIELD_BYTES:,} bytes")

    def _whole_message(self) -> JsonObject:
        return {name: value.whole() if isinstance(value, _Items) else value for name, value in self._message.items()}

    def deltas(self, slots: list[int]) -> Iterator[ToolCallDelta]:
        """Yield what belongs to the calls in these slots, the whole reply's first."""
        for place, slot in enumerate(slots):
            is_first = place == 0
            parts = (self._calls.get(slot), self._functions.get(slot), self._whole_message() if is_first else None)
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


def _continues(last: JsonObject, item: JsonObject) -> bool:
    """Return whether an item is a piece of the last one: the same kind of text, which is not signed yet."""
    is_text = any(isinstance(item.get(name, last.get(name)), str) for name in CONTINUED)
    is_same = all(last.get(name) == item.get(name) for name in ("type", "index"))
    return is_text and is_same and not last.get("signature")
