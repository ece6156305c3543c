"""The faults: each takes the body of a reply and an offset, and returns what the backend plays instead."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from tests.faults.expected_reply import Arguments, ExpectedReply
from tests.parts.faulty_backend import Ending, Framing, Play

GARBAGE = b"\xff\x00\xc3garbage\x9f"
"""Neither UTF-8 nor JSON, and without a line break."""

ERROR_EVENT = b'\n\ndata: {"error":{"message":"the model crashed","type":"server_error","code":500}}\n\n'

FINISH_MARKS = (b'"finish_reason":"', b"data: [DONE]")


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to break a reply at a byte offset of its body."""

    name: str
    apply: Callable[[bytes, int], Play]


def _cut(ending: Ending, framing: Framing = Framing.CHUNKED) -> Callable[[bytes, int], Play]:
    return lambda body, at: Play((body[:at],), ending, framing)


def _inserted(what: bytes, ending: Ending = Ending.PROPER) -> Callable[[bytes, int], Play]:
    return lambda body, at: Play((body[:at], what, body[at:]), ending)


ENDS = Fault("the body ends", _cut(Ending.PROPER))
CLOSES = Fault("the connection closes", _cut(Ending.CLOSED))
CLOSES_UNFRAMED = Fault(
    "the connection closes, and nothing else marks the end", _cut(Ending.PROPER, Framing.UNTIL_CLOSE)
)
RESETS = Fault("the connection is reset", _cut(Ending.RESET))
STALLS = Fault("nothing more is sent", _cut(Ending.STALLED))
GARBLES = Fault("garbage in the middle", _inserted(GARBAGE))
FAILS = Fault("an error object, and the end", lambda body, at: Play((body[:at], ERROR_EVENT)))

RETRYABLE = (ENDS, CLOSES, CLOSES_UNFRAMED, RESETS)
"""The backend has disconnected, and a second attempt may succeed.  After `CLOSES` and `RESETS` the gateway may not have
received every byte that was sent."""


@dataclass(frozen=True, slots=True)
class Offsets:
    """
    Byte offsets in the body of a reply at which its meaning changes.

    From `may_have_content` the JSON of the first event with content is complete, so a decoder may accept it; from
    `has_content` its blank line has arrived, so a decoder must.  `may_be_finished` and `is_finished` are these two
    offsets for the first event that ends the reply.
    """

    may_have_content: int
    has_content: int
    may_be_finished: int
    is_finished: int


def offsets_in(body: bytes) -> Offsets:
    """Return the offsets of a body."""
    first = body.index(b"\n\n")
    if b'"name"' in body[:first]:  # it may go on in the next event, which shows that it is complete
        first = body.index(b"\n\n", first + 2)
    found = [at for mark in FINISH_MARKS if (at := body.find(mark)) >= 0]
    last = body.index(b"\n\n", min(found)) if found else len(body) + 1
    return Offsets(first, first + 2, last, last + 2)


def with_one_part_repeated(reply: ExpectedReply) -> Iterator[tuple[ExpectedReply, ExpectedReply]]:
    """
    Yield, for each part, the reply with that part sent twice, and the reply the gateway must understand.

    Arguments that are a whole object count once: some servers send a complete call again at its end.
    """
    for position, part in enumerate(reply.parts):
        sent = replace(reply, parts=(*reply.parts[: position + 1], *reply.parts[position:]))
        repeats_whole_call = isinstance(part, Arguments) and part.text.startswith("{") and part.text.endswith("}")
        yield sent, reply if repeats_whole_call else sent
