"""
Calls whose arguments stand in tags of their own.

Qwen3-Coder and Seed-OSS write a `function=` tag with `parameter=` tags in it, Anthropic's models, MiniMax M2 and
DeepSeek V3.2 an `invoke` tag with `parameter` tags, GLM a name with `arg_key` and `arg_value` tags (the parsers of
vLLM, `vllm/tool_parsers`: qwen3coder, seed_oss, minimax_m2, deepseekv32, glm4_moe).

Values are plain text without any escaping, so a value that contains such tags, as a page about tool calls does, can
only be told from its end by what follows: a closing tag ends a value if another parameter, the end of the call or the
end of the reply comes next, and no call that was opened inside the value is still open.
"""

from collections import Counter

from msgspec import Struct

from .calls import FoundCall, NotACall, OfferedCalls
from .json_span import read_span
from .source import SPACE, Reading, Source

NAME_CHARACTERS = 256
"""The longest name of a tool or parameter; the Messages API allows 128 characters for a tool."""


class ParameterTags(Struct, frozen=True):
    """The tags of one form.  Names stand between an opening and `name_end`, values up to `parameter_end`."""

    call: tuple[str, ...]
    """What opens a call, followed by the tool's name."""
    call_end: str
    parameter: tuple[str, ...]
    """What opens a parameter, followed by its name."""
    parameter_end: str
    name_end: str = ">"
    value_start: str = ""
    """The tag that opens the value, in forms where it does not follow the name at once."""

    @property
    def openings(self) -> tuple[str, ...]:
        """All opening tags."""
        return (*self.call, *self.parameter)


class Outer(Struct, frozen=True):
    """The tags around the calls of one form, which also stand in texts about it."""

    start: str
    end: str


NO_OUTER = Outer("<tool_call>", "</tool_call>")
"""For calls without tags around them, the commonest: a model that left out the first may still write the last."""

FUNCTION_TAGS = ParameterTags(
    call=("<function=", '<function name="'),
    call_end="</function>",
    parameter=("<parameter=", '<parameter name="', '<param name="', "<param="),
    parameter_end="</parameter>",
)

GLM_TAGS = ParameterTags(
    call=("<tool_call>",),
    call_end="</tool_call>",
    parameter=("<arg_key>",),
    parameter_end="</arg_value>",
    name_end="</arg_key>",
    value_start="<arg_value>",
)


def invoke_tags(prefix: str = "") -> ParameterTags:
    """Return the tags of the `invoke` form, whose names may have a prefix."""
    return ParameterTags(
        call=(f'<{prefix}invoke name="', f"<{prefix}invoke name='", f"<{prefix}invoke="),
        call_end=f"</{prefix}invoke>",
        parameter=(f'<{prefix}parameter name="', f"<{prefix}parameter name='", f"<{prefix}parameter="),
        parameter_end=f"</{prefix}parameter>",
    )


def read_name(source: Source, end: str = ">") -> Reading[str]:
    """
    Read the name in an opening tag, and the rest of the tag.

    Raises:
        NotACall: if the tag does not end, or holds no name.
    """
    text, found = yield from source.until(end, "\n")
    name = text.partition('"')[0].strip().strip("\"'")
    if found != end or not name or len(name) > NAME_CHARACTERS:
        raise NotACall("a tag has no name")
    return name


def read_tagged_call(
    source: Source, offered: OfferedCalls, name: str, tags: ParameterTags, outer: Outer = NO_OUTER
) -> Reading[FoundCall]:
    """
    Read the parameters of a call to the offered tool `name`, and the end of the call, if there is one.

    Raises:
        NotACall: if it holds anything else, or was cut.
    """
    yield from source.run(SPACE)
    if (yield from source.peek()) == "{":
        return (yield from _read_json(source, offered, name, tags))
    parameters: dict[str, str] = {}
    while True:
        yield from source.run(SPACE)
        opening = yield from source.has_one_of((*tags.parameter, tags.call_end, outer.end))
        if opening not in tags.parameter:
            break
        source.advance(len(opening))
        key = yield from read_name(source, tags.name_end)
        while key:
            value = _Value(source, tags, outer)
            expected = frozenset(offered.parameters(name)) - {*parameters, key}
            next_key = yield from value.read(expected)
            parameters.setdefault(key, value.text)
            key = next_key
    if opening == tags.call_end:
        source.advance(len(opening))
    elif not opening and (source.was_cut or (yield from source.peek())):
        raise NotACall("it holds something other than parameters, or was cut")
    return offered.from_parameters(name, parameters, "")


