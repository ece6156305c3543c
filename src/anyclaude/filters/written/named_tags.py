"""
Calls in tags that bear the names themselves: `<tool_name>Read</tool_name>`, `<file_path>/a</file_path>`.

Anthropic's older form has both in `invoke` tags (langchain, `langchain_anthropic/experimental.py`); small models mix
such tags with those of other forms.
"""

from functools import lru_cache

from .calls import ARGUMENT_KEYS, NAME_CHARACTERS, NAME_KEYS, FoundCall, NotACall, OfferedCalls
from .json_calls import read_arguments_of
from .source import SPACE, Literals, Reading, Source

NAME_TAGS = tuple(f"<{key}>" for key in NAME_KEYS)
ARGUMENT_TAGS = tuple(f"<{key}>" for key in ARGUMENT_KEYS)


def read_named_call(source: Source, offered: OfferedCalls, end: str) -> Reading[FoundCall]:
    """
    Read the tool's name, and its arguments in JSON or in tags, up to the call's end tag.

    Raises:
        NotACall: if it is anything else, or was cut.
    """
    yield from source.run(SPACE)
    tag = yield from _skip_tag(source, NAME_TAGS)
    if not tag:
        raise NotACall("it names no tool")
    written, closing = yield from source.until(_closing(tag), "\n")
    if closing != _closing(tag):
        raise NotACall("the name has no end")
    name = offered.name(written)
    yield from source.run(SPACE)
    call = yield from read_named_arguments(source, offered, name, end)
    if not (yield from source.skip(end)) and (source.was_cut or (yield from source.peek())):
        raise NotACall("it holds something else, or was cut")
    return call


def read_named_arguments(source: Source, offered: OfferedCalls, name: str, *ends: str) -> Reading[FoundCall]:
    """
    Read arguments in JSON or in tags, which may stand in a tag of their own, up to one of the `ends`.

    Raises:
        NotACall: if a value has no end.
    """
    own = {f"<{parameter}>" for parameter in offered.parameters(name)}
    tag = yield from _skip_tag(source, tuple(it for it in ARGUMENT_TAGS if it not in own))
    inner_ends = (_closing(tag),) if tag else ends
    yield from source.run(SPACE)
    if (yield from source.peek()) in ("{", "`"):
        call = yield from read_arguments_of(source, offered, name, inner_ends[0])
    else:
        call = offered.from_parameters(name, (yield from read_named_parameters(source, offered, name, *inner_ends)), "")
    yield from source.run(SPACE)
    if tag:
        yield from source.skip(inner_ends[0])
        yield from source.run(SPACE)
    return call


def read_named_parameters(source: Source, offered: OfferedCalls, name: str, *ends: str) -> Reading[dict[str, str]]:
    """
    Read the parameters of a tool, each in the tag of its name, up to one of the `ends`, which is not read.

    A closing tag ends a value if another parameter, or the end, comes next.

    Raises:
        NotACall: if a value has no end.
    """
    known = offered.parameters(name)
    openings, follow = _tags(known), _tags(known, *ends)
    parameters: dict[str, str] = {}
    while True:
        yield from source.run(SPACE)
        tag = yield from source.has_one_of(openings)
        if len(tag) <= len("<>"):
            return parameters
        source.advance(len(tag))
        pieces: list[str] = []
        while True:
            text, closing = yield from source.until(_closing(tag))
            if not closing:
                raise NotACall("a value has no end")
            pieces.append(text)
            space = yield from source.run(SPACE)
            if (yield from source.has_one_of(follow)) or not (yield from source.peek()):
                break
            pieces.append(closing + space)
        parameters.setdefault(tag[1:-1], _without_line_breaks("".join(pieces)))


@lru_cache(maxsize=64)  # of the tools that a reply calls
def _tags(parameters: tuple[str, ...], *others: str) -> Literals:
    """Return the tags of parameters, of names that a tag may have, and others."""
    names = (name for name in (*parameters, "") if len(name) <= NAME_CHARACTERS)
    return Literals((*(f"<{name}>" for name in names), *others))


def _closing(tag: str) -> str:
    return f"</{tag[1:]}"


def _skip_tag(source: Source, tags: tuple[str, ...]) -> Reading[str]:
    return source.advance(len((yield from source.has_one_of(tags))))


def _without_line_breaks(text: str) -> str:
    first = "\r\n" if text.startswith("\r\n") else "\n"
    return text.removeprefix(first).removesuffix(first) if text.startswith(first) else text
