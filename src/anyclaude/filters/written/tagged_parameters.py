"""
Calls whose arguments stand in tags of their own.

Qwen3-Coder and Seed-OSS write a `function=` tag with `parameter=` tags in it, Anthropic's models, MiniMax M2 and
DeepSeek V3.2 an `invoke` tag with `parameter` tags, GLM a name with `arg_key` and `arg_value` tags (the parsers of
vLLM, `vllm/tool_parsers`: qwen3coder, seed_oss, minimax_m2, deepseekv32, glm4_moe).

Values are plain text without any escaping, so a value that contains such tags, as a page about tool calls does, can
only be told from its end by what follows: a closing tag ends a value if another parameter, the end of the call or the
end of the reply comes next, and no call that was opened inside the value is still open.
"""

import re
from collections import Counter
from collections.abc import Callable

from msgspec import Struct

from .calls import NAME_CHARACTERS, FoundCall, NotACall, OfferedCalls
from .json_span import read_span
from .named_tags import read_named_arguments
from .source import SPACE, Reading, Source


class ParameterTags(Struct, frozen=True):
    """The tags of one form.  Names stand between an opening and `name_end`, values up to one of `parameter_ends`."""

    call: tuple[str, ...]
    """What opens a call, followed by the tool's name."""
    call_end: str
    parameter: tuple[str, ...]
    """What opens a parameter, followed by its name."""
    parameter_ends: tuple[str, ...]
    """What closes a value; one that ends with `=` is followed by the parameter's name once more."""
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
    parameter_ends=("</parameter>", "</parameter=", "</param>"),
)

TOOL_CALL_TAGS = ParameterTags(
    call=('<tool_call name="', "<tool_call name='"),
    call_end=NO_OUTER.end,
    parameter=FUNCTION_TAGS.parameter,
    parameter_ends=FUNCTION_TAGS.parameter_ends,
)
"""The tag of Hermes with the tool's name in it, as small models write it."""

GLM_TAGS = ParameterTags(
    call=("<tool_call>",),
    call_end="</tool_call>",
    parameter=("<arg_key>",),
    parameter_ends=("</arg_value>",),
    name_end="</arg_key>",
    value_start="<arg_value>",
)


def invoke_tags(prefix: str = "") -> ParameterTags:
    """Return the tags of the `invoke` form, whose names may have a prefix."""
    return ParameterTags(
        call=(f'<{prefix}invoke name="', f"<{prefix}invoke name='", f"<{prefix}invoke="),
        call_end=f"</{prefix}invoke>",
        parameter=(
            f'<{prefix}parameter name="',
            f"<{prefix}parameter name='",
            f"<{prefix}parameter=",
            f'<{prefix}param name="',
        ),
        parameter_ends=(f"</{prefix}parameter>", f"</{prefix}parameter=", f"</{prefix}param>"),
    )


def read_name(source: Source, end: str = ">", following: tuple[str, ...] = ()) -> Reading[str]:
    """
    Read the name in an opening tag, and the rest of the tag, whose end may be missing before one of `following`.

    Raises:
        NotACall: if the tag does not end, or holds no name.
    """
    text, found = yield from source.until(end, "\n", *following)
    name = _name_in(text)
    if not name or len(name) > NAME_CHARACTERS:
        raise NotACall("a tag has no name")
    if found == "\n" and following:
        yield from source.run(SPACE)
        found = yield from source.has_one_of(following)
    elif found in following:
        source.unread(found)
    if found not in (end, *following):
        raise NotACall("a tag has no end")
    return name