def _read_json(source: Source, offered: OfferedCalls, name: str, tags: ParameterTags) -> Reading[FoundCall]:
    """Read arguments in JSON, as Llama 3.1 writes them between `function=` tags."""
    span = yield from read_span(source, tags.call_end)
    yield from source.run(SPACE)
    has_ended = yield from source.skip(tags.call_end)
    if not span.is_balanced and not has_ended:
        raise NotACall("its arguments have no end")
    return offered.from_arguments(name, span.text, "")


class _Value:
    """The state of reading one value."""

    def __init__(self, source: Source, tags: ParameterTags, outer: Outer) -> None:
        self._source = source
        self._tags = tags
        self._outer = outer
        self._pieces: list[str] = []
        self._open = Counter[str]()
        """The tags that were opened inside the value, by the tag that closes them."""
        self._end_without_tag: int | None = None
        self._last_end: int | None = None

    @property
    def text(self) -> str:
        """The value; if it begins on a line of its own, without the line breaks that separate it from its tags."""
        text = "".join(self._pieces)
        return text[1:].removesuffix("\n") if text.startswith("\n") else text

    def read(self, expected: frozenset[str]) -> Reading[str]:
        """
        Read up to the end of the value, and return the name of the next parameter if that had to be read, else "".

        A parameter opened inside the value is the next one, after a missing closing tag, if it is `expected`.

        Raises:
            NotACall: if there is no value, or it was cut.
        """
        tags, source, outer = self._tags, self._source, self._outer
        if tags.value_start:
            yield from source.run(SPACE)
            if not (yield from source.skip(tags.value_start)):
                raise NotACall("a parameter has no value")
        literals = dict.fromkeys((tags.parameter_end, tags.call_end, outer.end, outer.start, *tags.openings))
        while True:
            text, tag = yield from source.until(*literals)
            self._pieces.append(text)
            if not tag:
                self._finish()
                return ""
            if tag == tags.parameter_end:
                if (yield from self._is_end()):
                    return ""
            elif tag in {tags.call_end, outer.end}:
                self._close(tag)
            elif name := (yield from self._opened(tag)):
                if name in expected and not self._open:
                    self._pieces.pop()
                    return name
                self._open[tags.parameter_end] += 1

    def _opened(self, tag: str) -> Reading[str]:
        """Note an opening tag inside the value; return the name of a parameter, "" for everything else."""
        source, tags = self._source, self._tags
        if tag == self._outer.start:
            self._pieces.append(tag)
            self._open[self._outer.end] += 1
            return ""
        text, end = yield from source.until(tags.name_end, "\n")
        self._pieces.append(tag + text + end)
        name = text.partition('"')[0].strip() if end == tags.name_end else ""  # a sentence about the tag has none
        if tag in tags.parameter:
            return name
        self._open[tags.call_end] += bool(name)
        return ""

    def _close(self, tag: str) -> None:
        """Note the end of a call: of one inside the value, or of the call itself, if the value has no closing tag."""
        if self._open[tag]:
            self._open[tag] -= 1
        elif self._end_without_tag is None:
            self._end_without_tag = len(self._pieces)
        self._open += Counter()  # drops what is closed
        self._pieces.append(tag)

    def _is_end(self) -> Reading[bool]:
        """Return whether a closing tag of a parameter ends the value; if not, add it to the value."""
        source, tag = self._source, self._tags.parameter_end
        space = yield from source.run(SPACE)
        follows = yield from source.has_one_of((*self._tags.parameter, self._tags.call_end, self._outer.end))
        is_last = not source.ended_in_space and not (yield from source.peek())
        if not self._open[tag] and (follows or is_last):
            return True
        if follows and follows not in self._tags.parameter:
            self._last_end = len(self._pieces)
        self._open[tag] = max(self._open[tag] - 1, 0)
        self._open += Counter()
        self._pieces.append(tag + space)
        return False

    def _finish(self) -> None:
        """Choose the end of a value that the reply's end has left open."""
        if self._source.was_cut or self._source.ended_in_space:
            raise NotACall("it was cut")
        end = self._end_without_tag if self._last_end is None else self._last_end
        if end is not None:
            rest = "".join(self._pieces[end:])
            self._source.unread(rest)
            if self._last_end is not None:
                self._source.advance(len(self._tags.parameter_end))
            del self._pieces[end:]
