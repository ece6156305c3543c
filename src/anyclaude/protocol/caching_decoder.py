"""
Decoding requests that repeat what earlier ones contained.

Every turn of a conversation sends the tools, the instructions and all earlier messages again, byte for byte.  A part
that was decoded before is returned as the same object, so nothing is decoded twice, and what was derived from that
object (its size, its shorter form) is still there.
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
"""The JSON text of turns that is cached; a conversation of 200,000 tokens has 0.8 MB."""

MAX_TOOL_BYTES = 2 * 1024 * 1024
"""The JSON text of tools that is cached, and as much again of instructions: 60 tools have 0.2 MB, a system prompt has
30 kB.

A decoder filled to its 12 MB takes 30 MB of memory, and 51 MB where every text contains an emoji (CPython 3.11 then
needs four bytes for each character)."""

MAX_SHARE = 4
"""A part of more than a quarter of the limit is not cached: it would displace parts that are certain to be repeated."""

PLACEHOLDER_MESSAGES: JsonValue = [{"role": "user", "content": ""}]
"""Stands for the turns while the other fields of a request are decoded."""

OUTER_LEVELS = 2
"""The nesting levels around a turn, a tool or a block of instructions: each is in a list in the body."""

T = TypeVar("T")


class DecodeCache(Generic[T]):
    """Decodes parts, and returns the same object for a part that is among the latest `max_bytes` of them."""

    def __init__(self, decode: Callable[[bytes], T], max_bytes: int) -> None:
        self._decode = decode
        self._max_bytes = max_bytes
        self._values: OrderedDict[bytes, T] = OrderedDict()
        self._held_bytes = 0

    def __call__(self, text: bytes) -> T:
        """Return the value of `text`.  Raises what the decoder raises, and then caches nothing."""
        value = self._values.get(text)
        if value is not None:
            self._values.move_to_end(text)
            return value
        value = self._decode(text)
        if len(text) <= self._max_bytes // MAX_SHARE:
            self._store(text, value)
        return value

    def _store(self, text: bytes, value: T) -> None:
        self._values[text] = value
        self._held_bytes += len(text)
        while self._held_bytes > self._max_bytes:
            self._held_bytes -= len(self._values.popitem(last=False)[0])


class CachingDecoder:
    """
    `decode_request` with a cache; it accepts, rejects and returns the same.

    Only a body without whitespace between its parts is decoded part by part, which is how JavaScript's
    `JSON.stringify` writes it.  Every other body, and every invalid one, is left to `decode_request`.
    """

    def __init__(self, max_turn_bytes: int = MAX_TURN_BYTES, max_tool_bytes: int = MAX_TOOL_BYTES) -> None:
        self._turn = DecodeCache(_turn, max_turn_bytes)
        self._tool = DecodeCache(_tool, max_tool_bytes)
        self._block = DecodeCache(_block, max_tool_bytes)
        self._fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
        self._items = msgspec.json.Decoder(list[msgspec.Raw]).decode

    def decode(self, body: bytes) -> MessagesRequest:
        """Parse a request body.  Raises `InvalidRequest`, which names the field and what is wrong with it."""
        try:
            fields = self._fields(body)
            if len(body) == _compact_length(fields):
                return self._request(fields)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, JsonError, InvalidRequest):
            pass  # the whole body is decoded again, which locates the error in it
        return decode_request(body)

    def _request(self, fields: dict[str, msgspec.Raw]) -> MessagesRequest:
        messages, system, tools = (fields.pop(name, None) for name in ("messages", "system", "tools"))
        turns = self._parts(messages, self._turn)
        if not turns:
            raise InvalidRequest("a request without messages")
        rest = {name: decode_json(bytes(raw), MAX_DEPTH - 1) for name, raw in fields.items()}
        return replace(
            request_from({**rest, "messages": PLACEHOLDER_MESSAGES}),
            messages=turns,
            system=self._system(system),
            tools=self._parts(tools, self._tool),
        )

    def _system(self, raw: msgspec.Raw | None) -> Content:
        if raw is None:
            return ""
        text = bytes(raw)
        return self._parts(raw, self._block) if text.startswith(b"[") else decode_content(decode_json(text), "system")

    def _parts(self, raw: msgspec.Raw | None, decode: DecodeCache[T]) -> tuple[T, ...]:
        return () if raw is None else tuple([decode(bytes(item)) for item in self._items(raw)])


def _compact_length(fields: Mapping[str, msgspec.Raw]) -> int:
    """Return the length of an object that holds each of these fields once, without whitespace."""
    marks = len('"":,')
    return sum(len(name.encode()) + len(memoryview(raw)) + marks for name, raw in fields.items()) + len("{}") - len(",")


def _turn(text: bytes) -> Turn:
    return decode_turn(decode_json(text, MAX_DEPTH - OUTER_LEVELS), "turn")


def _tool(text: bytes) -> Tool:
    return decode_tool(decode_json(text, MAX_DEPTH - OUTER_LEVELS), "tool")


def _block(text: bytes) -> ContentBlock:
    return decode_block(decode_json(text, MAX_DEPTH - OUTER_LEVELS), "block")