def _name_in(text: str) -> str:
    """Return the name that begins the text of a tag; quotation marks are not part of it."""
    return text.strip().removeprefix('"').partition('"')[0].strip().strip("'")


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
    parameters, known = _Parameters(), frozenset(offered.parameters(name))
    while True:
        yield from source.run(SPACE)
        opening = yield from source.has_one_of((*tags.parameter, tags.call_end, outer.end))
        if opening not in tags.parameter:
            break
        source.advance(len(opening))
        key = yield from read_name(source, tags.name_end, (tags.value_start,) if tags.value_start else ())
        value = _Value(source, tags, outer, key)
        yield from value.read(lambda it: it in known and it not in parameters.texts)
        parameters.add(key, value)
    call: FoundCall | None = None
    if not opening and not parameters.texts and (yield from source.peek()) == "<":
        call = yield from read_named_arguments(source, offered, name, tags.call_end, outer.end)
        opening = yield from source.has_one_of((tags.call_end, outer.end))
    if opening == tags.call_end:
        source.advance(len(opening))
    elif not opening and (source.was_cut or (yield from source.peek())):
        raise NotACall("it holds something other than parameters, or was cut")
    return call or offered.from_parameters(name, parameters.texts, "")


def _read_json(source: Source, offered: OfferedCalls, name: str, tags: ParameterTags) -> Reading[FoundCall]:
    """Read arguments in JSON, as Llama 3.1 writes them between `function=` tags."""
    span = yield from read_span(source, tags.call_end)
    yield from source.run(SPACE)
    has_ended = yield from source.skip(tags.call_end)
    if not span.is_balanced and (not has_ended or source.is_worn):
        raise NotACall("its arguments have no end")
    return offered.from_arguments(name, span.text, "")


