"""However a server marks its tool calls, each fragment is assigned to its call."""

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dialects.openai_chat.decoded import assembled

from anyclaude.dialects.openai_chat import tool_calls
from anyclaude.dialects.openai_chat.tool_calls import MAX_CALLS, MAX_ID_CHARACTERS, ToolCalls, whole_object
from anyclaude.dialects.openai_chat.wire import CallPart, FunctionPart
from anyclaude.errors import BackendGarbled
from anyclaude.protocol.deltas import ToolCallDelta
from anyclaude.protocol.json_values import JsonValue

Mark = Callable[[int, bool], CallPart]
"""Return the marks of a fragment, given the number of its call and whether it is the call's first."""


def by_the_book(number: int, is_first: bool) -> CallPart:
    return CallPart(number, f"id{number}" if is_first else None)


def index_and_id(number: int, is_first: bool) -> CallPart:
    return CallPart(number, f"id{number}")


def index_alone(number: int, is_first: bool) -> CallPart:
    return CallPart(number)


def id_alone(number: int, is_first: bool) -> CallPart:
    return CallPart(None, f"id{number}")


def one_index_and_id(number: int, is_first: bool) -> CallPart:
    return CallPart(0, f"id{number}")


def index_and_one_id(number: int, is_first: bool) -> CallPart:
    return CallPart(number, "same")


def one_index_and_first_id(number: int, is_first: bool) -> CallPart:
    return CallPart(0, f"id{number}" if is_first else None)


def first_id_alone(number: int, is_first: bool) -> CallPart:
    return CallPart(None, f"id{number}" if is_first else None)


def nothing(number: int, is_first: bool) -> CallPart:
    return CallPart()


INTERLEAVING = [by_the_book, index_and_id, index_alone, id_alone, one_index_and_id, index_and_one_id]
"""Marks that distinguish calls with interleaved fragments."""

ONE_AFTER_THE_OTHER = [one_index_and_first_id, first_id_alone, nothing]
"""Marks that distinguish calls if each is whole before the next begins."""

arguments = st.sampled_from(['{"a":1}', '{"a":{"b":"}{"}}', '{"path":"/x","n":[1,2]}', "{}"])
calls = st.lists(st.tuples(st.sampled_from(["Read", "Bash"]), arguments), min_size=1, max_size=4)


def fragments_of(number: int, call: tuple[str, str], cut: int, mark: Mark) -> list[CallPart]:
    """Return a call as three fragments: its name, and its arguments in two pieces."""
    name, text = call
    parts = [mark(number, True), mark(number, False), mark(number, False)]
    contents = [FunctionPart(name, ""), FunctionPart(None, text[:cut]), FunctionPart(None, text[cut:])]
    return [CallPart(part.index, part.id, content) for part, content in zip(parts, contents, strict=True)]


def assembled_calls(parts: list[CallPart]) -> tuple[tuple[str, str], ...]:
    gathered = ToolCalls()
    deltas = [delta for part in parts for delta in gathered.take([part])]
    return assembled([*deltas, *gathered.settle()]).calls


@pytest.mark.parametrize("mark", INTERLEAVING)
@given(calls=calls, cut=st.integers(0, 7), order=st.randoms(use_true_random=False))
def test_calls_with_interleaved_fragments_are_kept_apart(
    mark: Mark, calls: list[tuple[str, str]], cut: int, order: st.DataObject
) -> None:
    queues = [fragments_of(number, call, cut, mark) for number, call in enumerate(calls)]
    parts = [queue.pop(0) for queue in queues]
    while waiting := [queue for queue in queues if queue]:
        parts.append(order.choice(waiting).pop(0))  # type: ignore[attr-defined]

    assert assembled_calls(parts) == tuple(calls)


@pytest.mark.parametrize("mark", [*INTERLEAVING, *ONE_AFTER_THE_OTHER])
@given(calls=calls, cut=st.integers(0, 7))
def test_calls_that_follow_one_another_are_kept_apart(mark: Mark, calls: list[tuple[str, str]], cut: int) -> None:
    parts = [part for number, call in enumerate(calls) for part in fragments_of(number, call, cut, mark)]

    assert assembled_calls(parts) == tuple(calls)


@pytest.mark.parametrize("mark", [index_and_id, id_alone, one_index_and_id, first_id_alone, nothing])
@given(calls=calls)
def test_whole_calls_are_kept_apart(mark: Mark, calls: list[tuple[str, str]]) -> None:
    parts = [CallPart(mark(at, True).index, mark(at, True).id, FunctionPart(*call)) for at, call in enumerate(calls)]

    assert assembled_calls(parts) == tuple(calls)


@pytest.mark.parametrize("mark", [by_the_book, index_and_id, index_alone, id_alone])
@given(calls=calls, cut=st.integers(0, 7))
def test_a_call_that_is_repeated_whole_counts_once(mark: Mark, calls: list[tuple[str, str]], cut: int) -> None:
    parts = [part for number, call in enumerate(calls) for part in fragments_of(number, call, cut, mark)]
    again = [CallPart(mark(at, True).index, mark(at, True).id, FunctionPart(*call)) for at, call in enumerate(calls)]

    assert assembled_calls([*parts, *again]) == tuple(calls)


