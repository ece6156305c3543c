"""A call whose arguments only repeat themselves is ended, or requested again if nothing of the reply was delivered."""

import json
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.parts.splits import any_split

from anyclaude.filters import EndlessReply, FilterContext, endless_arguments
from anyclaude.filters.endless_arguments import FORCED_WINDOWS, WINDOWS
from anyclaude.profiles import profile_named
from anyclaude.protocol.deltas import Delta, Finished, TextDelta, ThinkingDelta, ToolCallDelta
from anyclaude.protocol.messages_request import Tool

CONTEXT = FilterContext((Tool("Write"),), profile_named("llamacpp"), "local-model")
FORCED = replace(CONTEXT, is_call_forced=True)
BEGINNING = '{"file_path": "/a", "content": "'


@dataclass
class Filtered:
    """A reply that passes the filter, and what the filter said of its end."""

    delivered: list[Delta] = field(default_factory=list)
    ended: list[EndlessReply] = field(default_factory=list)


def filtered(context: FilterContext, *deltas: Delta) -> Filtered:
    """Return the reply, each delta fed by itself."""
    result = Filtered()
    made = endless_arguments(replace(context, end=result.ended.append))
    assert made is not None
    for delta in deltas:
        result.delivered += made.feed([delta])
    result.delivered += made.finish()
    return result


@pytest.mark.parametrize("unit", ["0, ", "the same line\\n", "x" * 90 + "\\n"])
def test_a_call_that_repeats_itself_is_ended_as_cut(unit: str) -> None:
    pieces = [ToolCallDelta(0, arguments=unit)] * (100_000 // len(unit))
    result = filtered(
        CONTEXT, TextDelta("I write."), ToolCallDelta(0, "Write", BEGINNING), *pieces, Finished("tool_use")
    )

    assert result.delivered[-1] == Finished("max_tokens")
    arguments = "".join(delta.arguments for delta in result.delivered if isinstance(delta, ToolCallDelta))
    assert (BEGINNING + unit * 100_000).startswith(arguments)
    assert len(arguments) <= 2 * WINDOWS[0].characters
    assert result.ended == [EndlessReply("arguments", len(unit), WINDOWS[0].characters)]


def test_a_reply_that_is_requested_again_is_passed_on_only_if_that_fails() -> None:
    made = endless_arguments(replace(CONTEXT, request_again=lambda _: True))
    assert made is not None

    assert made.feed([TextDelta("So."), *[ToolCallDelta(0, "Write", "0, " * 10_000)] * 2, Finished("tool_use")]) == []
    assert made.feed([TextDelta("More.")]) == []

    text, call, end = made.finish()
    assert (text, end) == (TextDelta("So."), Finished("max_tokens"))
    assert isinstance(call, ToolCallDelta) and len(call.arguments) == WINDOWS[0].characters
    assert made.finish() == []


def test_the_reply_to_a_second_request_is_not_watched_closely() -> None:
    numbers: list[Delta] = [TextDelta("1234567890" * 300)]

    assert filtered(replace(FORCED, is_sampled_against_repetition=True), *numbers).delivered == numbers


def test_a_call_in_text_is_watched_before_it_is_held_back() -> None:
    result = filtered(CONTEXT, TextDelta('<tool_call>{"name": "Write", "arguments": ['), *[TextDelta("0, ")] * 10_000)

    assert result.delivered[-1] == Finished("max_tokens")


@pytest.mark.parametrize("unit", ["1234567890", "example.com/", "home/user/project/src/"])
def test_a_call_that_the_engine_was_made_to_write_is_watched_closely(unit: str) -> None:
    beginning = '{"name": "Write", "arguments": {"file_path": "/'
    result = filtered(FORCED, TextDelta(beginning), *[TextDelta(unit)] * 100)

    assert result.delivered[-1] == Finished("max_tokens")
    text = "".join(delta.text for delta in result.delivered if isinstance(delta, TextDelta))
    assert len(text) <= len(beginning) + 2 * FORCED_WINDOWS[1].characters


@pytest.mark.parametrize(
    "content",
    [
        "x = [" + "0, " * 1_000 + "0]",
        "\n".join(f"line {number}" for number in range(20_000)),
        "| --- | --- |\n" * 300,
        ("+" + "-" * 78 + "+\n") * 100,
        "hello\n" * 1_000,
    ],
)
def test_files_that_people_want_pass(content: str) -> None:
    arguments = json.dumps({"file_path": "/a", "content": content})
    deltas: list[Delta] = [ToolCallDelta(0, "Write"), *(ToolCallDelta(0, arguments=part) for part in arguments)]

    assert filtered(CONTEXT, *deltas, Finished("tool_use")).delivered == [*deltas, Finished("tool_use")]


@pytest.mark.parametrize(
    "arguments",
    [
        {"command": "ls -la"},
        {"content": "# " + "=" * 76},
        {"pattern": "a" * 100},
        {"todos": [{"content": f"Step {number}", "status": "pending"} for number in range(20)]},
    ],
)
def test_ordinary_calls_that_the_engine_was_made_to_write_pass(arguments: dict[str, object]) -> None:
    text = json.dumps({"name": "Write", "arguments": arguments})
    deltas: list[Delta] = [*map(TextDelta, text), Finished("end_turn")]

    assert filtered(FORCED, *deltas).delivered == deltas


def test_each_call_is_watched_by_itself() -> None:
    half = "0, " * (WINDOWS[0].characters // 4)
    calls = [ToolCallDelta(number, "Write", half) for number in range(10)]

    assert filtered(CONTEXT, *calls).delivered == calls


def test_reasoning_is_left_to_others_and_without_tools_there_is_nothing_to_watch() -> None:
    thoughts: list[Delta] = [ThinkingDelta("Hm. " * 100)] * 1_000

    assert filtered(CONTEXT, *thoughts).delivered == thoughts
    assert endless_arguments(replace(CONTEXT, tools=())) is None


@given(st.data(), st.sampled_from(["0, ", "line\\n", "ab" * 50]))
def test_the_end_does_not_depend_on_how_the_arguments_arrive(data: st.DataObject, unit: str) -> None:
    text = BEGINNING + unit * (40_000 // len(unit))
    whole = filtered(CONTEXT, ToolCallDelta(0, "Write", text))
    split = filtered(CONTEXT, *(ToolCallDelta(0, "Write", piece) for piece in data.draw(any_split(text))))

    def arguments(result: Filtered) -> str:
        return "".join(delta.arguments for delta in result.delivered if isinstance(delta, ToolCallDelta))

    assert arguments(split) == arguments(whole)
    assert split.ended == whole.ended
