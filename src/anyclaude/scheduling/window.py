"""
Whether a prompt fits the context window of its backend: checked before it is queued, and again after the reply.

Some servers truncate a prompt that is too long and still answer with status 200: Ollama keeps half of its window and
reports the tokens of what is left (Ollama issue 17427).  Others answer with nothing (LM Studio bug tracker 2339).  A
model that has lost the beginning of its task, or the question itself, must not appear to have answered it.
"""

from msgspec import Struct

from anyclaude.bounded_dict import BoundedDict
from anyclaude.errors import BackendError, BackendRejected, PromptTooLong
from anyclaude.protocol.messages_request import MessagesRequest
from anyclaude.protocol.prompt_beginning import PromptBeginning
from anyclaude.protocol.prompt_size import CHARACTERS_PER_TOKEN

MAX_CONVERSATIONS = 256
"""A few numbers for each; a day's sub-agents fit."""

MAX_CUTS = 64
"""The counts of truncated prompts; a server cuts all to the same, until its window changes."""

TOKENS_PER_MESSAGE = 16
"""The most tokens that a chat template puts around one message: a role, its markers, a line break."""

MAX_CHARACTERS_PER_TOKEN = 6.0
"""No prompt of prose, code and schemas has more: Claude Code's have 3.7 to 4.4 (docs/diets.md)."""

MAX_CHARACTERS_PER_TOKEN_ANYWHERE = 8.0
"""Text with wide tables and indentation has more than prose.  Of a prompt that was cut to half, 8 are left."""

MIN_CHARACTERS_PER_TOKEN = 3.0
"""Dense code and lists of numbers have no fewer, so a prompt has no more tokens than this says."""

MIN_SHARE = 0.9
"""
A prompt that was extended has at least this share of the tokens expected.  A template may leave out a tenth, from turns
that are over; a truncation removes more.
"""

MIN_SHARE_ANYWHERE = 0.6
"""The same where nothing else is known: a server that truncates keeps half of its window, and no template omits as
much."""

TRUNCATION_SHARES = ((0.45, 0.55), (0.9, 1.0))
"""
The ranges that servers truncate to, as shares of the window: half of it, or all but some room for the reply.  With a
server that may report only the tokens that were not cached, any other low count is no sign of truncation.
"""

MIN_TRUNCATED_TOKENS = 1_000
"""
The smallest window in use has 2,048 tokens (Ollama's old default), and half of it is kept.  Lower counts are of servers
that count wrongly, or only what was not cached.
"""


class CountedReply(Struct, frozen=True):
    """What a finished reply reveals about its prompt."""

    tokens: int | None
    """The prompt's token count as the server reports it."""
    is_empty: bool = False
    """Whether the reply has neither text nor calls."""
    counts_cached_tokens: bool = False
    """Whether the count is known to include the tokens that were cached, as the API says."""


class CountedPrompt(Struct, frozen=True):
    """A prompt that the engine has evaluated, and its token count."""

    beginning: bytes
    """A digest of its instructions, its tools and its first message."""
    messages: int
    characters: int
    tokens: int
    has_grown: bool = False
    """Whether the count includes what was counted a turn before: then it was not of the uncached tokens alone."""
    cut_by: int | None = None
    """The window to which the server has cut it, if it has."""
    limit: int | None = None
    """The window that was known at the time."""


