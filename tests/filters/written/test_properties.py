"""What holds for every text: nothing fails, nothing is lost, nothing waits that is decided, only offered tools run."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.parts.call_writers import (
    GEMMA_WRITERS,
    JSON_WRITERS,
    PYTHON_WRITERS,
    TAG_WRITERS,
    WRITERS,
    Arguments,
    Writer,
)
from tests.parts.played_replies import Situation, joined, meant, written
from tests.parts.splits import any_split
from tests.parts.written_replies import Call, Text, default_tools, written_replies

from anyclaude.filters import CallNote
from anyclaude.filters.written import forms
from anyclaude.filters.written.forms import FORM_BY_OPENING, OPENINGS, THOUGHT_TAGS, WORD_OPENINGS
from anyclaude.protocol.deltas import Delta, Finished, StopReason, TextDelta, ToolCallDelta
from anyclaude.protocol.json_values import JsonValue
from anyclaude.protocol.messages_request import Tool
from anyclaude.tool_schemas.coercion import MAX_DIGITS

TOOLS = default_tools()
NAMES = frozenset(tool.name for tool in TOOLS)
ENDS = (
    *forms.CALL_ENDS.all,
    *(end for form in FORM_BY_OPENING.values() for end in form.thought_ends),
    "</function>",
    "</parameter>",
    "</invoke>",
    "</arg_value>",
    "<arg_key>",
    "<arg_value>",
    "<parameter=file_path>",
    '<parameter name="file_path">',
    "<|message|>",
    "<|tool_call_argument_begin|>",
    "<｜tool▁sep｜>",
    "[ARGS]",
    "[CALL_ID]",
    "Action Input:",
)
NOT_OFFERED = ("Launch", "get_weather", "rm")
PIECES = (
    *("{", "}", "[", "]", "(", ")", '"', "'", ":", ",", ";", "\\", "=", ">", "<", "|", "/", "call:"),
    *('{"name": "', '", "arguments": {', '"file_path": "/a"', '{"', '"}', "}}", "null", "12", "Read(", "analysis"),
    *("`", "``", "```", "```json\n", "```tool_call\n", "~~~", "\n", "\n\n", "    ", "\t", " ", "> ", "For example: "),
    *("Then I read it.", "é", "😀", "\u2028", "\x00", "｜", "▁"),
)
fragments = st.one_of(
    st.sampled_from([*FORM_BY_OPENING, *ENDS]),
    st.sampled_from(PIECES),
    st.sampled_from([*sorted(NAMES), *NOT_OFFERED]),
    st.text(max_size=6),
    st.sampled_from([write("Read", {"file_path": "/a"}) for write in WRITERS.values()]).flatmap(
        lambda call: st.integers(0, len(call)).map(lambda end: call[:end] if end % 2 else call)
    ),
)
texts = st.lists(fragments, max_size=14).map("".join)
situations = st.builds(
    Situation,
    tools=st.sampled_from([TOOLS, TOOLS[:2], ()]),
    finish=st.sampled_from(tuple[StopReason, ...](("end_turn", "max_tokens"))),
    opens_thinking=st.booleans(),
)


@given(texts.flatmap(lambda text: st.tuples(st.just(text), any_split(text))), situations)
@settings(max_examples=300)
def test_the_result_does_not_depend_on_how_the_text_is_split(
    split: tuple[str, list[str]], situation: Situation
) -> None:
    text, pieces = split

    whole = joined(situation.played([text]))

    assert joined(situation.played(pieces)) == whole
    assert joined(situation.played(text)) == whole


@given(texts, situations)
@settings(max_examples=200)
def test_only_offered_tools_are_called(text: str, situation: Situation) -> None:
    offered = {tool.name for tool in situation.tools}

    assert {delta.name for delta in situation.played([text]) if isinstance(delta, ToolCallDelta)} <= {*offered, ""}


@given(texts, situations)
@settings(max_examples=300)
def test_nothing_is_invented_or_reordered(text: str, situation: Situation) -> None:
    left = iter(text)

    assert all(character in left for character in written(situation.played([text])))  # a subsequence of the text


MARKS = tuple(THOUGHT_TAGS) + tuple(o for form in forms.MESSAGE_FORMS for o in form.openings) + ("to=functions.",)
unmarked = texts.filter(lambda text: not any(mark in text for mark in MARKS))


@given(unmarked, st.sampled_from(tuple[StopReason, ...](("end_turn", "max_tokens"))))
@settings(max_examples=300)
def test_text_and_calls_without_thoughts_are_the_text_to_the_character(text: str, finish: StopReason) -> None:
    assert written(Situation(TOOLS, finish).played([text])) == text


@given(unmarked)
def test_without_tools_all_text_is_text(text: str) -> None:
    assert joined(Situation().played([text])) == ([TextDelta(text)] if text else [])


# what waits

ORDINARY = st.text(st.characters(exclude_characters="<[◁`\n", exclude_categories=["Cs"]), min_size=1, max_size=30)


@given(st.lists(ORDINARY, min_size=1, max_size=8))
def test_ordinary_text_is_passed_on_as_it_comes(pieces: list[str]) -> None:
    filtered = Situation(TOOLS).started()
    assert filtered.feed([TextDelta("I")]) == [TextDelta("I")]

    for piece in pieces:
        delta = TextDelta(piece)
        assert filtered.feed([delta])[0] is delta


def may_open(held: str) -> bool:
    """Return whether text may be the beginning of a call, a thought, a mark or of code, after white space."""
    begun = held.lstrip()
    openings = (*OPENINGS.all, *WORD_OPENINGS.all, "{", "[", "`", "~~~")
    return not begun or any(begun.startswith(opening) or opening.startswith(begun) for opening in openings)


def held_back(text: str, situation: Situation) -> list[str]:
    """Return what waits after each character of a text that is no call."""
    filtered = situation.started()
    delivered = ""
    waiting: list[str] = []
    for at, character in enumerate(text, 1):
        delivered += written(filtered.feed([TextDelta(character)]))
        assert text.startswith(delivered)
        waiting.append(text[len(delivered) : at])
    return waiting


@pytest.mark.parametrize("tools", [TOOLS, ()], ids=["with tools", "without tools"])
def test_what_waits_of_a_look_alike_begins_with_what_may_be_an_opening(tools: tuple[Tool, ...]) -> None:
    look_alikes = [reply for reply in written_replies() if reply.is_look_alike and not reply.opens_thinking]

    waiting = {
        (reply.id, held)
        for reply in look_alikes
        for held in held_back(reply.reply, Situation(tools))
        if not may_open(held)
    }

    assert waiting == set()


@given(unmarked)
@settings(max_examples=200)
def test_without_tools_only_what_may_become_an_opening_waits(text: str) -> None:
    longest = max(map(len, OPENINGS.all))

    for held in held_back(text, Situation()):
        assert may_open(held)
        assert len(held.strip("` \n\t\u2028~")) < longest or held.isspace()


@pytest.mark.parametrize(
    "text",
    [
        "<b",
        "<tool_calm",
        "<tool_call>I ",
        "<function=Launch>",
        '<invoke name="Launch">',
        "[TOOL_CALLS]I ",
        '{"colour"',
        '{"name": "Launch"',
        "{1",
        "[1,",
        "[Launch(",
        "```python\n",
        "```json\n1",
        "Action: Launch\n",
        "functools i",
        "<|tool_call>R",
        "<|tool_call>call:Launch{",
        "<｜tool▁calls▁begin｜>function\n",
        "<|channel|>\n",
    ],
)
def test_the_character_that_decides_releases_the_text(text: str) -> None:
    *waiting, last = held_back(text, Situation(TOOLS))

    assert waiting[-1] == text[:-1]
    assert last == ""


# calls

KEYS = ("alpha", "beta", "gamma", "delta")
LAUNCH = "Launch"
TYPES: dict[str, tuple[dict[str, JsonValue], st.SearchStrategy[JsonValue]]] = {
    "integer": ({"type": "integer"}, st.integers(-(10**MAX_DIGITS) + 1, 10**MAX_DIGITS - 1)),
    "boolean": ({"type": "boolean"}, st.booleans()),
    "list": ({"type": "array", "items": {"type": "integer"}}, st.lists(st.integers(0, 9), max_size=3)),
}
strings = st.lists(
    st.one_of(
        fragments,
        st.sampled_from(["12", "true", "null", "{}", "\n", "</", "a b", "\\n", "'"]),
        st.sampled_from([write(LAUNCH, {"alpha": "x"}) for write in WRITERS.values()]),
    ),
    max_size=4,
).map("".join)


@st.composite
def generated_calls(draw: st.DrawFn) -> tuple[Tool, Arguments]:
    """Draw a tool and arguments for it: each key has a type, and may be left out."""
    schema: dict[str, JsonValue] = {}
    arguments: dict[str, JsonValue] = {}
    for key in draw(st.permutations(KEYS)):
        kind = draw(st.sampled_from(["string", "string", "string", *TYPES]))
        schema[key], values = TYPES.get(kind, ({"type": "string"}, strings))
        if draw(st.booleans()):
            arguments[key] = draw(values)
    tool = Tool(LAUNCH, input_schema={"type": "object", "properties": schema, "additionalProperties": False})
    return tool, arguments


def written_by(write: Writer, tool: Tool, arguments: Arguments) -> Sequence[Delta]:
    """Return the deltas of a reply with some text and the call, which arrives in two pieces."""
    reply = f"I look.\n\n{write(tool.name, arguments)}"
    return Situation((tool,)).played([reply[: len(reply) // 2], reply[len(reply) // 2 :]])


def texts_of(arguments: Arguments) -> list[str]:
    """Return the arguments that are texts."""
    return [value for value in arguments.values() if isinstance(value, str)]


@pytest.mark.parametrize("family", [*JSON_WRITERS, *PYTHON_WRITERS])
@given(call=generated_calls())
@settings(max_examples=40)
def test_a_call_in_json_or_python_is_read_with_exactly_its_arguments(family: str, call: tuple[Tool, Arguments]) -> None:
    tool, arguments = call

    assert meant(written_by(WRITERS[family], tool, arguments)) == [Text("I look."), Call(LAUNCH, dict(arguments))]


QUOTES = {"FunctionGemma": "<escape>", "Gemma 4": '<|"|>'}


@pytest.mark.parametrize("family", GEMMA_WRITERS)
@given(call=generated_calls())
@settings(max_examples=60)
def test_a_call_of_gemma_is_read_with_exactly_its_arguments(family: str, call: tuple[Tool, Arguments]) -> None:
    tool, drawn = call
    arguments = {
        key: value.replace(QUOTES[family], "") if isinstance(value, str) else value for key, value in drawn.items()
    }

    assert meant(written_by(WRITERS[family], tool, arguments)) == [Text("I look."), Call(LAUNCH, {**arguments})]


OWN_TAGS = {
    "Qwen3-Coder": ("function", "parameter", "param", "tool_call"),
    "Seed-OSS": ("function", "parameter", "param", "seed:tool_call"),
    "GLM": ("arg_key", "arg_value", "tool_call"),
    "MiniMax M2": ("invoke", "parameter", "minimax:tool_call"),
    "Anthropic": ("invoke", "parameter", "function_calls"),
    "Anthropic, with a prefix": ("invoke", "parameter", "function_calls"),
    "DeepSeek V3.2": ("invoke", "parameter", "function_calls"),
}
KEEPS_LINE_BREAKS = {"Qwen3-Coder", "Seed-OSS"}
"""The forms that put a line break on either side of each value; in others, a value cannot begin with one."""


@pytest.mark.parametrize("family", TAG_WRITERS)
@given(call=generated_calls())
@settings(max_examples=60)
def test_a_call_in_tags_is_read_with_exactly_its_arguments(family: str, call: tuple[Tool, Arguments]) -> None:
    tool, drawn = call
    arguments = {key: without_tags(value, family) for key, value in drawn.items()}

    assert meant(written_by(WRITERS[family], tool, arguments)) == [Text("I look."), Call(LAUNCH, {**arguments})]


def without_tags(value: JsonValue, family: str) -> JsonValue:
    """Return a value without the tags of its own form, which only the next test has."""
    if not isinstance(value, str):
        return value
    for tag in OWN_TAGS[family]:
        value = value.replace(tag, "tag")
    return value if family in KEEPS_LINE_BREAKS else value.lstrip("\n")


@pytest.mark.parametrize("family", TAG_WRITERS)
@pytest.mark.parametrize("inner", ["Launch", "Other"])
@given(before=st.sampled_from(["", "It writes ", "# Calls\n\n"]), after=st.sampled_from(["", ".", "\n\nAnd so on.\n"]))
@settings(max_examples=9)
def test_a_value_may_be_a_whole_call_in_the_same_tags(family: str, inner: str, before: str, after: str) -> None:
    properties: dict[str, JsonValue] = {key: {"type": "string"} for key in KEYS}
    tool = Tool(LAUNCH, input_schema={"type": "object", "properties": properties})
    write = WRITERS[family]
    arguments: Arguments = {"alpha": before + write(inner, {"alpha": "x", "beta": "y"}) + after, "gamma": "z"}

    assert meant(written_by(write, tool, arguments)) == [Text("I look."), Call(LAUNCH, dict(arguments))]


@pytest.mark.parametrize("family", WRITERS)
def test_a_call_of_a_tool_that_was_not_offered_stays_text(family: str) -> None:
    reply = f"I look.\n\n{WRITERS[family]('Launch', {'alpha': 'x'})}"
    notes: list[CallNote] = []
    filtered = Situation(TOOLS).started(notes)

    deltas = [*filtered.feed([TextDelta(reply)]), *filtered.feed([Finished("end_turn")])]

    assert joined(deltas[:-1]) == [TextDelta(reply)]
    assert {note.what for note in notes} <= {"not_offered"}
