"""Data of pictures and documents is not decoded, and is sent as it arrived."""

import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.errors import RequestTooLarge
from anyclaude.protocol.detached_data import (
    MARK_LENGTH,
    MAX_TEXT_BYTES,
    MIN_DATA_BYTES,
    DetachedData,
    RequestBody,
    attached,
    attached_size,
    certain_text_bytes,
    has_mark,
    text_of,
)

KEY = b"secret"
LONG = "Ab0+/_-=" * (MIN_DATA_BYTES // 8)


def received(body: bytes, sizes: Iterator[int] | None = None) -> RequestBody:
    """Return a body that has arrived in pieces of these sizes, and the rest in one."""
    pieces: list[bytes] = []
    for size in sizes or ():
        pieces.append(body[:size])
        body = body[size:]
    return RequestBody((*pieces, body), KEY)


def detached(value: object, **spelling: object) -> tuple[bytes, DetachedData]:
    return received(json.dumps(value, **spelling).encode()).detached()  # type: ignore[arg-type]


def test_long_base64_under_the_key_data_is_detached_and_nothing_else() -> None:
    value = {"data": LONG, "text": LONG, "model": LONG, "inner": [{"data": LONG[:-1]}, {"data": LONG + "A"}]}

    body, data = detached(value)

    decoded = json.loads(body)
    assert len(data) == 2
    assert {decoded["data"], decoded["inner"][1]["data"]} == set(data)
    assert (decoded["text"], decoded["model"], decoded["inner"][0]["data"]) == (LONG, LONG, LONG[:-1])
    assert text_of(decoded["data"], data) == LONG
    assert has_mark(f"in {decoded['data']} text")
    assert not has_mark(LONG)


@pytest.mark.parametrize("ending", [" ", "\\n", "é", ",", "\\u0041"])
def test_what_is_not_base64_is_text(ending: str) -> None:
    body = b'{"data":"' + LONG.encode() + ending.encode() + b'"}'

    assert received(body).detached() == (body, {})


@pytest.mark.parametrize("body", [b'{"data":"' + LONG.encode() + b'"', b'"data" \n:\t "' + LONG.encode() + b'"}'])
def test_blanks_may_stand_around_the_colon(body: bytes) -> None:
    assert len(received(body).detached()[1]) == 1


def test_a_value_without_an_end_is_text() -> None:
    body = b'{"data":"' + LONG.encode()

    assert received(body).detached() == (body, {})


@given(
    st.lists(st.sampled_from(['"data":"', LONG, '"', '"data"', ":", ",", "\\", '\\"data":"', " ", "x"]), max_size=12),
    st.lists(st.integers(1, 3 * MIN_DATA_BYTES), max_size=5),
)
def test_any_body_in_any_pieces_is_sent_as_it_arrived(units: list[str], sizes: list[int]) -> None:
    body = "".join(units).encode()

    without, data = received(body, iter(sizes)).detached()
    again, same = received(body).detached()

    assert b"".join(attached(without, data)) == body
    assert attached_size(without, data) == len(body)
    assert (without, data) == (again, same), "the pieces in which it arrives make no difference"


def test_equal_data_has_equal_marks_and_other_keys_make_others() -> None:
    body = json.dumps({"data": LONG}).encode()

    first, second = received(body).detached()[1], received(body, iter([9, 99])).detached()[1]

    assert first == second
    assert first.keys().isdisjoint(RequestBody((body,), b"other").detached()[1])


def test_a_mark_of_other_data_is_text() -> None:
    _, other = detached({"data": LONG})
    (mark,) = other
    body, data = detached({"text": mark, "data": LONG + "A"})

    assert json.loads(b"".join(attached(body, data))) == {"text": mark, "data": LONG + "A"}
    assert len(mark) == MARK_LENGTH


@pytest.mark.parametrize("text", ["A", "word ", "\\\\", "😀", '","data":"A'])
def test_more_text_than_any_conversation_has_is_refused(text: str) -> None:
    text = text * (MAX_TEXT_BYTES // len(text.encode()) + 1)

    with pytest.raises(RequestTooLarge, match="no model's window"):
        received(f'{{"model":"{text}"}}'.encode()).detached()
    received(f'{{"model":"{text[: MAX_TEXT_BYTES // 5]}"}}'.encode()).detached()


@given(st.lists(st.sampled_from([LONG, LONG[:5], '"data":"', '"', " ", "\\"]), max_size=12))
def test_what_is_certainly_text_is_text(units: list[str]) -> None:
    body = "".join(units).encode()
    without, data = received(body).detached()

    assert certain_text_bytes(body) <= len(without) - MARK_LENGTH * len(data)


@pytest.mark.parametrize("text", [b"word and ", rb"\ud83d", rb"\\", b" ", b'"",', b"[ ],"])
def test_most_text_is_certainly_text(text: bytes) -> None:
    body = text * (10**6 // len(text))

    assert certain_text_bytes(body) > 0.99 * len(body)
