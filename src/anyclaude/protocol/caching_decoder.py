"""
Reading requests that say again what earlier ones have said.

Every turn of a conversation sends the tools, the instructions and all earlier messages once more, byte for byte.  A
part that is known comes back as the very object it was the last time, so that nothing has to be decoded again, and
what was derived from that object (its size, its shorter form) is still there.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Generic, TypeVar

import msgspec
from msgspec.structs import replace

from anyclaude.errors import InvalidRequest

from .content import Content, ContentBlock, decode_block, decode_content
from .json_values import MAX_DEPTH, JsonError, JsonValue, decode_json
from .messages_request import MessagesRequest, Tool, Turn, decode_request, decode_tool, decode_turn, request_from

MAX_TURN_BYTES = 8 * 1024 * 1024
"""JSON text of turns that is kept; a conversation of 200,000 tokens has 0.8 MB."""

MAX_TOOL_BYTES = 2 * 1024 * 1024
"""JSON text of tools that is kept, and as much again of instructions: 60 tools have 0.2 MB, a system prompt 30 kB.

Filled to its 12 MB, a reader takes 30 MB of memory, and 51 MB where every text has an emoji in it (CPython 3.11 then
needs four bytes for each character)."""

LARGEST_SHARE = 4
"""A part that would take more than a quarter of the room is not kept: it would push out what comes again for sure."""

STAND_IN: JsonValue = [{"role": "user", "content": ""}]
"""Stands where the turns are put in, while the rest of a request is read."""

WITHIN = 2
"""A turn, a tool and a block of instructions stand in a list in the body: so many levels are taken."""

T = TypeVar("T")


class DecodeCache(Generic[T]):
    """Decodes parts; one that is among the latest `max_bytes` of them is not decoded but remembered."""

    def __init__(self, decode: Callable[[bytes], T], max_bytes: int) -> None:
        self._decode = decode
        self._max_bytes = max_bytes
        self._values: OrderedDict[bytes, T] = OrderedDict()
        self._held_bytes = 0

    def __call__(self, text: bytes) -> T:
        """Return what `text` says; raises what the decoder raises, and keeps nothing then."""
        value = self._values.get(text)
        if value is not None:
            self._values.move_to_end(text)
            return value
        value = self._decode(text)
        if len(text) <= self._max_bytes // LARGEST_SHARE:
            self._keep(text, value)
        return value

    def _keep(self, text: bytes, value: T) -> None:
        self._values[text] = value
        self._held_bytes += len(text)
        while self._held_bytes > self._max_bytes:
            self._held_bytes -= len(self._values.popitem(last=False)[0])


class CachingDecoder:
    """
    `decode_request` with a memory; it accepts, refuses and returns the same.

    Only a body without any whitespace between its parts is taken apart, which is what JavaScript's `JSON.stringify`
    writes.  Every other one, and every one with something wrong in it, is left to `decode_request`.
    """

    def __init__(self, max_turn_bytes: int = MAX_TURN_BYTES, max_tool_bytes: int = MAX_TOOL_BYTES) -> None:
        self._turn = DecodeCache(_turn, max_turn_bytes)
        self._tool = DecodeCache(_tool, max_tool_bytes)
        self._block = DecodeCache(_block, max_tool_bytes)
        self._fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
        self._items = msgspec.json.Decoder(list[msgspec.Raw]).decode

    def decode(self, body: bytes) -> MessagesRequest:
        """Parse a request body; raises `InvalidRequest` that names the field and what is wrong with it."""
        try:
            fields = self._fields(body)
            if len(body) == _least_length(fields):
                return self._request(fields)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, JsonError, InvalidRequest):
            pass  # the whole body is read again, which tells where in it the fault is
        return decode_request(body)

    def _request(self, fields: dict[str, msgspec.Raw]) -> MessagesRequest:
        messages, system, tools = (fields.pop(name, None) for name in ("messages", "system", "tools"))
        turns = self._parts(messages, self._turn)
        if not turns:
            raise InvalidRequest("a request without messages")
        rest = {name: decode_json(bytes(raw), MAX_DEPTH - 1) for name, raw in fields.items()}
        return replace(
            request_from({**rest, "messages": STAND_IN}),
            messages=turns,
            system=self._system(system),
            tools=self._parts(tools, self._tool),
        )

    def _system(self, raw: msgspec.Raw | None) -> Content:
        if raw is None:
            return ""
        text = bytes(raw)
        return self._parts(raw, self._block) if text.startswith(b"[") else decode_content(decode_json(text), "system")

    def _parts(self, raw: msgspec.Raw | None, known: DecodeCache[T]) -> tuple[T, ...]:
        return () if raw is None else tuple([known(bytes(item)) for item in self._items(raw)])


def _least_length(fields: Mapping[str, msgspec.Raw]) -> int:
    """Return the length of an object of these fields, each said once and nothing between them."""
    marks = len('"":,')
    return sum(len(name.encode()) + len(memoryview(raw)) + marks for name, raw in fields.items()) + len("{}") - len(",")


def _turn(text: bytes) -> Turn:
    return decode_turn(decode_json(text, MAX_DEPTH - WITHIN), "turn")


def _tool(text: bytes) -> Tool:
    return decode_tool(decode_json(text, MAX_DEPTH - WITHIN), "tool")


def _block(text: bytes) -> ContentBlock:
    return decode_block(decode_json(text, MAX_DEPTH - WITHIN), "block")
