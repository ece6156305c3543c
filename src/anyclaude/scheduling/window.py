"""
Whether a prompt fits the context window of its backend: checked before it is queued, and again after the reply.

Some servers truncate a prompt that is too long and still answer with status 200: Ollama keeps half of its window and
reports the tokens of what is left (Ollama issue 17427).  A model that has lost the beginning of its task, or the
question itself, must not appear to have answered it.
"""

from collections import OrderedDict

from msgspec import Struct

from anyclaude.errors import PromptTooLong
from anyclaude.protocol.messages_request import MessagesRequest
from anyclaude.protocol.prompt_size import CHARACTERS_PER_TOKEN

MAX_CONVERSATIONS = 256
"""The last prompt of each is kept by reference; a day's sub-agents fit."""

TOKENS_PER_MESSAGE = 16
"""The most tokens that a chat template puts around one message: a role, its markers, a line break."""

MAX_CHARACTERS_PER_TOKEN = 6.0
"""No prompt of prose, code and schemas has more: Claude Code's have 3.7 to 4.4 (docs/diets.md)."""

MIN_SHARE = 0.9
"""
A prompt that was extended has at least this share of the tokens expected.  A template may leave out a tenth, from turns
that are over; a truncation removes more.
"""

TRUNCATION_SHARES = ((0.45, 0.55), (0.9, 1.0))
"""
The ranges that servers truncate to, as shares of the window: half of it, or all but some room for the reply.  Any other
low count is not a sign of truncation: some servers report only the tokens that were not cached.
"""


class CountedPrompt(Struct, frozen=True):
    """A prompt that the engine has evaluated, and its token count."""

    request: MessagesRequest
    characters: int
    tokens: int
    is_truncated: bool
    """Whether the count is too low for the whole prompt."""


class PromptWindow:
    """What one backend's token counts reveal about its window, by conversation."""

    def __init__(self) -> None:
        self._counted: OrderedDict[str, CountedPrompt] = OrderedDict()

    def forget(self) -> None:
        """Forget all counts: the server runs another model, or has another window."""
        self._counted.clear()

    def may_overflow(self, conversation: str, request: MessagesRequest, characters: int, limit: int) -> bool:
        """Return whether the prompt must be counted to know that it fits: a character is at most one token."""
        last = self._extended_by(conversation, request)
        if last is None:
            return characters > limit
        added = TOKENS_PER_MESSAGE * (len(request.messages) - len(last.request.messages))
        return last.tokens + max(characters - last.characters, 0) + added > limit

    def refuse_if_truncated(self, conversation: str, request: MessagesRequest, characters: int) -> None:
        """
        Refuse a prompt that the server would truncate again.

        Raises:
            PromptTooLong: when the prompt is at least as long as the last one, which the server has truncated.
        """
        last = self._extended_by(conversation, request)
        if last is not None and last.is_truncated and characters >= last.characters:
            raise _truncated(characters, last.tokens)

    def record_count(
        self, conversation: str, request: MessagesRequest, characters: int, tokens: int, limit: int | None
    ) -> None:
        """
        Record the engine's token count of a prompt.

        Raises:
            PromptTooLong: when the count shows that the server has truncated the prompt.
        """
        expected = _min_tokens(self._extended_by(conversation, request), characters)
        is_truncated = tokens < expected and _is_truncation_point(tokens, limit)
        self._counted[conversation] = CountedPrompt(request, characters, tokens, is_truncated)
        self._counted.move_to_end(conversation)
        if len(self._counted) > MAX_CONVERSATIONS:
            self._counted.popitem(last=False)
        if is_truncated:
            raise _truncated(characters, tokens)

    def _extended_by(self, conversation: str, request: MessagesRequest) -> CountedPrompt | None:
        """Return the conversation's last prompt, if the request extends it."""
        last = self._counted.get(conversation)
        return last if last is not None and _extends(request, last.request) else None


def _extends(request: MessagesRequest, earlier: MessagesRequest) -> bool:
    """Return whether a request extends an earlier one, judging by how both begin."""
    return (
        len(request.messages) >= len(earlier.messages)
        and request.messages[0] == earlier.messages[0]
        and request.system == earlier.system
        and request.tools == earlier.tools
    )


def _min_tokens(last: CountedPrompt | None, characters: int) -> float:
    """Return the fewest tokens that a prompt of this length can have."""
    if last is None or characters < last.characters:
        return characters / MAX_CHARACTERS_PER_TOKEN
    return MIN_SHARE * (last.tokens + (characters - last.characters) / MAX_CHARACTERS_PER_TOKEN)


def _is_truncation_point(tokens: int, limit: int | None) -> bool:
    return limit is not None and any(low * limit <= tokens <= high * limit for low, high in TRUNCATION_SHARES)


def _truncated(characters: int, tokens: int) -> PromptTooLong:
    estimate = round(characters / CHARACTERS_PER_TOKEN)
    return PromptTooLong(
        max(estimate, tokens + 1),
        tokens,
        "the server truncated it to the second number without reporting an error; the first is an estimate at "
        f"{CHARACTERS_PER_TOKEN:g} characters per token. Give the model a larger context window, or configure the "
        "context length that it really has",
    )