class _Value:
    """
    The state of reading one value.

    A parameter that was opened inside it is the next one, after a missing closing tag, or is mentioned by the value.
    """

    def __init__(self, source: Source, tags: ParameterTags, outer: Outer, key: str) -> None:
        self._source = source
        self._tags = tags
        self._outer = outer
        self._key = key
        self._pieces: list[str] = []
        self._next: dict[str, int] = {}
        """The parameters that were opened inside the value, and the pieces that hold their tags."""
        self._open = Counter[str]()
        """The tags that were opened inside the value, by the tag that closes them."""
        self._is_closed = False
        self._end_without_tag: int | None = None
        self._last_end: int | None = None
        self._last_end_tag = ""

    @property
    def text(self) -> str:
        """The whole value, with the parameters that were opened inside it."""
        return _without_line_breaks("".join(self._pieces), is_closed=self._is_closed)

    def divided(self) -> dict[str, str]:
        """Return the value up to the first parameter that was opened inside it, and the values of these parameters."""
        keys, starts = (self._key, *self._next), (-1, *self._next.values())
        ends = (*self._next.values(), len(self._pieces))
        texts = ("".join(self._pieces[start + 1 : end]) for start, end in zip(starts, ends, strict=True))
        return {
            key: _without_line_breaks(text, is_closed=self._is_closed and end == len(self._pieces))
            for key, text, end in zip(keys, texts, ends, strict=True)
        }

    def read(self, is_expected: Callable[[str], bool]) -> Reading[None]:
        """
        Read up to the end of the value; only other parameters that are expected may follow a missing closing tag.

        Raises:
            NotACall: if there is no value, or it was cut.
        """
        tags, source, outer = self._tags, self._source, self._outer
        if tags.value_start:
            yield from source.run(SPACE)
            if not (yield from source.skip(tags.value_start)):
                raise NotACall("a parameter has no value")
        literals = dict.fromkeys((*tags.parameter_ends, tags.call_end, outer.end, outer.start, *tags.openings))
        while True:
            text, tag = yield from source.until(*literals)
            self._pieces.append(text)
            if not tag:
                self._finish()
                return
            if tag in tags.parameter_ends:
                if (yield from self._is_end(tag)):
                    return
            elif tag in {tags.call_end, outer.end}:
                self._close(tag)
            elif name := (yield from self._opened(tag)):
                if name != self._key and is_expected(name) and name not in self._next and not self._open:
                    self._next[name] = len(self._pieces) - 1
                    self._end_without_tag = self._last_end = None
                else:
                    self._open[tags.parameter_ends[0]] += 1

    def _opened(self, tag: str) -> Reading[str]:
        """Note an opening tag inside the value; return the name of a parameter, "" for everything else."""
        source, tags = self._source, self._tags
        if tag == self._outer.start:
            self._pieces.append(tag)
            self._open[self._outer.end] += 1
            return ""
        text, end = yield from self._rest_of_tag(tags.name_end)
        opening = tag + text + end
        if end == tags.name_end and tag in tags.parameter and tags.value_start:
            opening += yield from source.run(SPACE)
            opening += tags.value_start if (yield from source.skip(tags.value_start)) else ""
        self._pieces.append(opening)
        name = _name_in(text) if end == tags.name_end else ""  # a sentence about the tag has none
        if tag in tags.parameter:
            return name
        self._open[tags.call_end] += bool(name)
        return ""

    def _rest_of_tag(self, end: str) -> Reading[tuple[str, str]]:
        """Read the name in a tag and what ends it; a line break or another tag shows that it is none."""
        source = self._source
        text, found = yield from source.until(*((end, "\n") if end.startswith("<") else (end, "\n", "<")))
        if found == "<":
            source.unread(found)
            found = ""
        return text, found

    def _close(self, tag: str) -> None:
        """Note the end of a call: of one inside the value, or of the call itself, if the value has no closing tag."""
        if self._open[tag]:
            self._open[tag] -= 1
        elif self._end_without_tag is None:
            self._end_without_tag = len(self._pieces)
        self._open += Counter()  # drops what is closed
        self._pieces.append(tag)

    def _is_end(self, tag: str) -> Reading[bool]:
        """Return whether a closing tag of a parameter ends the value; if not, add it to the value."""
        source, tags = self._source, self._tags
        if tag.endswith("="):
            text, end = yield from self._rest_of_tag(">")
            tag += text + end
            name = text.strip()
            if (name != self._key and name not in self._next) or end != ">":
                self._pieces.append(tag)
                return False
        space = yield from source.run(SPACE)
        follows = yield from source.has_one_of((*tags.parameter, tags.call_end, self._outer.end))
        is_last = not source.ended_in_space and not (yield from source.peek())
        opened = tags.parameter_ends[0]
        if not self._open[opened] and (follows or is_last):
            self._is_closed = True
            return True
        if follows and follows not in tags.parameter:
            self._last_end, self._last_end_tag = len(self._pieces), tag
        self._open[opened] = max(self._open[opened] - 1, 0)
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
            if self._source.is_worn:
                raise NotACall("the ends of too many values were looked for")
            if self._last_end is not None:
                self._source.advance(len(self._last_end_tag))
                self._is_closed = True
            del self._pieces[end:]


class _Parameters:
    """The parameters of a call, each with its text."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self._opened_in: dict[str, tuple[str, _Value]] = {}
        """The parameters without a closing tag before them, with the parameter whose value may mention them."""

    def add(self, key: str, value: _Value) -> None:
        """Add a parameter; if a value has seemed to be followed by it before, that value only mentions its tag."""
        if key in self._opened_in:
            owner, whole = self._opened_in[key]
            for mentioned, _ in [it for it in self._opened_in.items() if it[1][0] == owner]:
                del self.texts[mentioned], self._opened_in[mentioned]
            self.texts[owner] = whole.text
        if key in self.texts:
            return
        divided = value.divided()
        self._opened_in |= dict.fromkeys(divided.keys() - {key}, (key, value))
        self.texts |= divided


def _without_line_breaks(text: str, *, is_closed: bool) -> str:
    """
    Return a value without the line breaks that separate it from its tags, if it begins on a line of its own.

    One without a closing tag of its own ends before the line break that separates the next tag.
    """
    first = re.match(r"\r?\n", text)
    if first is not None:
        return text[first.end() :].removesuffix(first[0])
    return text if is_closed else re.sub(r"\r?\n\Z", "", text)
