"""The faults: each takes what the backend means to say, and where to break it, and gives what is played instead."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from tests.faults.meant import Arguments, Meant
from tests.parts.faulty_backend import Ending, Framing, Play

GARBAGE = b"\xff\x00\xc3garbage\x9f"
"""No UTF-8, no JSON, no line end."""

ERROR_EVENT = b'\n\ndata: {"error":{"message":"the model crashed","type":"server_error","code":500}}\n\n'

FINISH_MARKS = (b'"finish_reason":"', b"data: [DONE]")


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to break a reply at one of its bytes.  `is_certain`: all that was sent before reaches the gateway."""

    name: str
    strike: Callable[[bytes, int], Play]
    is_certain: bool = True


def _cut(ending: Ending, framing: Framing = Framing.CHUNKED) -> Callable[[bytes, int], Play]:
    return lambda body, at: Play((body[:at],), ending, framing)


def _inserted(what: bytes, ending: Ending = Ending.PROPER) -> Callable[[bytes, int], Play]:
    return lambda body, at: Play((body[:at], what, body[at:]), ending)


ENDS = Fault("the body ends", _cut(Ending.PROPER))
CLOSES = Fault("the connection closes", _cut(Ending.CLOSED), is_certain=False)
CLOSES_UNFRAMED = Fault(
    "the connection closes, and nothing else marks the end", _cut(Ending.PROPER, Framing.UNTIL_CLOSE)
)
RESETS = Fault("the connection is reset", _cut(Ending.RESET), is_certain=False)
STALLS = Fault("nothing more is sent", _cut(Ending.STALLED))
GARBLES = Fault("garbage in the middle", _inserted(GARBAGE))
FAILS = Fault("an error object, and the end", lambda body, at: Play((body[:at], ERROR_EVENT)))

PASSING = (ENDS, CLOSES, CLOSES_UNFRAMED, RESETS)
"""The backend is gone, and asking it again may help."""


@dataclass(frozen=True, slots=True)
class Marks:
    """
    Where the body of a reply passes the points that matter, in bytes.

    An event counts for sure once its blank line has come, and may count once its JSON is whole.
    """

    may_speak: int
    speaks: int
    may_be_finished: int
    is_finished: int


def marks_in(body: bytes) -> Marks:
    """Find them."""
    first = body.index(b"\n\n")
    found = [at for mark in FINISH_MARKS if (at := body.find(mark)) >= 0]
    last = body.index(b"\n\n", min(found)) if found else len(body) + 1
    return Marks(first, first + 2, last, last + 2)


def doubled(meant: Meant) -> Iterator[tuple[Meant, Meant]]:
    """
    Yield the reply as it is sent with one of its pieces twice, and as it is to be understood, for each piece.

    Arguments that are a whole object are known to be repeated by servers that send a call once more at its end.
    """
    for position, piece in enumerate(meant.pieces):
        sent = replace(meant, pieces=(*meant.pieces[: position + 1], *meant.pieces[position:]))
        repeats_whole_call = isinstance(piece, Arguments) and piece.text.startswith("{") and piece.text.endswith("}")
        yield sent, meant if repeats_whole_call else sent
