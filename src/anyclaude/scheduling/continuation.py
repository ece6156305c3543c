"""
How to ask for the rest of a reply that broke off.

Where the server goes on with a last message of the assistant, it gets the text so far, less
its last characters: it has to write those again, which shows that it goes on from the right
place.  Everywhere else, and inside thinking and tool calls, the same request is sent again, and
the whole of the first attempt has to come back before anything new is believed.
"""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from anyclaude.profiles import BackendProfile
from anyclaude.protocol.content import TextBlock
from anyclaude.protocol.deltas import Delta, TextDelta, UsageReported
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.protocol.splice import Splice

OVERLAP_CHARACTERS = 16
"""About four tokens: too many for a reply that starts anew to match by chance, few enough to be written again alike."""


class Continuation(Struct, frozen=True):
    """The request to send, and the splice that its reply has to pass."""

    request: MessagesRequest
    splice: Splice


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


def _ends_with_assistant(request: MessagesRequest) -> bool:
    return request.messages[-1].role == "assistant"
