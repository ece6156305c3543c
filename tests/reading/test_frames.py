"""Messages between the gateway and the reading process."""

from io import BytesIO

import msgspec
import pytest

from anyclaude.reading.frames import PIECE_BYTES, Answer, Job, Read, Refused, message, read_message

JOB = Job("pdf", {"max_pages": 3}, is_base64=True, cpu_seconds=60)


def test_a_message_is_read_as_it_was_written_in_short_pieces() -> None:
    data = bytes(PIECE_BYTES * 2 + 1)

    written = list(message(JOB, [data, b"end"]))
    received = read_message(BytesIO(b"".join(written)).read)

    assert max(map(len, written)) <= PIECE_BYTES + 4
    assert received is not None
    assert msgspec.msgpack.decode(received[0], type=Job) == JOB
    assert b"".join(received[1]) == data + b"end"


@pytest.mark.parametrize("answer", [Read({"pages": ["a", ""], "width": 3}), Refused("broken", "why")])
def test_an_answer_is_read_as_it_was_written(answer: Answer) -> None:
    received = read_message(BytesIO(b"".join(message(answer, []))).read)

    assert received is not None
    assert msgspec.msgpack.decode(received[0], type=Answer) == answer
    assert received[1] == []


def test_an_input_that_ends_has_no_more_messages() -> None:
    whole = b"".join(message(JOB, [b"data"]))

    assert [read_message(BytesIO(whole[:size]).read) for size in range(len(whole))] == [None] * len(whole)
