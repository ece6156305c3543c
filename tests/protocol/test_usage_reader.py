"""Token counts of a forwarded reply, streamed or whole; an unreadable reply has none."""

import gzip
import json
import zlib
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.protocol.deltas import UsageReported
from anyclaude.protocol.sse import DEFAULT_MAX_EVENT_BYTES
from anyclaude.protocol.usage_reader import UsageReader

USAGE = {"input_tokens": 10, "cache_read_input_tokens": 80, "cache_creation_input_tokens": 5, "output_tokens": 1}
START = {"type": "message_start", "message": {"id": "msg_1", "usage": USAGE}}
DELTA = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 42}}
COUNTED = UsageReported(95, 42, 80)


def event(value: Mapping[str, object]) -> bytes:
    return f"event: {value['type']}\ndata: {json.dumps(value)}\n\n".encode()


STREAM = event(START) + event({"type": "ping"}) + event(DELTA)


@pytest.mark.parametrize(("encoding", "encode"), [("gzip", gzip.compress), ("Deflate", zlib.compress)])
def test_a_compressed_stream_is_read_in_any_pieces(encoding: str, encode: Callable[[bytes], bytes]) -> None:
    reader = UsageReader(is_stream=True, content_encoding=encoding)
    for byte in encode(STREAM):
        reader.feed(bytes([byte]))

    assert reader.reported == COUNTED


@pytest.mark.parametrize("encoding", ["br", "gzip"])
def test_a_stream_of_an_unknown_or_false_encoding_has_no_usage(encoding: str) -> None:
    reader = UsageReader(is_stream=True, content_encoding=encoding)
    reader.feed(STREAM)
    reader.feed(STREAM)

    assert reader.reported == UsageReported()


@pytest.mark.parametrize("encoding", ["", "gzip"])
@pytest.mark.parametrize(("padding", "expected"), [(1, COUNTED), (DEFAULT_MAX_EVENT_BYTES, UsageReported())])
def test_only_a_document_of_enormous_size_has_no_usage(encoding: str, padding: int, expected: UsageReported) -> None:
    document = b" " * padding + json.dumps({"usage": {**USAGE, "output_tokens": 42}}).encode()
    reader = UsageReader(is_stream=False, content_encoding=encoding)
    reader.feed(gzip.compress(document) if encoding else document)
    reader.finish()

    assert reader.reported == expected


@given(st.lists(st.integers(0, len(STREAM)), max_size=5))
def test_every_split_of_a_stream_gives_the_same_counts(cuts: list[int]) -> None:
    reader = UsageReader(is_stream=True)
    edges = [0, *sorted(cuts), len(STREAM)]
    for number in range(len(edges) - 1):
        reader.feed(STREAM[edges[number] : edges[number + 1]])
    reader.finish()

    assert reader.reported == COUNTED


def test_a_document_is_counted_when_it_is_complete() -> None:
    body = json.dumps({"type": "message", "usage": {**USAGE, "output_tokens": 42}}).encode()
    reader = UsageReader(is_stream=False)
    reader.feed(body[:20])
    reader.feed(body[20:])
    before = reader.reported
    reader.finish()

    assert before == UsageReported()
    assert reader.reported == COUNTED


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"usage": []}', b'{"usage": {"input_tokens": "many"}}', b"[]"])
@pytest.mark.parametrize("is_stream", [True, False])
def test_an_unreadable_reply_has_no_counts(body: bytes, is_stream: bool) -> None:
    reader = UsageReader(is_stream=is_stream)
    reader.feed(b"data: " + body + b"\n\n" if is_stream else body)
    reader.finish()

    assert reader.reported == UsageReported()


def test_the_counts_before_an_unreadable_event_are_kept() -> None:
    reader = UsageReader(is_stream=True)
    reader.feed(event(START) + b'data: {"usage": nonsense\n\n' + event(DELTA))

    assert reader.reported == UsageReported(95, 1, 80)


@pytest.mark.parametrize("count", ["-5", "9" * 300, str(2**64), "true", '"7"', "1e400", "NaN"])
def test_counts_that_cannot_be_are_no_counts(count: str) -> None:
    names = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    usage = ",".join(f'"{name}":{count}' for name in names)
    reader = UsageReader(is_stream=False)
    reader.feed(f'{{"usage":{{{usage}}}}}'.encode())
    reader.finish()

    assert reader.reported == UsageReported()


@pytest.mark.parametrize("is_stream", [True, False])
def test_a_reply_that_nests_without_end_has_no_usage(is_stream: bool) -> None:
    reader = UsageReader(is_stream)
    reader.feed(b'data: {"usage":{},"x":'[0 if is_stream else 6 :] + b"[" * 100_000 + b"\n\n")
    reader.finish()

    assert reader.reported == UsageReported()
