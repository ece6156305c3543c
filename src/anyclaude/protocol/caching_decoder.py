"""
Decoding requests that repeat what earlier ones contained.

Every turn of a conversation sends the tools, the instructions and all earlier messages again, byte for byte.  A part
that was decoded before is returned as the same object, so nothing is decoded twice, and what was derived from that
object (its size, its shorter form) is still there.
"""

from collections.abc import Callable, Mapping
from sys import getsizeof
from typing import Generic, TypeVar

import msgspec
from msgspec.structs import replace

from anyclaude.errors import InvalidRequest
from anyclaude.kept_values import KeptValues
from anyclaude.memory_budget import MemoryBudget

from .content import Content, ContentBlock, decode_block, decode_content
from .json_values import MAX_DEPTH, JsonError, JsonValue, decode_json
from .memory_size import memory_size
from .messages_request import MessagesRequest, Tool, Turn, decode_request, decode_tool, decode_turn, request_from

MAX_TURN_BYTES = 32 * 1024 * 1024
"""The memory of turns that are cached.  A conversation of 200,000 tokens has 0.8 MB of JSON, and takes some 3 MB."""

MAX_TOOL_BYTES = 8 * 1024 * 1024
"""The memory of tools that are cached, and as much again of instructions: 60 tools have 0.2 MB of JSON, a system prompt
has 30 kB."""

MAX_SHARE = 4
"""A part whose JSON has more than a quarter of the limit is not cached: it would displace parts that are certain to be
repeated."""

DERIVED_BYTES = 2_048
"""What is derived from one part (`IdentityCache`, `IdentityFacts`) but for its shorter forms: some 600 bytes for each
turn in the diet `full`, 1,300 in the others (`tests/exchange/test_kept_bytes.py` measures them)."""

DERIVED_SHARE = 1
"""The shorter forms of a part take as much as itself at most; nearly always they do not exist, or share its texts.  A
tool has several: its shorter form, and the schemas for the server and for its grammar."""
DERIVED_TOOL_SHARE = 3

PLACEHOLDER_MESSAGES: JsonValue = [{"role": "user", "content": ""}]
"""Stands for the turns while the other fields of a request are decoded."""

OUTER_LEVELS = 2
"""The nesting levels around a turn, a tool or a block of instructions: each is in a list in the body."""

T = TypeVar("T")


class DecodeCache(Generic[T]):
    """
    Decodes parts, and returns the same object for a part that is among the latest of them.  Safe in threads.

    `max_bytes` bounds the memory of the parts with what is derived from them, `derived_share` times as much.
    """

    def __init__(
        self, decode: Callable[[bytes], T], name: str, budget: MemoryBudget, max_bytes: int, derived_share: int = 0
    ) -> None:
        self._decode = decode
        self._max_part_bytes = max_bytes // MAX_SHARE
        self._derived_share = derived_share
        self._values = KeptValues[bytes, T](name, budget, self._size, max_bytes=max_bytes)

    def __call__(self, text: bytes) -> T:
        """Return the value of `text`.  Raises what the decoder raises, and then caches nothing."""
        value = self._values.used(text)
        if value is None:
            value = self._decode(text)
            if len(text) <= self._max_part_bytes:
                self._values.keep(text, value)
        return value

    def _size(self, text: bytes, value: T) -> int:
        return getsizeof(text) + memory_size(value) * (1 + self._derived_share) + DERIVED_BYTES


class CachingDecoder:
    """
    `decode_request` with a cache; it accepts, rejects and returns the same.

    Only a body without whitespace between its parts is decoded part by part, which is how JavaScript's
    `JSON.stringify` writes it.  Every other body, and every invalid one, is left to `decode_request`.
    """

    def __init__(
        self,
        budget: MemoryBudget | None = None,
        max_turn_bytes: int = MAX_TURN_BYTES,
        max_tool_bytes: int = MAX_TOOL_BYTES,
    ) -> None:
        budget = budget or MemoryBudget()
        self._turn = DecodeCache(_turn, "turns", budget, max_turn_bytes, DERIVED_SHARE)
        self._tool = DecodeCache(_tool, "tools", budget, max_tool_bytes, DERIVED_TOOL_SHARE)
        self._block = DecodeCache(_block, "instructions", budget, max_tool_bytes, DERIVED_SHARE)
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
