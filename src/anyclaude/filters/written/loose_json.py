"""
Calls without tags around them: JSON or Python at the beginning of a line, or as the whole of a fenced block.

Llama 3 and small models write a bare JSON object, Llama 4 and LFM2 a list in Python, Qwen2.5-Coder a block fenced as
JSON, Gemma 3 a block of `tool_code`, xLAM a JSON list.  All of these are also what programmers write about, so a call
must be a whole value, name an offered tool, and have the keys of a call and no others; and a value is given up at
the first key that cannot be a call's.
"""

import re

from .calls import FoundCall, NotACall, OfferedCalls
from .form import Found
from .forms import FORM_BY_OPENING, OPENINGS
from .json_calls import read_python_calls, read_value
from .source import BLANKS, SPACE, Reading, Source

_INFO = re.compile(r"[\w\-+. ]*")
_SURPLUS = re.compile(r"[ \t}\]]*")
"""After a call: blanks, and the closing brackets that small models add."""

JSON_FENCES = frozenset({"", "json", "jsonc", "json5", "javascript", "js", "plaintext", "text", "xlam"})
CALL_FENCES = frozenset(
    {"tool_call", "tool_calls", "tool", "tool_use", "tool_code", "function_call", "function", "call"}
)
"""What stands after the fence; the latter leave no doubt."""
TAG_FENCES = frozenset({"", "xml", *CALL_FENCES})
"""What stands after the fence of a call in tags."""


def read_fenced_calls(source: Source, offered: OfferedCalls, fence: str) -> Reading[Found]:
    """
    Read a fenced block that consists of calls, after the fence that opens it.

    Raises:
        NotACall: if it holds anything else, as most blocks do.
    """
    info = (yield from source.run(_INFO)).strip().lower()
    if info not in JSON_FENCES and info not in CALL_FENCES and info not in TAG_FENCES:
        raise NotACall("it is a block of code")
    if (yield from source.peek()) not in ("\n", "\r"):
        raise NotACall("it is no fence")
    is_certain = info in CALL_FENCES
    yield from source.run(SPACE)
    is_tagged = info in TAG_FENCES and fence.startswith("`")  # no model writes its calls between tildes
    if is_tagged and (opening := (yield from source.has_one_of(OPENINGS))):
        return (yield from _read_tagged_calls(source, offered, fence, opening))
    if info not in JSON_FENCES and not is_certain:
        raise NotACall("it is a block of code")
    if (yield from source.peek()) in ("{", "["):
        found = yield from _read_lines(source, offered, fence, is_certain=is_certain)
    elif is_certain:
        found = yield from read_python_calls(source, offered)
    else:
        raise NotACall("it is a block of code")
    if not (yield from source.skip(fence)) and (source.was_cut or (yield from source.peek())):
        raise NotACall("more follows")
    return Found(found)


def _read_tagged_calls(source: Source, offered: OfferedCalls, fence: str, opening: str) -> Reading[Found]:
    """
    Read the calls in tags of a block that ends the reply.

    Documents show such blocks, and models write them as whole replies.

    Raises:
        NotACall: if the block holds anything else, is not closed, or anything follows it.
    """
    found: tuple[FoundCall, ...] = ()
    while opening:
        source.advance(len(opening))
        calls = (yield from FORM_BY_OPENING[opening].read(source, offered, opening)).calls
        if not calls:
            raise NotACall("it holds a thought or a message")
        found += calls
        yield from source.run(SPACE)
        opening = yield from source.has_one_of(OPENINGS)
    if not (yield from source.skip(fence)) and not source.since_mark().rstrip().endswith(fence):
        raise NotACall("it does not consist of calls")
    yield from source.run(SPACE)
    if (yield from source.peek()):
        raise NotACall("more follows")
    return Found(found)


def _read_lines(
    source: Source, offered: OfferedCalls, fence: str, *, is_certain: bool
) -> Reading[tuple[FoundCall, ...]]:
    """Read the values of a block, and the white space after them."""
    found: tuple[FoundCall, ...] = ()
    while (yield from source.peek()) in ("{", "["):
        found += yield from _read_values(source, offered, fence, is_certain=is_certain)
        yield from source.run(SPACE)
    return found


def read_bare_calls(source: Source, offered: OfferedCalls, *, is_forced: bool = False) -> Reading[Found]:
    """
    Read a JSON object, a list of them, or a list in Python, that stands on lines of its own.

    `is_forced` if the engine was made to write one JSON object.

    Raises:
        NotACall: if it is anything else.
    """
    found = yield from _read_values(source, offered, is_certain=is_forced)
    yield from source.run(BLANKS)
    if (yield from source.peek()) not in ("", "\n", "\r", "<"):
        raise NotACall("the line goes on")
    return Found(found)


def _read_values(
    source: Source, offered: OfferedCalls, end: str = "", *, is_certain: bool
) -> Reading[tuple[FoundCall, ...]]:
    """Read values that stand on one line, or one after the other with separators; what follows is not read."""
    found: list[FoundCall] = []
    while True:
        found += yield from read_value(source, offered, end, is_certain=is_certain)
        yield from source.run(_SURPLUS)
        if (yield from source.peek()) in (";", ","):
            source.advance(1)
            yield from source.run(SPACE)
            if (yield from source.peek()) not in ("{", "["):
                raise NotACall("it is a part of something larger")
        elif (yield from source.peek()) not in ("{", "["):
            return tuple(found)
