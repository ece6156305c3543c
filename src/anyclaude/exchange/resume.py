"""
How to ask for the rest of a reply that broke off.

Where the server goes on with a last message of the assistant, it gets the text so far, less
its last characters: it has to write those again, which shows that it goes on from the right
place.  Everywhere else, and inside thinking and tool calls, the same request is sent again, and
the whole of the first attempt has to come back before anything new is believed.
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
"""About four tokens: too many for a reply that starts anew to match by chance, few enough to be written again alike."""

FRAGMENTS_KEPT_APART = 64
"""Only the last ones can be where the overlap begins; the ones before are kept as longer pieces, which are smaller."""

MAX_CHARACTERS = 1_000_000
"""Twice the 128,000 tokens that the client asks for at most; a reply that goes on beyond has run away."""


class Continuation(Struct, frozen=True):
    """The request to send, and the splice that its reply has to pass."""

    request: MessagesRequest
    splice: Splice


class Said:
    """
    What has come of a reply, in as little memory as can be: one character of text costs one byte or little more.

    It forgets a reply that is longer than any honest one; that can then not be continued.
    """

    def __init__(self) -> None:
        self._pieces: list[Delta] = []
        self._fragments: list[Delta] = []
        self._characters = 0

    def add(self, deltas: Iterable[Delta]) -> None:
        """Account for some more; paid for per token."""
        self._fragments += deltas
        if len(self._fragments) > 4 * FRAGMENTS_KEPT_APART:
            self._condense()

    def deltas(self) -> list[Delta] | None:
        """Return all of it, `None` if it was forgotten."""
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


def continuation_of(request: MessagesRequest, said: Sequence[Delta], profile: BackendProfile) -> Continuation:
    """Return how to get the rest of a reply of which `said` has come."""
    content = [delta for delta in said if not isinstance(delta, UsageReported)]
    texts = [delta.text for delta in content if isinstance(delta, TextDelta)]
    kept, withheld = _divided(texts)
    if profile.continuation == "none" or len(texts) < len(content) or not kept or _ends_with_assistant(request):
        return Continuation(request, Splice(content))
    prefill = Turn("assistant", (TextBlock(kept),))
    return Continuation(replace(request, messages=(*request.messages, prefill)), Splice([TextDelta(withheld)]))


def _divided(fragments: list[str]) -> tuple[str, str]:
    """
    Split off the overlap, between two fragments; nothing is kept where there is no good place.

    Fragments end where tokens end.  Cut inside of one, the same text is other tokens, and the model
    goes on differently even at temperature 0 (seen with llama.cpp).  What is kept does not end in
    whitespace: templates trim it there.  And the overlap is not what the reply began with, or a
    server that starts anew would seem to go on.
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
    """Yield the neighbours that can be one piece; text, of which there is most, is told by its type alone."""
    for kind, alike in groupby(deltas, type):
        if kind is TextDelta:
            yield list(alike)
        else:
            yield from (list(run) for _, run in groupby(alike, _kind))


def _kind(delta: Delta) -> object:
    """Return what neighbours of one type must have in common to be one piece."""
    match delta:
        case ThinkingDelta(_, signature):
            return signature
        case ToolCallDelta(slot, name):
            return slot, name
        case _:
            return None


def _joined(alike: list[Delta]) -> tuple[list[Delta], int]:
    """Return deltas of one kind as one, and how many characters that has."""
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