class PromptWindow:
    """What one backend's token counts reveal about its window, by conversation."""

    def __init__(self) -> None:
        self._beginning = PromptBeginning()
        self._counted = BoundedDict[str, CountedPrompt](MAX_CONVERSATIONS)
        self._cut_to = BoundedDict[int, None](MAX_CUTS)  # counts of prompts that were truncated

    def forget(self) -> None:
        """Forget all counts: the server runs another model, or has another window."""
        self._counted.clear()
        self._cut_to.clear()

    def may_overflow(self, conversation: str, request: MessagesRequest, characters: int, limit: int) -> bool:
        """Return whether the prompt must be counted to know that it fits: a character is at most one token."""
        last = self._extended_by(conversation, request)
        if last is None:
            return characters > limit
        added = TOKENS_PER_MESSAGE * (len(request.messages) - last.messages)
        return last.tokens + max(characters - last.characters, 0) + added > limit

    def estimated_tokens(self, conversation: str, request: MessagesRequest, characters: int) -> int | None:
        """Return the count of the conversation's last prompt, and what was added to it; `None` for a new prompt."""
        last = self._extended_by(conversation, request)
        return None if last is None else last.tokens + _estimate(max(characters - last.characters, 0))

    def refuse_if_truncated(
        self, conversation: str, request: MessagesRequest, characters: int, limit: int | None = None
    ) -> None:
        """
        Refuse a prompt that the server would truncate again, unless its window is another one meanwhile.

        Raises:
            PromptTooLong: when the prompt is at least as long as the last one, which the server has truncated.
        """
        last = self._extended_by(conversation, request)
        if last is None or last.cut_by is None or characters < last.characters:
            return
        if limit is None or last.limit is None or limit <= last.limit:
            raise _truncated(characters, last.cut_by)

    def settled(
        self, error: BackendError, conversation: str, request: MessagesRequest, characters: int, limit: int | None
    ) -> BackendError:
        """Return `PromptTooLong` for a refusal that may mean it, if the prompt may fill the window; else the error."""
        if limit is None or not isinstance(error, BackendRejected) or not error.may_be_too_long:
            return error
        last = self._extended_by(conversation, request)
        known, counted = (last.characters, last.tokens) if last is not None and last.has_grown else (0, 0)
        tokens = counted + round((characters - known) / MIN_CHARACTERS_PER_TOKEN)
        if tokens < limit:
            return error
        return PromptTooLong(
            max(tokens, limit + 1), limit, f"the first number is an estimate; the server says: {error}"
        )

    def check_reply(
        self, conversation: str, request: MessagesRequest, characters: int, reply: CountedReply, limit: int | None
    ) -> None:
        """
        Record the engine's token count of a prompt that was answered.

        Raises:
            PromptTooLong: when the reply shows that the server did not take the whole prompt.
        """
        last = self._extended_by(conversation, request)
        kept = self._kept_tokens(last, characters, reply, limit)
        window = None if kept is None else _window_of(kept, characters, limit)
        if reply.tokens is not None or kept is not None:
            tokens = _estimate(characters) if reply.tokens is None else reply.tokens
            has_grown = kept is None and last is not None and tokens >= max(last.tokens, _min_tokens(last, characters))
            self._counted[conversation] = CountedPrompt(
                self._beginning(request), len(request.messages), characters, tokens, has_grown, window, limit
            )
        if kept is not None and window is not None:
            self._cut_to[kept] = None
            raise _truncated(characters, window, reply.tokens or 0)

    def _extended_by(self, conversation: str, request: MessagesRequest) -> CountedPrompt | None:
        """Return the conversation's last prompt, if the request extends it, judging by how both begin."""
        last = self._counted.get(conversation)
        if last is None or len(request.messages) < last.messages:
            return None
        return last if self._beginning(request) == last.beginning else None

    def _kept_tokens(
        self, last: CountedPrompt | None, characters: int, reply: CountedReply, limit: int | None
    ) -> int | None:
        """Return how much of a prompt the server took, `None` if all of it, as far as the reply shows."""
        tokens = reply.tokens
        if limit is not None:
            size = max(tokens or 0, _estimate(characters) if reply.is_empty else 0)
            if size > limit or (reply.is_empty and size == limit):
                return limit
        if tokens is not None and (
            (tokens < _min_tokens(last, characters) and (tokens in self._cut_to or _is_truncation_point(tokens, limit)))
            or (tokens >= MIN_TRUNCATED_TOKENS and _is_too_low_anywhere(tokens, last, characters, reply))
        ):
            return tokens
        return None


def prompt_limit(window: int, max_tokens: int, reply_share: int) -> int:
    """Return the tokens that a prompt may have, so that there is room for its reply."""
    return window - min(max_tokens, window // reply_share) if reply_share else window


def _min_tokens(last: CountedPrompt | None, characters: int) -> float:
    """Return the fewest tokens that a prompt of this length can have."""
    if last is None or characters < last.characters:
        return characters / MAX_CHARACTERS_PER_TOKEN
    return MIN_SHARE * (last.tokens + (characters - last.characters) / MAX_CHARACTERS_PER_TOKEN)


def _is_truncation_point(tokens: int, limit: int | None) -> bool:
    return limit is not None and any(low * limit <= tokens <= high * limit for low, high in TRUNCATION_SHARES)


def _is_too_low_anywhere(tokens: int, last: CountedPrompt | None, characters: int, reply: CountedReply) -> bool:
    """
    Return whether a count is too low for a whole prompt, whatever the window.

    In a later turn the count may be of the uncached tokens alone, unless it is known to be of all: by the API's field,
    by the profile, or because it has grown from turn to turn and is more than the added text can have.
    """
    if last is None or last.cut_by is not None or characters < last.characters:
        return tokens < characters / MAX_CHARACTERS_PER_TOKEN_ANYWHERE
    added = characters - last.characters
    if tokens >= MIN_SHARE_ANYWHERE * (last.tokens + added / MAX_CHARACTERS_PER_TOKEN):
        return False
    is_more_than_added = tokens > added / MIN_CHARACTERS_PER_TOKEN + MIN_TRUNCATED_TOKENS
    return reply.counts_cached_tokens or (last.has_grown and is_more_than_added)


def _estimate(characters: int) -> int:
    return round(characters / CHARACTERS_PER_TOKEN)


def _window_of(kept: int, characters: int, limit: int | None) -> int:
    """
    Return the window of a server that has kept this much of a prompt: the half, or nearly all of it.

    Claude Code shortens its conversation by as much as the prompt exceeds the window.  With half of the window stated
    as the whole, it left out so much of what it was to summarise that the rest was too long again.
    """
    if limit is not None and (kept == limit or _is_truncation_point(kept, limit)):
        return limit
    return 2 * kept if 2 * kept <= _estimate(characters) else kept


def _truncated(characters: int, window: int, tokens: int = 0) -> PromptTooLong:
    return PromptTooLong(
        max(_estimate(characters), tokens, window + 1),
        window,
        "the server cut the prompt and reported no error; both numbers may be estimates, at "
        f"{CHARACTERS_PER_TOKEN:g} characters per token. Give the model a larger context window, or configure the "
        "context length that it really has",
    )
