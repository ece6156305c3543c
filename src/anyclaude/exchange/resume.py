"""
How to request the rest of a reply that broke off.

A server that continues a final assistant message gets the text so far, less its last characters: it has to write those
again, which proves that it continues from the right place.  Otherwise, and inside thinking and tool calls, the same
request is sent again, and the whole of the first attempt must be repeated before anything new is passed on.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from msgspec import Struct
from msgspec.structs import replace

from anyclaude.profiles import BackendProfile
from anyclaude.protocol.content import TextBlock
from anyclaude.protocol.deltas import Delta, TextDelta, ThinkingDelta, ToolCallDelta, UsageReported
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.protocol.splice import Splice

OVERLAP_CHARACTERS = 16
"""About four tokens: too many for a reply that starts over to match by chance, few enough to be repeated exactly."""

FRAGMENTS_KEPT_APART = 64
"""The overlap begins in one of the last fragments; earlier ones are joined, which takes less memory."""

MAX_CHARACTERS = 1_000_000
"""Twice the 128,000 tokens that the client asks for at most; a longer reply is a runaway."""


class Continuation(Struct, frozen=True):
    """The request to send, and the splice that its reply has to pass."""

    request: MessagesRequest
    splice: Splice


class ReplyTranscript:
    """
    The deltas of a reply so far, in little memory: a character of text costs about one byte.

    A reply longer than `MAX_CHARACTERS` is dropped, and can then not be continued.
    """

    def __init__(self) -> None:
        self._pieces: list[Delta] = []
        self._fragments: list[Delta] = []
        self._characters = 0

    def add(self, deltas: Iterable[Delta]) -> None:
        """Add some deltas; this runs once per token."""
        self._fragments += deltas
        if len(self._fragments) > 4 * FRAGMENTS_KEPT_APART:
            self._condense()

    def deltas(self) -> list[Delta] | None:
        """Return all deltas, `None` if they were dropped."""
        return None if self._characters > MAX_CHARACTERS else self._pieces + self._fragments

    def _condense(self) -> None:
        old = self._fragments[:-FRAGMENTS_KEPT_APART]
        del self._fragments[:-FRAGMENTS_KEPT_APART]
        for alike in _runs(old):
            piece, characters = _joined(alike)
            self._characters += characters
            if self._characters <= MAX_CHARACTERS:
                self._pieces += piece
        if self._characters > MAX_CHARACTERS:
            self._pieces.clear()
            self._fragments.clear()


def continuation_of(request: MessagesRequest, received: Sequence[Delta], profile: BackendProfile) -> Continuation:
    """Return how to request the rest of a reply of which `received` has arrived."""
    content = [delta for delta in received if not isinstance(delta, UsageReported)]
    texts = [delta.text for delta in content if isinstance(delta, TextDelta)]
    kept, withheld = _divided(texts)
    if profile.continuation == "none" or len(texts) < len(content) or not kept or _ends_with_assistant(request):
        return Continuation(request, Splice(content))
    prefill = Turn("assistant", (TextBlock(kept),))
    return Continuation(replace(request, messages=(*request.messages, prefill)), Splice([TextDelta(withheld)]))


def _divided(fragments: list[str]) -> tuple[str, str]:
    """
    Split the text between two fragments into what is sent and the overlap; nothing is sent if no place is suitable.

    Fragments end where tokens end.  Split inside a token, the same text has other tokens, and the model continues
    differently even at temperature 0 (seen with llama.cpp).  The first part does not end in whitespace, which templates
    trim.  The overlap must not repeat the beginning of the reply, or a server that starts over would seem to continue.
    """
    text = "".join(fragments)
    cut = len(text)
    for fragment in reversed(fragments):
        cut -= len(fragment)
        kept, withheld = text[:cut], text[cut:]
        if len(withheld) >= OVERLAP_CHARACTERS and kept == kept.rstrip() and not text.startswith(withheld):
            return kept, withheld
    return "", text


def _runs(deltas: Iterable[Delta]) -> Iterator[list[Delta]]:
    """Yield runs of neighbours that can be joined; for text, the most frequent, the type alone decides."""
    for kind, alike in groupby(deltas, type):
        if kind is TextDelta:
            yield list(alike)
        else:
            yield from (list(run) for _, run in groupby(alike, _kind))


def _kind(delta: Delta) -> object:
    """Return what neighbours of one type must have in common to be joined."""
    match delta:
        case ThinkingDelta(_, signature):
            return signature
        case ToolCallDelta(slot, name):
            return slot, name
        case _:
            return None


def _joined(alike: list[Delta]) -> tuple[list[Delta], int]:
    """Return deltas of one kind joined, and their number of characters."""
    match alike[0]:
        case TextDelta():
            text = "".join([delta.text for delta in alike if isinstance(delta, TextDelta)])
            return [TextDelta(text)], len(text)
        case ThinkingDelta(_, ""):
            text = "".join(delta.text for delta in alike if isinstance(delta, ThinkingDelta))
            return [ThinkingDelta(text)], len(text)
        case ToolCallDelta(slot, name):
            calls = [delta for delta in alike if isinstance(delta, ToolCallDelta)]
            text, written = "".join(call.arguments for call in calls), "".join(call.written for call in calls)
            return [ToolCallDelta(slot, name, text, written)], len(text) + len(written)
        case _:
            return [delta for delta in alike if not isinstance(delta, UsageReported)], len(alike)


def _ends_with_assistant(request: MessagesRequest) -> bool:
    return request.messages[-1].role == "assistant"
