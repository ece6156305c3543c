"""
Calls in tags that bear the names themselves: `<tool_name>Read</tool_name>`, `<file_path>/a</file_path>`.

Anthropic's models before Claude 3 wrote both in `invoke` tags (the prompts of langchain's `ChatAnthropicTools`); small
models mix such tags with those of other forms.
"""

from .calls import ARGUMENT_KEYS, NAME_KEYS, FoundCall, NotACall, OfferedCalls
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
    tag = yield from _skip_tag(source, ARGUMENT_TAGS)
    inner_end = _closing(tag) if tag else end
    yield from source.run(SPACE)
    if (yield from source.peek()) in ("{", "`"):
        call = yield from read_arguments_of(source, offered, name, inner_end)
    else:
        call = offered.from_parameters(name, (yield from read_named_parameters(source, offered, name, inner_end)), "")
    if tag:
        yield from source.run(SPACE)
        yield from source.skip(inner_end)
    yield from source.run(SPACE)
    if not (yield from source.skip(end)) and (source.was_cut or (yield from source.peek())):
        raise NotACall("it holds something else, or was cut")
    return call


def read_named_parameters(source: Source, offered: OfferedCalls, name: str, *ends: str) -> Reading[dict[str, str]]:
    """
    Read the parameters of a tool, each in the tag of its name, up to one of the `ends`, which is not read.

    A closing tag ends a value if another parameter, or the end, comes next.

    Raises:
        NotACall: if a value has no end.
    """
    openings = Literals(f"<{parameter}>" for parameter in (*offered.parameters(name), ""))
    follow = Literals((*openings.all, *ends))
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


def _closing(tag: str) -> str:
    return f"</{tag[1:]}"


def _skip_tag(source: Source, tags: tuple[str, ...]) -> Reading[str]:
    return source.advance(len((yield from source.has_one_of(tags))))


def _without_line_breaks(text: str) -> str:
    first = "\r\n" if text.startswith("\r\n") else "\n"
    return text.removeprefix(first).removesuffix(first) if text.startswith(first) else text
