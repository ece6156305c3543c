"""
How to request the rest of a reply that broke off.

A server that can continue a final assistant message gets the text so far without its last characters, the overlap.  It
has to generate the overlap again, which proves that it continues in the right place.  Other servers, and replies that
break off in thinking or in a tool call, get the same request again; then the whole first attempt must be repeated
before anything new is passed on.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, groupby

from msgspec import Struct
from msgspec.structs import replace

from anyclaude.profiles import BackendProfile
from anyclaude.protocol.content import TextBlock
from anyclaude.protocol.deltas import Delta, TextDelta, ThinkingDelta, ToolCallDelta, UsageReported
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.protocol.splice import Splice

from .reply_size import size_in_bytes

OVERLAP_CHARACTERS = 16
"""About four tokens: too many to match by chance if the server starts over, few enough to be repeated exactly."""

FRAGMENTS_KEPT_APART = 64
"""The overlap begins in one of the last fragments; earlier ones are joined to save memory."""

MAX_TRANSCRIPT_BYTES = 1_000_000
"""About twice the 128,000 tokens that the client requests at most; a longer reply is a runaway."""


class Continuation(Struct, frozen=True):
    """The request to send, and the splice that checks its reply."""

    request: MessagesRequest
    splice: Splice


class ReplyTranscript:
    """
    The deltas of a reply so far, stored compactly: about one byte per character of text.

    A reply that takes more than `MAX_TRANSCRIPT_BYTES` is dropped and cannot be continued.
    """

    def __init__(self) -> None:
        self._condensed: list[Delta] = []
        self._fragments: list[Delta] = []
        self._bytes = 0

    def add(self, deltas: Iterable[Delta]) -> None:
        """Add deltas; called once per token."""
        self._fragments += deltas
        if len(self._fragments) > 4 * FRAGMENTS_KEPT_APART:
            self._condense()

    def deltas(self) -> list[Delta] | None:
        """Return all deltas, `None` if the reply was too long and was dropped."""
        return None if self._bytes > MAX_TRANSCRIPT_BYTES else self._condensed + self._fragments

    def _condense(self) -> None:
        old = self._fragments[:-FRAGMENTS_KEPT_APART]
        del self._fragments[:-FRAGMENTS_KEPT_APART]
        for run in _runs(old):
            joined = _joined(run)
            self._bytes += size_in_bytes(joined)
            if self._bytes <= MAX_TRANSCRIPT_BYTES:
                self._condensed += joined
        if self._bytes > MAX_TRANSCRIPT_BYTES:
            self._condensed.clear()
            self._fragments.clear()


def continuation_of(request: MessagesRequest, received: Sequence[Delta], profile: BackendProfile) -> Continuation:
    """Return how to request the rest of a reply of which `received` has arrived."""
    content = [delta for delta in received if not isinstance(delta, UsageReported)]
    texts = [delta.text for delta in content if isinstance(delta, TextDelta)]
    prefill, overlap = _split(texts)
    can_go_on = profile.continuation != "none" and profile.prefill == "assistant_message"
    if not can_go_on or len(texts) < len(content) or not prefill or _ends_with_assistant(request):
        return Continuation(request, Splice(content))
    turn = Turn("assistant", (TextBlock(prefill),))
    rest = replace(request, messages=(*request.messages, turn), max_tokens=_tokens_left(request, texts, prefill))
    return Continuation(rest, Splice([TextDelta(overlap)]))


def _tokens_left(request: MessagesRequest, fragments: list[str], prefill: str) -> int:
    """Return the tokens that the reply may still have: each fragment of the prefill was at least one."""
    ends = accumulate(map(len, fragments))
    return max(1, request.max_tokens - sum(end <= len(prefill) for end in ends))


def _split(fragments: list[str]) -> tuple[str, str]:
    """
    Split the text into the prefill and the overlap; the prefill is empty if no position is suitable.

    The split is between two fragments, where tokens end.  Split inside a token, the text would have other tokens, and
    the model would continue differently even at temperature 0 (seen with llama.cpp).  The prefill does not end in
    whitespace, which templates trim.  The overlap is not how the reply begins, or a server that starts over would seem
    to continue.
    """
    text = "".join(fragments)
    cut = len(text)
    for fragment in reversed(fragments):
        cut -= len(fragment)
        prefill, overlap = text[:cut], text[cut:]
        if len(overlap) >= OVERLAP_CHARACTERS and prefill == prefill.rstrip() and not text.startswith(overlap):
            return prefill, overlap
    return "", text


def _runs(deltas: Iterable[Delta]) -> Iterator[list[Delta]]:
    """Yield runs of adjacent deltas that can be joined; for text, the most frequent, the type alone decides."""
    for delta_type, same_type in groupby(deltas, type):
        if delta_type is TextDelta:
            yield list(same_type)
        else:
            yield from (list(run) for _, run in groupby(same_type, _join_key))


def _join_key(delta: Delta) -> object:
    """Return a key that adjacent deltas of one type must share to be joined."""
    match delta:
        case ThinkingDelta(_, signature):
            return signature
        case ToolCallDelta(slot, name):
            return slot, name
        case _:
            return None


def _joined(run: list[Delta]) -> list[Delta]:
    """Return the deltas of a run joined."""
    match run[0]:
        case TextDelta():
            text = "".join([delta.text for delta in run if isinstance(delta, TextDelta)])
            return [TextDelta(text)]
        case ThinkingDelta(_, ""):
            text = "".join(delta.text for delta in run if isinstance(delta, ThinkingDelta))
            return [ThinkingDelta(text)]
        case ToolCallDelta(slot, name):
            calls = [delta for delta in run if isinstance(delta, ToolCallDelta)]
            text, written = "".join(call.arguments for call in calls), "".join(call.written for call in calls)
            raw = "".join(call.raw_arguments for call in calls)
            return [ToolCallDelta(slot, name, text, written, raw)]
        case _:
            return [delta for delta in run if not isinstance(delta, UsageReported)]


def _ends_with_assistant(request: MessagesRequest) -> bool:
    return request.messages[-1].role == "assistant"
