"""A second attempt continues exactly where the first broke off, or is refused."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.parts.splits import any_split

from anyclaude.protocol.deltas import Delta, Finished, TextDelta, ThinkingDelta, ToolCallDelta, UsageReported
from anyclaude.protocol.splice import Diverged, Splice

DONE = Finished("end_turn")
Letter = tuple[str, int, str]
"""What a letter is part of, which call if it is part of one, and the letter; a name counts as one."""

letters = st.one_of(
    st.tuples(st.sampled_from(["text", "thinking"]), st.just(0), st.sampled_from("ab")),
    st.tuples(st.just("arguments"), st.integers(0, 1), st.sampled_from("ab")),
)
replies = st.lists(letters, max_size=12)
written_forms = st.lists(st.tuples(st.just("written"), st.integers(0, 1), st.sampled_from("ab")), max_size=6)


def delta_of(piece: Iterable[Letter]) -> Delta:
    """Return one delta of letters that are all part of the same text, or of the two texts of a call."""
    texts: dict[str, str] = {}
    slots: set[int] = set()
    for kind, slot, letter in piece:
        texts[kind] = texts.get(kind, "") + letter
        slots.add(slot)
    if "text" in texts:
        return TextDelta(texts["text"])
    if "thinking" in texts:
        return ThinkingDelta(texts["thinking"])
    return ToolCallDelta(slots.pop(), "", texts.get("arguments", ""), texts.get("written", ""))


def letters_of(deltas: list[Delta]) -> list[Letter]:
    spelled: list[Letter] = []
    for delta in deltas:
        if isinstance(delta, TextDelta):
            spelled += [("text", 0, letter) for letter in delta.text]
        elif isinstance(delta, ThinkingDelta):
            spelled += [("thinking", 0, letter) for letter in delta.text]
        elif isinstance(delta, ToolCallDelta):
            spelled += [("arguments", delta.slot, letter) for letter in delta.arguments]
            spelled += [("written", delta.slot, letter) for letter in delta.written]
    return spelled


def sequences_of(reply: list[Letter]) -> dict[object, list[Letter]]:
    """Return the letters whose order counts: the written form of each call, and all the rest."""
    sequences: dict[object, list[Letter]] = {"rest": [], 0: [], 1: []}
    for letter in reply:
        sequences[letter[1] if letter[0] == "written" else "rest"].append(letter)
    return sequences


def begins_with(whole: list[Letter], beginning: list[Letter]) -> bool:
    return whole[: len(beginning)] == beginning


def attempt(data: st.DataObject, reply: list[Letter], written: list[Letter]) -> list[Delta]:
    """Draw a reply with the written form of its calls anywhere in it, in fragments of any length."""
    places = sorted(data.draw(st.lists(st.integers(0, len(reply)), min_size=len(written), max_size=len(written))))
    for inserted, (place, letter) in enumerate(zip(places, written, strict=True)):
        reply = [*reply[: place + inserted], letter, *reply[place + inserted :]]
    deltas: list[Delta] = []
    for piece in data.draw(any_split(reply)):
        is_one_text = len({letter[:2] for letter in piece}) == 1
        is_one_call = {letter[0] for letter in piece} == {"arguments", "written"} and len(
            {at for _, at, _ in piece}
        ) == 1
        if is_one_text or is_one_call:
            deltas.append(delta_of(piece))
        else:
            deltas += [delta_of([letter]) for letter in piece]
    return deltas


@given(replies, written_forms, st.integers(0, 12), st.integers(0, 6), st.data())
def test_nothing_is_repeated_and_nothing_is_missing_however_the_attempts_are_divided(
    reply: list[Letter], written: list[Letter], broke_off: int, written_off: int, data: st.DataObject
) -> None:
    splice = Splice(attempt(data, reply[:broke_off], written[:written_off]))
    second = attempt(data, reply, written)
    fresh = [delta for batch in data.draw(any_split(second)) for delta in splice.feed(batch)]

    assert sequences_of(letters_of(fresh)) == sequences_of([*reply[broke_off:], *written[written_off:]])
    assert splice.is_joined


@given(replies, written_forms, replies, written_forms, st.data())
def test_a_second_attempt_that_differs_from_the_first_is_refused(
    first: list[Letter],
    first_written: list[Letter],
    second: list[Letter],
    second_written: list[Letter],
    data: st.DataObject,
) -> None:
    splice = Splice(attempt(data, first, first_written))
    again = [*attempt(data, second, second_written), DONE]
    known, offered = sequences_of([*first, *first_written]), sequences_of([*second, *second_written])

    if all(begins_with(offered[name], known[name]) for name in known):
        fresh = sequences_of(letters_of(splice.feed(again)))
        assert fresh == {name: offered[name][len(known[name]) :] for name in known}
    else:
        with pytest.raises(Diverged):
            splice.feed(again)


def test_a_second_attempt_that_ends_too_early_is_refused() -> None:
    with pytest.raises(Diverged, match="ended before"):
        Splice([TextDelta("abc")]).feed([TextDelta("ab"), DONE])


def test_names_and_signatures_are_compared_and_continued_too() -> None:
    received: list[Delta] = [ThinkingDelta("h", "s"), ToolCallDelta(0, "Read", "{")]
    splice = Splice(received)
    fresh = splice.feed([ThinkingDelta("h", "s"), ToolCallDelta(0, "Read", "{}"), ToolCallDelta(1, "Bash"), DONE])

    assert fresh == [ToolCallDelta(0, "", "}"), ToolCallDelta(1, "Bash"), DONE]
    for other in (ThinkingDelta("h", "x"), ToolCallDelta(0, "Read"), TextDelta("h")):
        with pytest.raises(Diverged):
            Splice(received).feed([other])


def test_usage_reports_are_passed_on_at_any_time() -> None:
    report = UsageReported(input_tokens=3)

    assert Splice([TextDelta("a")]).feed([report, TextDelta("a"), report]) == [report, report]


def test_everything_is_new_to_a_client_that_has_nothing_yet() -> None:
    splice = Splice([])

    assert splice.is_joined
    assert splice.feed([TextDelta("a"), DONE]) == [TextDelta("a"), DONE]


def test_a_call_of_a_different_tool_is_refused_even_if_its_name_starts_with_the_expected_one() -> None:
    splice = Splice([ToolCallDelta(0, "Read", '{"a')])

    with pytest.raises(Diverged):
        splice.feed([ToolCallDelta(0, "ReadFile", '{"a":1}')])


def test_a_name_that_is_repeated_in_every_fragment_counts_once() -> None:
    splice = Splice([ToolCallDelta(0, "Read", "ab"), ToolCallDelta(0, "Read", "cd")])

    fresh = splice.feed([ToolCallDelta(0, "Read", "a"), ToolCallDelta(0, "Read", "bcde"), DONE])

    assert letters_of(fresh) == [("arguments", 0, "e")]


def test_a_call_whose_written_form_is_incomplete_has_to_be_repeated_to_its_end() -> None:
    received = [ToolCallDelta(0, "Read", "{}", "<call>{}</c")]

    assert Splice(received).feed([ToolCallDelta(0, "Read", "{}", "<call>{}</call>"), DONE]) == [
        ToolCallDelta(0, written="all>"),
        DONE,
    ]
    with pytest.raises(Diverged, match="ended before"):
        Splice(received).feed([ToolCallDelta(0, "Read", "{}", "<call>{}"), DONE])
    with pytest.raises(Diverged, match="differs"):
        Splice(received).feed([ToolCallDelta(0, "Read", "{}", "<tool>")])
