"""Questions that may fail."""

from tests.parts.gateway import target_at

from anyclaude.backends.fake import FakeBackend, FakeReply
from anyclaude.backends.query import answer_to
from anyclaude.dialects import WireRequest
from anyclaude.errors import BackendError, BackendTruncated, BackendUnreachable

QUESTION = WireRequest("/tokenize", b"{}")


async def answered(reply: FakeReply | BackendError) -> bytes | None:
    return await answer_to(QUESTION, FakeBackend(target_at("http://127.0.0.1:1/v1"), reply), 1.0)


async def test_the_whole_answer_is_returned() -> None:
    assert await answered(FakeReply(chunks=(b"one ", b"two"))) == b"one two"


async def test_an_answer_that_is_refused_broken_or_never_comes_is_none() -> None:
    assert await answered(FakeReply(chunks=(b"no",), status=404)) is None
    assert await answered(FakeReply(chunks=(b"one", BackendTruncated("gone")))) is None
    assert await answered(BackendUnreachable("nobody there")) is None
