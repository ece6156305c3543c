"""
Whether a prompt fits the window of its backend: asked before it waits for a turn, and checked when it was read.

Some servers cut a prompt that is too long and answer with status 200 all the same: Ollama keeps half of its window
and reports the tokens of what is left (Ollama issue 17427).  A model that has lost the beginning of its task, or the
question itself, must not pass for one that has answered it.
"""

from collections import OrderedDict

from msgspec import Struct

from anyclaude.errors import PromptTooLong
from anyclaude.protocol.messages_request import MessagesRequest
from anyclaude.protocol.prompt_size import CHARACTERS_PER_TOKEN

MAX_CONVERSATIONS = 256
"""What was read last of each is kept by reference; a day's sub-agents fit."""

TOKENS_PER_MESSAGE = 16
"""What a chat template puts around one message at most: a role, its markers, a line break."""

MAX_CHARACTERS_PER_TOKEN = 6.0
"""No prompt of prose, code and schemas has more: Claude Code's have 3.7 to 4.4 (docs/diets.md)."""

MIN_SHARE = 0.9
"""Of the tokens that a longer prompt must have at least.  A tenth less can be what a template leaves out of a turn that
is over; a cut cannot be taken for it."""

CUTS = ((0.45, 0.55), (0.9, 1.0))
"""Where a server cuts to, as shares of its window: half of it, or all but some room for the reply.  A count elsewhere
is no sign of a cut: there are servers that count the tokens they did not have cached."""


class Reading(Struct, frozen=True):
    """A prompt that was read, the engine's count of its tokens, and whether these can be all of them."""

    request: MessagesRequest
    characters: int
    tokens: int
    is_cut: bool


class PromptWindow:
    """What has been learned about one backend's window, conversation by conversation."""

    def __init__(self) -> None:
        self._readings: OrderedDict[str, Reading] = OrderedDict()

    def may_overflow(self, conversation: str, request: MessagesRequest, characters: int, limit: int) -> bool:
        """Whether a prompt must be counted before it is known to fit: a character is one token at most."""
        last = self._last(conversation, request)
        if last is None:
            return characters > limit
        added = TOKENS_PER_MESSAGE * (len(request.messages) - len(last.request.messages))
        return last.tokens + max(characters - last.characters, 0) + added > limit

    def refuse_what_was_cut(self, conversation: str, request: MessagesRequest, characters: int) -> None:
        """Raise `PromptTooLong` for a prompt that is no shorter than one that the server has cut."""
        last = self._last(conversation, request)
        if last is not None and last.is_cut and characters >= last.characters:
            raise _cut(characters, last.tokens)

    def note(
        self, conversation: str, request: MessagesRequest, characters: int, tokens: int, limit: int | None
    ) -> None:
        """Note the engine's count of a prompt; raises `PromptTooLong` if it cannot have read all of it."""
        least = _least_tokens(self._last(conversation, request), characters)
        is_cut = tokens < least and _is_where_servers_cut(tokens, limit)
        self._readings[conversation] = Reading(request, characters, tokens, is_cut)
        self._readings.move_to_end(conversation)
        if len(self._readings) > MAX_CONVERSATIONS:
            self._readings.popitem(last=False)
        if is_cut:
            raise _cut(characters, tokens)

    def _last(self, conversation: str, request: MessagesRequest) -> Reading | None:
        """Return what was read last of this conversation, if the request goes on with it."""
        last = self._readings.get(conversation)
        return last if last is not None and _continues(request, last.request) else None


def _continues(request: MessagesRequest, earlier: MessagesRequest) -> bool:
    """Whether a request goes on with an earlier one, as far as its opening tells."""
    return (
        len(request.messages) >= len(earlier.messages)
        and request.messages[0] == earlier.messages[0]
        and request.system == earlier.system
        and request.tools == earlier.tools
    )


def _least_tokens(last: Reading | None, characters: int) -> float:
    """Return how few tokens a prompt can have, at the utmost."""
    if last is None or characters < last.characters:
        return characters / MAX_CHARACTERS_PER_TOKEN
    return MIN_SHARE * (last.tokens + (characters - last.characters) / MAX_CHARACTERS_PER_TOKEN)


def _is_where_servers_cut(tokens: int, limit: int | None) -> bool:
    return limit is not None and any(least * limit <= tokens <= most * limit for least, most in CUTS)


def _cut(characters: int, tokens: int) -> PromptTooLong:
    estimate = round(characters / CHARACTERS_PER_TOKEN)
    return PromptTooLong(
        max(estimate, tokens + 1),
        tokens,
        f"the server cut it to that without a word; the first figure is an estimate at {CHARACTERS_PER_TOKEN:g} "
        "characters per token. Give the model a larger window, or set the context length of this run to the real one",
    )
