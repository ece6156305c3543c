"""However the network splits the bytes and the server ends its lines, the same events come out."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.parts.splits import any_split

from anyclaude.protocol.sse import EventTooLarge, ServerSentEvent, SseDecoder

line_text = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=12)
names = st.one_of(st.none(), st.text("abcXYZ_.é:- ", min_size=1, max_size=6).filter(lambda name: name[0] != " "))
noise = st.sampled_from([b": comment", b":", b"id: 7", b"retry: 100", b"unknown: x", b"no colon", b"\xff\xfe"])
endings = st.sampled_from([b"\n", b"\r", b"\r\n"])


def decoded(pieces: list[bytes]) -> list[ServerSentEvent]:
    decoder = SseDecoder()
    return [event for piece in pieces for event in decoder.feed(piece)]


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, list[ServerSentEvent]]:
    """Draw a complete stream, written in any way the standard allows, and the events it contains."""
    raw = draw(st.sampled_from([b"", b"\xef\xbb\xbf"]))
    events: list[ServerSentEvent] = []
    for _ in range(draw(st.integers(0, 4))):
        lines = draw(st.lists(line_text, min_size=1, max_size=3))
        name = draw(names)
        fields = [b"data:" + draw(_space_before(line)) + line.encode() for line in lines]
        if name is not None:
            fields.insert(draw(st.integers(0, len(fields))), b"event: " + name.encode())
        for extra in draw(st.lists(noise, max_size=2)):
            fields.insert(draw(st.integers(0, len(fields))), extra)
        raw += b"".join(field + draw(endings) for field in fields)
        raw += draw(endings.filter(lambda blank: blank != b"\n") if raw.endswith(b"\r") else endings)
        events.append(ServerSentEvent("\n".join(lines).encode(), name or "message"))
    return raw, events


def _space_before(line: str) -> st.SearchStrategy[bytes]:
    """One space may follow the colon; before text that begins with a space, it must."""
    return st.just(b" ") if line.startswith(" ") else st.sampled_from([b"", b" "])


@given(streams(), st.data())
def test_any_split_and_any_line_ending_give_the_same_events(
    stream: tuple[bytes, list[ServerSentEvent]], data: st.DataObject
) -> None:
    raw, events = stream

    assert decoded(data.draw(any_split(raw))) == events


@given(streams())
def test_single_bytes_give_the_same_events(stream: tuple[bytes, list[ServerSentEvent]]) -> None:
    raw, events = stream

    assert decoded([raw[at : at + 1] for at in range(len(raw))]) == events


@given(st.binary(max_size=80), st.data())
def test_arbitrary_bytes_give_the_same_events_in_any_split(raw: bytes, data: st.DataObject) -> None:
    assert decoded(data.draw(any_split(raw))) == decoded([raw])


@given(st.text("\r\ndat:e\ufeff ", max_size=40), st.data())
def test_bytes_that_look_like_events_give_the_same_events_in_any_split(text: str, data: st.DataObject) -> None:
    raw = text.encode()

    assert decoded(data.draw(any_split(raw))) == decoded([raw])


def encode_sse(data: bytes, event: str | None) -> bytes:
    """Return one server-sent event; every line of `data` becomes a `data` line."""
    head = b"" if event is None else b"event: " + event.encode() + b"\n"
    lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    return head + b"".join(b"data: " + line + b"\n" for line in lines) + b"\n"


@given(st.lists(st.tuples(st.binary(max_size=30), names), max_size=4), st.data())
def test_encoded_events_are_decoded_to_the_same_events(
    sent: list[tuple[bytes, str | None]], data: st.DataObject
) -> None:
    raw = b"".join(encode_sse(body, name) for body, name in sent)

    assert decoded(data.draw(any_split(raw))) == [
        ServerSentEvent(body.replace(b"\r\n", b"\n").replace(b"\r", b"\n"), name or "message") for body, name in sent
    ]


@pytest.mark.parametrize(
    ("line", "blank"), [(b"\n", b"\n"), (b"\r", b"\r"), (b"\r\n", b"\r"), (b"\r\n", b"\n"), (b"\n", b"\r")]
)
def test_an_event_is_delivered_with_the_byte_that_ends_it(line: bytes, blank: bytes) -> None:
    decoder = SseDecoder()
    held_back = decoder.feed(b"data: x" + line)
    delivered = decoder.feed(blank)

    assert held_back == []
    assert delivered == [ServerSentEvent(b"x")]


def test_the_line_feed_after_a_carriage_return_does_not_end_a_second_line() -> None:
    assert decoded([b"data: 1\r", b"\ndata: 2\r", b"\n\r", b"\ndata: 3\n\n"]) == [
        ServerSentEvent(b"1\n2"),
        ServerSentEvent(b"3"),
    ]


def test_an_empty_chunk_changes_nothing() -> None:
    assert decoded([b"", b"data: 1\r", b"", b"\n", b"", b"\r", b"", b"\n", b""]) == [ServerSentEvent(b"1")]


def test_a_byte_order_mark_is_dropped_only_at_the_very_start() -> None:
    mark = b"\xef\xbb\xbf"

    assert decoded([mark + b"data: 1\n\n"]) == [ServerSentEvent(b"1")]
    assert decoded([mark[:1], mark[1:2], mark[2:] + b"data: 1\n\n"]) == [ServerSentEvent(b"1")]
    assert decoded([mark + mark + b"data: 1\n\n"]) == []
    assert decoded([b"data: 1\n\n" + mark + b"data: 2\n\n"]) == [ServerSentEvent(b"1")]
    assert decoded([b"data: 1\n\n", mark + b"data: 2\n\n"]) == [ServerSentEvent(b"1")]


def test_a_byte_order_mark_before_an_event_is_dropped_where_unknown_lines_are_kept() -> None:
    mark = b"\xef\xbb\xbf"
    decoder = SseDecoder(keeps_unknown_lines=True)

    events = decoder.feed(b"data: 1\n\n" + mark + b"data: 2\n\n" + mark * 2 + b"data: 3\n\n")

    assert events == [ServerSentEvent(b"1"), ServerSentEvent(b"2"), ServerSentEvent(mark * 2 + b"data: 3")]


def test_a_character_that_is_split_is_joined_again() -> None:
    raw = 'data: "né 😀"\n\n'.encode()

    assert all(decoded([raw[:at], raw[at:]]) == [ServerSentEvent('"né 😀"'.encode())] for at in range(len(raw)))


@pytest.mark.parametrize(
    ("raw", "events"),
    [
        (b"data\n\n", [ServerSentEvent(b"")]),
        (b"data\ndata\n\n", [ServerSentEvent(b"\n")]),
        (b"data:\n\n", [ServerSentEvent(b"")]),
        (b"data:  x\n\n", [ServerSentEvent(b" x")]),
        (b"data: x: y\n\n", [ServerSentEvent(b"x: y")]),
        (b"datax: 1\n\n", []),
        (b" data: 1\n\n", []),
        (b"event: a\n\ndata: 1\n\n", [ServerSentEvent(b"1")]),
        (b"event: a\nevent: b\ndata: 1\n\n", [ServerSentEvent(b"1", "b")]),
        (b"event: a\nevent:\ndata: 1\n\n", [ServerSentEvent(b"1")]),
        (b"event: a\nevent\ndata: 1\n\n", [ServerSentEvent(b"1")]),
        (b"event: a\ndata: 1\n\ndata: 2\n\n", [ServerSentEvent(b"1", "a"), ServerSentEvent(b"2")]),
        (b"event: \xff\ndata: 1\n\n", [ServerSentEvent(b"1", "\ufffd")]),
        (b": data: 1\n\n", []),
        (b"\n\n\n\n", []),
    ],
)
def test_fields_are_decoded_as_the_standard_specifies(raw: bytes, events: list[ServerSentEvent]) -> None:
    assert decoded([raw]) == events


@pytest.mark.parametrize("line", [b" data: 1", b"Data: 1", b"DATA:1", b"data : 1", b"\xef\xbb\xbfdata: 1"])
def test_a_field_whose_name_is_miswritten_is_that_field(line: bytes) -> None:
    assert SseDecoder(keeps_unknown_lines=True).feed(b"\n" + line + b"\n\n") == [ServerSentEvent(b"1")]


@pytest.mark.parametrize("line", [b"ata: 1", b"x", b"unknown: 1", b"\xff"])
def test_an_unknown_line_can_be_kept_as_data_of_its_event(line: bytes) -> None:
    assert SseDecoder(keeps_unknown_lines=True).feed(b"data: 0\n" + line + b"\n\n") == [ServerSentEvent(b"0\n" + line)]
    assert SseDecoder().feed(b"data: 0\n" + line + b"\n\n") == [ServerSentEvent(b"0")]


@pytest.mark.parametrize("line", [b": comment", b":", b"id: 7", b"id", b"retry: 100", b"retry", b"event: message"])
def test_a_line_of_the_standard_is_never_kept_as_an_unknown_one(line: bytes) -> None:
    assert SseDecoder(keeps_unknown_lines=True).feed(line + b"\n\n" + line + b"\ndata: 0\n\n") == [
        ServerSentEvent(b"0")
    ]


def test_an_event_without_its_blank_line_is_not_delivered_but_flushed() -> None:
    decoder = SseDecoder()
    delivered = decoder.feed(b"event: a\ndata: 1\ndata: 2")
    flushed = decoder.flush()

    assert delivered == []
    assert flushed == [ServerSentEvent(b"1\n2", "a")]
    assert decoder.flush() == []


@given(streams(), st.data())
def test_after_complete_events_there_is_nothing_to_flush(
    stream: tuple[bytes, list[ServerSentEvent]], data: st.DataObject
) -> None:
    raw, _ = stream
    decoder = SseDecoder()
    for piece in data.draw(any_split(raw)):
        decoder.feed(piece)

    assert decoder.flush() == []


def is_too_large(pieces: list[bytes], limit: int) -> bool:
    decoder = SseDecoder(limit)
    try:
        for piece in pieces:
            decoder.feed(piece)
    except EventTooLarge:
        return True
    return False


@given(
    st.lists(st.sampled_from([b"data: 123", b"data:", b"data", b": 12345678", b"event: 1", b"12", b""]), max_size=8),
    st.data(),
)
def test_the_size_limit_does_not_depend_on_the_split(lines: list[bytes], data: st.DataObject) -> None:
    raw = b"".join(line + b"\n" for line in lines)

    assert is_too_large(data.draw(any_split(raw)), 9) == is_too_large([raw], 9)


@pytest.mark.parametrize(
    "raw", [b"data: 12345678", b"data: 12345678\n\n", b"data\n" * 11, b"data: 1234\n" * 3, b":" * 11]
)
def test_an_endless_event_is_rejected(raw: bytes) -> None:
    assert is_too_large([raw], 10)
    assert is_too_large([raw[at : at + 1] for at in range(len(raw))], 10)


@pytest.mark.parametrize("raw", [b"data: 1234\n\n" * 9, b": comment\n" * 9, b"data: 1234\ndata\n\n" * 9, b"\n" * 99])
def test_an_endless_stream_of_small_events_is_accepted(raw: bytes) -> None:
    assert not is_too_large([raw], 10)
    assert not is_too_large([raw[at : at + 1] for at in range(len(raw))], 10)


@pytest.mark.parametrize(("piece", "end"), [(b"xy", b"\n\n"), (b"data: xy\n", b"\n"), (b"data:\n", b"\n")])
def test_an_event_takes_no_more_memory_than_its_bytes_however_they_arrive(piece: bytes, end: bytes) -> None:
    """As a list of its pieces it takes twenty times as much."""
    count = 20_000
    decoder = SseDecoder()
    decoder.feed(b"data: ")
    tracemalloc.start()
    try:
        for _ in range(count):
            decoder.feed(piece)
        held_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    (event,) = decoder.feed(end)

    assert len(event.data) <= count * len(piece)
    assert held_bytes < 2 * count * len(piece)
