"""The readers of forms in tags like those of XML, of which several families use the same."""

import re

from .calls import FoundCall, NotACall, OfferedCalls
from .calls_in_turn import read_in_turn
from .form import Found, Reader
from .json_calls import NAME, read_damaged_calls, read_json_calls, read_python_calls
from .named_tags import NAME_TAGS, read_named_call
from .source import SPACE, Literals, Reading, Source
from .tagged_parameters import (
    FUNCTION_TAGS,
    GLM_TAGS,
    NO_OUTER,
    Outer,
    ParameterTags,
    invoke_tags,
    read_name,
    read_tagged_call,
)

INVOKE_TAGS = invoke_tags()
INVOKE = "<invoke>"
TOOL_USE = Outer("<tool_use>", "</tool_use>")
_INVISIBLE = re.compile("[\u200b-\u200d\u2060\ufeff]*")
_DAMAGED = Literals(('{\\"name\\"', '"{\\"name\\"', '"name": "', '"name":"'))
"""JSON that was encoded twice, or has no bracket at its beginning."""


def in_json(end: str = "") -> Reader:
    """Return the reader of calls in JSON, or of a list in Python, up to an end tag."""

    def read(source: Source, offered: OfferedCalls, _: str) -> Reading[Found]:
        return Found((yield from read_json_calls(source, offered, end)))

    return read


def in_python(end: str) -> Reader:
    """Return the reader of calls in Python or JSON, up to an end tag."""

    def read(source: Source, offered: OfferedCalls, _: str) -> Reading[Found]:
        yield from source.run(SPACE)
        is_list = (yield from source.peek()) in ("[", "{")
        return Found((yield from (read_json_calls if is_list else read_python_calls)(source, offered, end)))

    return read


def in_tags(tags: ParameterTags, outer: Outer = NO_OUTER, *, is_open: bool = False) -> Reader:
    """Return the reader of calls with tagged parameters; `is_open` if the form's opening is that of a call."""

    def read(source: Source, offered: OfferedCalls, _: str) -> Reading[Found]:
        return Found((yield from _read_tagged_calls(source, offered, tags, outer, is_open=is_open)))

    return read


def in_named_tags(outer: Outer) -> Reader:
    """Return the reader of calls in `invoke` tags without a name, with `outer` tags around them."""

    def read(source: Source, offered: OfferedCalls, opening: str) -> Reading[Found]:
        def read_next(is_first: bool) -> Reading[FoundCall | None]:
            yield from source.run(SPACE)
            if not (yield from source.skip(INVOKE)) and not (is_first and opening == INVOKE):
                return None
            return (yield from read_named_call(source, offered, INVOKE_TAGS.call_end))

        found = yield from read_in_turn(source, read_next)
        yield from source.run(SPACE)
        yield from source.skip(outer.end)
        return Found(found)

    return read


def read_tool_use(source: Source, offered: OfferedCalls, _: str) -> Reading[Found]:
    """Read what `tool_use` tags hold: JSON, or tags that bear the names."""
    yield from source.run(SPACE)
    if (yield from source.has_one_of(NAME_TAGS)):
        return Found(((yield from read_named_call(source, offered, TOOL_USE.end)),))
    return Found((yield from read_json_calls(source, offered, TOOL_USE.end)))


def in_function_calls(outer: Outer, tags: ParameterTags) -> Reader:
    """Return the reader of `function_calls` tags, which hold invocations (Anthropic), Python (OLMo 3) or JSON."""
    read_other = in_python(outer.end)

    def read(source: Source, offered: OfferedCalls, opening: str) -> Reading[Found]:
        yield from source.run(SPACE)
        for expected in (tags, INVOKE_TAGS):
            if (yield from source.has_one_of(expected.call)):
                return Found((yield from _read_tagged_calls(source, offered, expected, outer)))
        if (yield from source.has(INVOKE)):
            return (yield from in_named_tags(outer)(source, offered, opening))
        return (yield from read_other(source, offered, opening))

    return read


def read_tool_call(source: Source, offered: OfferedCalls, opening: str) -> Reading[Found]:
    """
    Read what `tool_call` tags hold: JSON (Hermes, Qwen), tagged functions (Qwen3-Coder), or GLM's form.

    Raises:
        NotACall: if they hold anything else.
    """
    yield from source.run(SPACE)
    while (yield from source.skip(opening)) or (yield from source.run(_INVISIBLE)):
        yield from source.run(SPACE)
    if (yield from source.skip("json\n")):  # as after a fence
        return Found((yield from read_json_calls(source, offered, NO_OUTER.end)))
    if (yield from source.has_one_of(_DAMAGED)):
        return Found((yield from read_damaged_calls(source, offered, NO_OUTER.end)))
    character = yield from source.peek()
    if character in ("{", "[", "`"):
        return Found((yield from read_json_calls(source, offered, NO_OUTER.end)))
    if (yield from source.has_one_of(NAME_TAGS)):
        return Found(((yield from read_named_call(source, offered, NO_OUTER.end)),))
    for tags in (FUNCTION_TAGS, INVOKE_TAGS):
        if (yield from source.has_one_of(tags.call)):
            return Found((yield from _read_tagged_calls(source, offered, tags, NO_OUTER)))
    return Found((yield from _read_glm_call(source, offered)))


def read_tool_calls(source: Source, offered: OfferedCalls, _: str) -> Reading[Found]:
    """Read what `tool_calls` tags hold: JSON (Jamba, Hunyuan, MiniMax M1), or `tool_call` tags."""
    found: list[FoundCall] = []
    while True:
        position = source.position
        yield from source.run(SPACE)
        if not (yield from source.skip(NO_OUTER.start)):
            break
        try:
            found += (yield from read_tool_call(source, offered, NO_OUTER.start)).calls
        except NotACall:
            if not found:
                raise
            source.return_to(position)
            return Found(tuple(found))
    if not found:
        return Found((yield from read_json_calls(source, offered, "</tool_calls>")))
    yield from source.skip("</tool_calls>")
    return Found(tuple(found))


def _read_tagged_calls(
    source: Source, offered: OfferedCalls, tags: ParameterTags, outer: Outer, *, is_open: bool = False
) -> Reading[tuple[FoundCall, ...]]:
    def read_next(is_first: bool) -> Reading[FoundCall | None]:
        if not (is_first and is_open):
            yield from source.run(SPACE)
            opening = yield from source.has_one_of(tags.call)
            if not opening:
                return None
            source.advance(len(opening))
        name = offered.name((yield from read_name(source, following=tags.parameter)))
        return (yield from read_tagged_call(source, offered, name, tags, outer))

    found = yield from read_in_turn(source, read_next)
    yield from source.skip(outer.end)
    return found


def _read_glm_call(source: Source, offered: OfferedCalls) -> Reading[tuple[FoundCall, ...]]:
    written = yield from source.run(NAME)
    name = offered.name(written)
    space = yield from source.run(SPACE)
    if (yield from source.peek()) == "(":
        source.unread(written + space)
        return (yield from read_python_calls(source, offered, NO_OUTER.end))
    if not (yield from source.has_one_of((*GLM_TAGS.parameter, GLM_TAGS.call_end, "{"))) and not source.is_ended:
        raise NotACall("it holds neither JSON nor tags")
    return ((yield from read_tagged_call(source, offered, name, GLM_TAGS)),)
