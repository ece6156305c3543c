"""
The calls of FunctionGemma and Gemma 4: `call:Read{file_path:<escape>/a<escape>,limit:5}`.

Keys stand without quotation marks, and strings between two tokens, which no string contains: `<escape>` in
FunctionGemma, `<|"|>` in Gemma 4 (their chat templates; llama.cpp, `common/chat.cpp`).
"""

import re

from msgspec import Struct

from anyclaude.protocol.json_values import JsonError, JsonValue, decode_json

from .calls import FoundCall, NotACall, OfferedCalls
from .calls_in_turn import read_in_turn
from .form import Found
from .source import SPACE, Reading, Source


class GemmaTokens(Struct, frozen=True):
    """The tokens of one version."""

    start: str
    end: str
    quote: str


GEMMA_3 = GemmaTokens("<start_function_call>", "<end_function_call>", "<escape>")
GEMMA_4 = GemmaTokens("<|tool_call>", "<tool_call|>", '<|"|>')
_NAME = re.compile(r"[\w.\-]*")
_BARE = re.compile(r"[^,{}\[\]<]*")
_MAX_DEPTH = 32
"""Tool schemas nest far less; a limit protects the recursion."""


def read_gemma(source: Source, offered: OfferedCalls, opening: str) -> Reading[Found]:
    """Read the calls that follow the token `opening`."""
    tokens = GEMMA_3 if opening == GEMMA_3.start else GEMMA_4

    def read_next(is_first: bool) -> Reading[FoundCall | None]:
        yield from source.run(SPACE)
        if not is_first and not (yield from source.skip(tokens.start)):
            return None
        call = yield from _read_call(source, offered, tokens)
        yield from source.run(SPACE)
        yield from source.skip(tokens.end)
        return call

    return Found((yield from read_in_turn(source, read_next)))


def _read_call(source: Source, offered: OfferedCalls, tokens: GemmaTokens) -> Reading[FoundCall]:
    yield from source.run(SPACE)
    if not (yield from source.skip("call:")):
        raise NotACall("it is no call")
    name = offered.name((yield from source.run(_NAME)))
    yield from source.run(SPACE)
    value = yield from _ValueReader(source, tokens.quote).read(0)
    if not isinstance(value, dict):
        raise NotACall("its arguments are no object")
    return offered.from_value(name, value, "")


class _ValueReader:
    """Reads one value, and those inside it."""

    def __init__(self, source: Source, quote: str) -> None:
        self._source = source
        self._quote = quote

    def read(self, depth: int) -> Reading[JsonValue]:
        """
        Return the value.

        Raises:
            NotACall: if it nests too deeply, or has no end.
        """
        source = self._source
        if depth > _MAX_DEPTH:
            raise NotACall("it nests too deeply")
        yield from source.run(SPACE)
        if (yield from source.skip(self._quote)):
            return (yield from self._string())
        match (yield from source.peek()):
            case "{":
                return (yield from self._object(depth))
            case "[":
                return (yield from self._list(depth))
            case _:
                return _bare((yield from source.run(_BARE)))

    def _string(self) -> Reading[str]:
        text, end = yield from self._source.until(self._quote)
        if not end:
            raise NotACall("a string has no end")
        return text

    def _object(self, depth: int) -> Reading[JsonValue]:
        source = self._source
        source.advance(1)
        members: dict[str, JsonValue] = {}
        while True:
            yield from source.run(SPACE)
            if (yield from source.skip("}")):
                return members
            quoted = yield from source.skip(self._quote)
            key = (yield from self._string()) if quoted else (yield from source.until(":", "}"))[0].strip()
            if quoted and not (yield from source.skip(":")):
                raise NotACall("a key has no value")
            members[key.strip('"')] = yield from self.read(depth + 1)
            yield from self._separator("}")

    def _list(self, depth: int) -> Reading[JsonValue]:
        source = self._source
        source.advance(1)
        elements: list[JsonValue] = []
        while True:
            yield from source.run(SPACE)
            if (yield from source.skip("]")):
                return elements
            elements.append((yield from self.read(depth + 1)))
            yield from self._separator("]")

    def _separator(self, closing: str) -> Reading[None]:
        source = self._source
        yield from source.run(SPACE)
        if not (yield from source.skip(",")) and (yield from source.peek()) != closing:
            raise NotACall("a value has no end")


def _bare(text: str) -> JsonValue:
    """Return a value that is written without quotation marks: a number or a word, else the text itself."""
    try:
        return decode_json(text.strip().encode())
    except JsonError:
        return text.strip()
