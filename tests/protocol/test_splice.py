"""A second attempt goes on exactly where the first broke off, or is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.parts.splits import any_split

from anyclaude.protocol.deltas import Delta, Finished, TextDelta, ThinkingDelta, ToolCallDelta, UsageReported
from anyclaude.protocol.splice import Diverged, Splice

DONE = Finished("end_turn")
Letter = tuple[str, int, str]
"""What a letter is part of, which call if it is one's, and the letter; a name counts as one."""

letters = st.one_of(
    st.tuples(st.sampled_from(["text", "thinking"]), st.just(0), st.sampled_from("ab")),
    st.tuples(st.just("arguments"), st.integers(0, 1), st.sampled_from("ab")),
)
replies = st.lists(letters, max_size=12)


def delta_of(letter: Letter) -> Delta:
    kind, slot, text = letter
    if kind == "text":
        return TextDelta(text)
    if kind == "thinking":
        return ThinkingDelta(text)
    return ToolCallDelta(slot, "", text)


def letters_of(deltas: list[Delta]) -> list[Letter]:
    spelled: list[Letter] = []
    for delta in deltas:
        if isinstance(delta, TextDelta):
            spelled += [("text", 0, letter) for letter in delta.text]
        elif isinstance(delta, ThinkingDelta):
            spelled += [("thinking", 0, letter) for letter in delta.text]
        elif isinstance(delta, ToolCallDelta):
            spelled += [("arguments", delta.slot, letter) for letter in delta.arguments]
    return spelled


def recut(data: st.DataObject, reply: list[Letter]) -> list[Delta]:
    """Draw the same reply in longer fragments, wherever neighbours are part of the same thing."""
    deltas: list[Delta] = []
    for piece in data.draw(any_split(reply)):
        if piece and all(letter[:2] == piece[0][:2] for letter in piece):
            kind, slot, _ = piece[0]
            deltas.append(delta_of((kind, slot, "".join(text for _, _, text in piece))))
        else:
            deltas += map(delta_of, piece)
    return deltas


@given(replies, st.integers(0, 12), st.data())
def test_nothing_is_repeated_and_nothing_is_missing_however_the_attempts_are_cut(
    reply: list[Letter], broke_off: int, data: st.DataObject
) -> None:
    splice = Splice(recut(data, reply[:broke_off]))
    fresh = [delta for batch in data.draw(any_split(recut(data, reply))) for delta in splice.feed(batch)]

    assert letters_of(fresh) == reply[broke_off:]
    assert splice.is_joined


@given(replies, replies, st.data())
def test_a_second_attempt_that_says_something_else_is_refused(
    first: list[Letter], second: list[Letter], data: st.DataObject
) -> None:
    splice = Splice(recut(data, first))
    again = [*recut(data, second), DONE]

    if second[: len(first)] == first:
        assert letters_of(splice.feed(again)) == second[len(first) :]
    else:
        with pytest.raises(Diverged):
            splice.feed(again)


def test_a_second_attempt_that_ends_too_early_is_refused() -> None:
    with pytest.raises(Diverged, match="ended before"):
        Splice([TextDelta("abc")]).feed([TextDelta("ab"), DONE])


def test_names_and_signatures_are_compared_and_go_on_too() -> None:
    said: list[Delta] = [ThinkingDelta("h", "s"), ToolCallDelta(0, "Read", "{")]
    splice = Splice(said)
    fresh = splice.feed([ThinkingDelta("h", "s"), ToolCallDelta(0, "Read", "{}"), ToolCallDelta(1, "Bash"), DONE])

    assert fresh == [ToolCallDelta(0, "", "}"), ToolCallDelta(1, "Bash"), DONE]
    for other in (ThinkingDelta("h", "x"), ToolCallDelta(0, "Read"), TextDelta("h")):
        with pytest.raises(Diverged):
            Splice(said).feed([other])


def test_what_the_engine_counts_is_handed_on_at_any_time() -> None:
    report = UsageReported(input_tokens=3)

    assert Splice([TextDelta("a")]).feed([report, TextDelta("a"), report]) == [report, report]


def test_where_the_client_has_nothing_yet_everything_is_new() -> None:
    splice = Splice([])

    assert splice.is_joined
    assert splice.feed([TextDelta("a"), DONE]) == [TextDelta("a"), DONE]


def test_a_call_of_another_tool_is_refused_even_if_its_name_begins_alike() -> None:
    splice = Splice([ToolCallDelta(0, "Read", '{"a')])

    with pytest.raises(Diverged):
        splice.feed([ToolCallDelta(0, "ReadFile", '{"a":1}')])


def test_a_name_that_is_repeated_with_every_fragment_counts_once() -> None:
    splice = Splice([ToolCallDelta(0, "Read", "ab"), ToolCallDelta(0, "Read", "cd")])

    fresh = splice.feed([ToolCallDelta(0, "Read", "a"), ToolCallDelta(0, "Read", "bcde"), DONE])

    assert letters_of(fresh) == [("arguments", 0, "e")]
