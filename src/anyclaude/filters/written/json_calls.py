"""Read calls in JSON or Python, where a tag has announced them."""

import re

import msgspec

from anyclaude.protocol.json_values import JsonError
from anyclaude.tool_schemas import read_leniently
from anyclaude.tool_schemas.syntax import SYNTAX

from .call_shape import CallShape
from .calls import FoundCall, NotACall, OfferedCalls
from .json_span import Span, Watch, read_span
from .python_calls import python_calls
from .source import SPACE, Reading, Source

NAME = re.compile(r"[\w.\-:/]*")
STRAY = re.compile(r"[\s;,}\]]*")
"""Between two calls: white space, separators, and the closing brackets that small models add."""

DOUBLED_BRACES = ('{{"name"', '{{ "name"')
"""How the template of Qwen2.5-Coder shows a call, by mistake, and how the model then writes some."""

_CALL = ".call"
"""After the names of Llama 3's built-in tools."""
_BEGINS_JSON = ("{", "[", "]", '"', "'")
"""What begins the first element of a list in JSON, or ends it."""


def read_whole_span(source: Source, end: str = "", watch: Watch | None = None) -> Reading[Span]:
    """
    Read one value.

    Raises:
        NotACall: if the reply ended inside it, unless only closing brackets are missing and the model ended the reply.
    """
    span = yield from read_span(source, end, watch)
    is_cut = source.was_cut or source.ended_in_space or span.is_in_string
    if not span.is_balanced and not (end and (yield from source.has(end))) and is_cut:
        raise NotACall("it was cut")
    if not span.is_balanced and source.is_worn:
        raise NotACall("the ends of too many values were looked for")
    return span


def read_value(source: Source, offered: OfferedCalls, end: str = "", *, is_certain: bool) -> Reading[list[FoundCall]]:
    """
    Read one value: an object, a list of them, or a list in Python.

    Raises:
        NotACall: as soon as it cannot hold calls.
    """
    if (yield from is_python_list(source, offered)):
        span = yield from read_whole_span(source, end)
        return python_calls(span.text, offered)
    if (yield from source.has_one_of(DOUBLED_BRACES)):
        source.advance(1)  # the one too many at its end is skipped with those that small models add
    span = yield from read_whole_span(source, end, CallShape(offered, is_certain=is_certain))
    return offered.from_span(span, is_certain=is_certain)


def is_python_list(source: Source, offered: OfferedCalls) -> Reading[bool]:
    """
    Return whether a list in Python comes next, without reading it.

    Raises:
        NotACall: if it is a list of anything but calls of offered functions.
    """
    if (yield from source.peek()) != "[":
        return False
    head = source.advance(1)
    try:
        head += yield from source.run(SPACE)
        if (yield from source.peek()) in _BEGINS_JSON:
            return False
        name = yield from source.run(NAME)
        head += name
        if (yield from source.peek()) != "(":
            raise NotACall("it is a list of something else")
        offered.name(name.removesuffix(_CALL))
    finally:
        source.unread(head)
    return True


def read_json_calls(source: Source, offered: OfferedCalls, end: str = "") -> Reading[tuple[FoundCall, ...]]:
    """
    Read calls in JSON, one after the other or in lists, or a list in Python; and the end tag if there is one.

    Raises:
        NotACall: if it is anything else.
    """
    found: list[FoundCall] = []
    while True:
        position = source.position
        yield from source.run(STRAY if found else SPACE)
        fence = yield from skip_fence(source)
        if (yield from source.peek()) not in ("{", "["):
            is_closed = bool(end) and (yield from source.has(end))
            is_over = source.is_empty and not source.ended_in_space
            ends_reply = fence.strip() == "```" and is_over and not source.was_cut
            if not is_closed and not (found and end and ends_reply):
                source.unread(fence)  # of other code, or the end of the one around the calls
            break
        try:
            found += yield from read_value(source, offered, end, is_certain=True)
        except NotACall:
            if not found:
                raise
            source.return_to(position)  # a broken call does not take those before it with it
            break
        if fence:
            yield from source.run(STRAY)
            yield from source.skip("```")
    if not found:
        raise NotACall("there is no JSON")
    if end:
        yield from source.skip(end)
    return tuple(found)


def read_damaged_calls(source: Source, offered: OfferedCalls, end: str) -> Reading[tuple[FoundCall, ...]]:
    """
    Read calls in JSON that was encoded twice, or has no bracket at its beginning, up to the first end tag.

    Raises:
        NotACall: if it is anything else.
    """
    written, closing = yield from source.until(end)
    if not closing and (source.was_cut or source.ended_in_space):
        raise NotACall("it was cut")
    text = written.strip()
    if text.startswith('"name"'):
        text = f"{{{text}"
    else:
        text = text if text.startswith('"') else f'"{text}"'
        try:
            value = read_leniently(text)
        except JsonError as error:
            raise NotACall(str(error)) from error
        text = value if isinstance(value, str) else ""
    found = offered.from_span(Span(text, is_balanced=True), is_certain=True)
    calls = (msgspec.structs.replace(it.call, changes=tuple(dict.fromkeys((SYNTAX, *it.call.changes)))) for it in found)
    return tuple(FoundCall(call, written) for call in calls)


def read_python_calls(source: Source, offered: OfferedCalls, end: str = "") -> Reading[tuple[FoundCall, ...]]:
    """
    Read calls in Python, one after the other; and the end tag if there is one.

    Raises:
        NotACall: if it is anything else.
    """
    found: list[FoundCall] = []
    while True:
        yield from source.run(STRAY)
        name = yield from source.run(NAME)
        if not name:
            break
        if (yield from source.peek()) != "(":
            raise NotACall("it is no call in Python")
        if name != "print":  # Gemma prints the result
            offered.name(name.removesuffix(_CALL))
        span = yield from read_whole_span(source, end)
        found += python_calls(name + span.text, offered)
    if not found:
        raise NotACall("there is no call")
    if end:
        yield from source.skip(end)
    return tuple(found)


def read_arguments_of(source: Source, offered: OfferedCalls, name: str, end: str = "") -> Reading[FoundCall]:
    """
    Read the arguments of a call to `name` in JSON, which may stand in a fence.

    Raises:
        NotACall: if they are anything else.
    """
    has_fence = yield from skip_fence(source)
    if (yield from source.peek()) != "{":
        raise NotACall("it has no arguments")
    span = yield from read_whole_span(source, end)
    if has_fence:
        yield from source.run(STRAY)
        yield from source.skip("```")
    return offered.from_arguments(name, span.text, span.text)


def skip_fence(source: Source) -> Reading[str]:
    """Read the opening of a fenced block and the white space after it, and return it; "" if there is none."""
    if not (yield from source.skip("```")):
        return ""
    info, end = yield from source.until("\n")
    return f"```{info}{end}" + (yield from source.run(SPACE))