@pytest.mark.parametrize("mark", [*INTERLEAVING, *ONE_AFTER_THE_OTHER])
@given(calls=calls)
def test_whole_calls_in_one_chunk_are_kept_apart(mark: Mark, calls: list[tuple[str, str]]) -> None:
    parts = [CallPart(mark(at, True).index, mark(at, True).id, FunctionPart(*call)) for at, call in enumerate(calls)]

    gathered = ToolCalls()

    assert assembled([*gathered.take(parts), *gathered.settle()]).calls == tuple(calls)


def test_an_index_that_arrives_late_belongs_to_the_last_call() -> None:
    parts = [CallPart(None, "a", FunctionPart("Read", "")), CallPart(0, None, FunctionPart(None, "{}"))]

    assert assembled_calls(parts) == (("Read", "{}"),)


def test_a_name_that_arrives_after_the_id_belongs_to_the_same_call() -> None:
    parts = [CallPart(0, "a"), CallPart(0, None, FunctionPart("Read", "{}"))]

    assert assembled_calls(parts) == (("Read", "{}"),)


REAL = '{"path":"/a"}'


@pytest.mark.parametrize(
    "texts", [["{}", REAL], ["{ }", '{"path":', '"/a"}'], ["{}", " ", REAL], [REAL, "{}"], ["{}", "{}"]]
)
@pytest.mark.parametrize("mark", [by_the_book, index_and_id, index_alone, id_alone])
def test_an_empty_object_beside_the_arguments_is_the_servers(mark: Mark, texts: list[str]) -> None:
    parts = [mark(0, True), *[mark(0, False)] * len(texts)]
    named = [FunctionPart("Read", ""), *[FunctionPart(None, text) for text in texts]]
    parts = [CallPart(part.index, part.id, content) for part, content in zip(parts, named, strict=True)]

    assert assembled_calls(parts) == (("Read", REAL if REAL in "".join(texts) else "{}"),)


def test_an_empty_object_is_delivered_once_it_is_known_to_be_all() -> None:
    gathered = ToolCalls()

    assert gathered.take([CallPart(0, "a", FunctionPart("Read", "{}"))]) == [ToolCallDelta(0, "Read")]
    assert gathered.settle() == [ToolCallDelta(0, arguments="{}")]
    assert gathered.settle() == []


def test_half_a_character_in_the_arguments_is_replaced() -> None:
    parts = [CallPart(0, "c", FunctionPart("Read", '{"a":"\ud83d')), CallPart(0, "c", FunctionPart(None, '"} \ud83d'))]

    assert assembled_calls(parts) == (("Read", '{"a":"\ufffd"} \ufffd'),)


@given(st.data(), st.sampled_from([None, "", "c"]), st.booleans())
def test_a_name_may_come_in_pieces_or_as_a_growing_sum(data: st.DataObject, later_id: str | None, is_sum: bool) -> None:
    ends = sorted(data.draw(st.sets(st.integers(1, 8), max_size=3)))
    bounds = [0, *ends, len("WebSearch")]
    names = ["WebSearch"[0 if is_sum else start : end] for start, end in itertools.pairwise(bounds)]
    ids = ["c", *[later_id] * (len(names) - 1)]
    named = [CallPart(0, id, FunctionPart(name, "")) for id, name in zip(ids, names, strict=True)]

    assert assembled_calls([*named, CallPart(0, None, FunctionPart(None, "{}"))]) == (("WebSearch", "{}"),)


@pytest.mark.parametrize("empty", ["{}", "null", " { } "])
def test_an_empty_object_before_the_arguments_of_the_same_call_is_not_another_call(empty: str) -> None:
    parts = [CallPart(0, "c", FunctionPart("Read", empty)), CallPart(0, "c", FunctionPart("Read", '{"a":1}'))]

    assert assembled_calls(parts) == (("Read", '{"a":1}'),)


def call(number: int, name: str = "Read", call_id: str | None = None) -> CallPart:
    return CallPart(number, call_id or f"id{number}", FunctionPart(name, "{}"))


def test_arguments_are_read_once_however_often_they_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def counted(text: str) -> JsonValue:
        read.append(text)
        return whole_object(text)

    monkeypatch.setattr(tool_calls, "whole_object", counted)
    whole = '{"path": "/x"}'
    calls = ToolCalls()
    calls.take([CallPart(0, "a", FunctionPart("Read", whole))])
    for _ in range(10):
        calls.take([CallPart(0, None, FunctionPart(None, "{}"))])

    assert read.count(whole) == 1


def test_a_reply_with_more_calls_than_a_model_makes_is_broken_off() -> None:
    calls = ToolCalls()
    calls.take([call(number) for number in range(MAX_CALLS)])

    with pytest.raises(BackendGarbled, match="more than 256 tool calls"):
        calls.take([call(MAX_CALLS)])


def test_a_call_without_end_to_its_name_or_its_id_is_broken_off() -> None:
    calls = ToolCalls()
    calls.take([CallPart(0, "a", FunctionPart("R"))])

    with pytest.raises(BackendGarbled, match="name"):
        for piece in itertools.cycle("ea"):
            calls.take([CallPart(0, "a", FunctionPart(piece * 100))])
    with pytest.raises(BackendGarbled, match="id"):
        ToolCalls().take([call(0, call_id="x" * (MAX_ID_CHARACTERS + 1))])
