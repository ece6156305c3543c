"""Small questions to a server: they have one time limit, and may fail."""

import asyncio

import pytest
from msgspec import Struct
from tests.parts.fake_backend import FakeBackend, FakeReply
from tests.parts.gateway import target_at

from anyclaude.backends import QueryReply, query, query_or_none
from anyclaude.dialects import WireRequest
from anyclaude.errors import AnyclaudeError, BackendTimeout, BackendTruncated, BackendUnreachable, ConnectionsExhausted

QUESTION = WireRequest("/tokenize", b"{}")
LONG = 60.0
SOON = 0.02


class Count(Struct):
    """The requested type."""

    count: int


def server(reply: FakeReply | AnyclaudeError) -> FakeBackend:
    return FakeBackend(target_at("http://127.0.0.1:1/v1"), reply)


async def answered(reply: FakeReply | AnyclaudeError) -> bytes | None:
    return await query_or_none(server(reply), QUESTION, LONG)


async def test_the_whole_answer_is_returned() -> None:
    assert await answered(FakeReply(chunks=(b"one ", b"two"))) == b"one two"


async def test_a_refused_broken_or_missing_answer_is_none() -> None:
    assert await answered(FakeReply(chunks=(b"no",), status=404)) is None
    assert await answered(FakeReply(chunks=(b"one", BackendTruncated("gone")))) is None
    assert await answered(BackendUnreachable("nothing listens there")) is None
    assert await answered(ConnectionsExhausted("no descriptor is left")) is None


async def test_a_refusal_is_returned_with_its_body() -> None:
    assert await query(server(FakeReply(chunks=(b"no",), status=404)), QUESTION, LONG) == QueryReply(
        404, b"no", "text/event-stream"
    )


async def test_an_answer_that_is_not_complete_in_time_is_a_timeout() -> None:
    backend = server(FakeReply(chunks=(b"one", asyncio.Event())))

    with pytest.raises(BackendTimeout, match=r"llama\.cpp at http://127\.0\.0\.1:1/v1 .* /tokenize within 0\.02 s"):
        await query(backend, QUESTION, SOON)
    assert backend.open_replies == 0


@pytest.mark.parametrize(
    ("reply", "decoded"),
    [
        (QueryReply(200, b'{"count": 3, "more": 1}'), Count(3)),
        (QueryReply(404, b'{"count": 3}'), None),
        (QueryReply(200, b'{"count": "many"}'), None),
        (QueryReply(200, b"Not Found"), None),
        (QueryReply(200, b'{"count": "\xff"}'), None),
    ],
)
def test_an_answer_is_decoded_as_the_requested_type_or_none(reply: QueryReply, decoded: Count | None) -> None:
    assert reply.decoded(Count) == decoded
