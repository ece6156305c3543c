"""Bodies of replies, as bytes and as deltas."""

import asyncio
import itertools
from collections.abc import Iterator
from threading import Event

import pytest
from tests.parts.fake_backend import FakeReply, Replay

from anyclaude.backends import DeltaReader, read_body
from anyclaude.backends.reading import MAX_ANSWER_BYTES, max_answer_bytes, read_available_body
from anyclaude.dialects import EngineProgress, WireRequest
from anyclaude.dialects.openai_chat.decode import ReplyDecoder
from anyclaude.errors import BackendGarbled, BackendTimeout, BackendTruncated
from anyclaude.protocol.deltas import Delta, Finished, TextDelta
from anyclaude.worker_threads import SHORT_STEP_BYTES

LONG = 60.0
CUT = BackendTruncated("cut")


def reply(*chunks: bytes | BackendTruncated) -> Replay:
    return Replay(FakeReply(chunks=chunks))


class EndlessReply(Replay):
    """A reply without an end."""

    def __init__(self, endless: Iterator[bytes]) -> None:
        super().__init__(FakeReply())
        self._endless = endless

    async def read_chunk(self, within_seconds: float) -> bytes:
        """Return the next bytes."""
        return next(self._endless)


class DrippingReply(Replay):
    """A reply of single bytes, and a turn of the event loop between them."""

    def __init__(self) -> None:
        super().__init__(FakeReply())

    async def read_chunk(self, within_seconds: float) -> bytes:
        """Return one byte."""
        await asyncio.sleep(0)
        return b"x"


class WordDecoder:
    """Decodes words: one delta each; words in capitals are refused, a full stop is the end, and that is a delta too."""

    engine_progress = EngineProgress(output_tokens=7)
    is_done = False

    def feed(self, chunk: bytes) -> list[Delta]:
        """Return a delta for each word."""
        if chunk.isupper():
            raise BackendGarbled("capitals")
        self.is_done = chunk.endswith(b".")
        return [TextDelta(word) for word in chunk.decode().split()]

    def finish(self) -> list[Delta]:
        """Return the end."""
        return [Finished("end_turn")]


def words(*chunks: bytes | BackendTruncated) -> DeltaReader:
    return DeltaReader(reply(*chunks), WordDecoder())


async def test_a_body_is_read_to_its_end() -> None:
    assert await read_body(reply(b"one ", b"two"), LONG) == b"one two"


async def test_a_body_that_is_too_large_is_an_error_and_is_read_no_further() -> None:
    body = reply(b"one ", b"two ", b"three")

    with pytest.raises(BackendGarbled, match="larger than 6 bytes"):
        await read_body(body, LONG, max_bytes=6)
    assert await body.read_chunk(LONG) == b"three"


async def test_a_body_of_the_limit_is_whole() -> None:
    assert await read_body(reply(b"one ", b"tw"), LONG, max_bytes=6) == b"one tw"


def test_an_answer_may_be_longer_for_a_long_question() -> None:
    prompt = WireRequest("/tokenize", bytes(1_000_000))

    assert max_answer_bytes(WireRequest("/models")) == MAX_ANSWER_BYTES
    assert max_answer_bytes(prompt) >= len(b"1234567,") * len(prompt.body)


async def test_a_reply_has_a_limit_even_if_nothing_in_it_is_kept() -> None:
    comments = itertools.repeat(b":" * 2**20 + b"\n")
    reader = DeltaReader(EndlessReply(comments), ReplyDecoder())

    with pytest.raises(BackendGarbled, match="never end"):
        await reader.read(LONG)


async def test_the_drip_of_an_error_is_not_awaited_for_ever() -> None:
    """Each byte comes in time, and the last one never."""
    assert await read_available_body(DrippingReply(), 0.01, 10**9) != b""


async def test_a_body_that_breaks_off_is_an_error_or_the_part_that_arrived() -> None:
    with pytest.raises(BackendTruncated):
        await read_body(reply(b"one", CUT), LONG)
    assert await read_available_body(reply(b"one", CUT), LONG, 100) == b"one"
    assert await read_available_body(reply(b"one", b"two"), LONG, 4) == b"onet"


async def test_each_read_returns_the_next_deltas_and_the_last_one_the_end() -> None:
    reader = words(b"one two", b"  ", b"three")

    reads = [await reader.read(LONG), await reader.read(LONG)]
    was_over = reader.is_over
    last = await reader.read(LONG)

    assert reads == [[TextDelta("one"), TextDelta("two")], [TextDelta("three")]]
    assert (was_over, reader.is_over) == (False, True)
    assert last == [Finished("end_turn")]


async def test_nothing_is_read_after_the_end_that_the_server_has_marked() -> None:
    unread = asyncio.Event()
    reader = DeltaReader(Replay(FakeReply(chunks=[b"one", b"two.", unread, b"three"])), WordDecoder())

    deltas = [delta for _ in range(3) for delta in await reader.read(LONG)]

    assert deltas == [TextDelta("one"), TextDelta("two."), Finished("end_turn")]
    assert reader.is_over


async def test_a_large_event_is_decoded_in_a_thread_while_others_run() -> None:
    has_run = Event()

    class Waiting(WordDecoder):
        def feed(self, chunk: bytes) -> list[Delta]:
            return [TextDelta("decoded")] if has_run.wait(10) else []

    reading = asyncio.create_task(DeltaReader(reply(b"a" * (SHORT_STEP_BYTES + 1)), Waiting()).read(LONG))
    await asyncio.sleep(0)
    has_run.set()

    assert await reading == [TextDelta("decoded")]


async def test_signs_of_life_do_not_extend_the_whole_wait() -> None:
    times = itertools.count()
    waits: list[float] = []

    class Pings(Replay):
        async def read_chunk(self, within_seconds: float) -> bytes:
            waits.append(within_seconds)
            return b" "

    reader = DeltaReader(Pings(FakeReply()), WordDecoder(), lambda: float(next(times)))

    with pytest.raises(BackendTimeout, match="signs of life for 5 s"):
        await reader.read(3.0, 5.0)
    assert waits == [3.0, 3.0, 3.0, 2.0, 1.0]


async def test_failures_of_the_connection_and_of_the_decoder_are_raised() -> None:
    for chunk, error in ((CUT, BackendTruncated), (b"NO", BackendGarbled)):
        reader = words(b"one", chunk)
        await reader.read(LONG)

        with pytest.raises(error):
            await reader.read(LONG)
        assert not reader.is_over


async def test_how_far_the_engine_is_can_be_asked_at_any_time() -> None:
    assert words(b"one").engine_progress == EngineProgress(output_tokens=7)
