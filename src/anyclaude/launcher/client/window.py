"""
How the client uses the window of its model: the longest reply, where it compacts, and what one tool result may take.

All of it follows from the window, because the client's own limits are for windows of 200,000 tokens and more.
"""

from msgspec import Struct

COMPACTION_RESERVE_TOKENS = 13_000
"""Claude Code compacts at window - output - 13,000 (measured at windows of 64,000 and 100,000 tokens).  In a window
under about 20,000 tokens this is below its own prompt: it then compacted before every turn, without effect."""

OUTPUT_SHARE = 4
"""A quarter of the window for one reply: a file of 2,000 tokens can still be written at 8,192."""

LONGEST_REPLY_TOKENS = 32_000
"""The limit that Claude Code uses for a model it does not know."""

LEAST_ROOM_SHARE = 0.4
"""The share of the window that a conversation has at least, however long a reply the user allows.  With 64,000 tokens
for a reply in a window of 32,768, the client compacted before every turn, and gave up after three."""

JAVASCRIPT_WINDOW_TOKENS = 200_000
"""The window that releases up to 2.1.112 assume for every model they do not know; no variable changes it."""

OUTPUT_RESERVE_TOKENS = 20_000
"""The tokens that the client reserves for the reply, at most."""

RESULT_SHARE = 0.5
"""One tool result may take half of what a conversation has beside its prompt.  In a window of 32,768 tokens, limits of
6,000 tokens and 8,000 characters carried sessions that the client's own limits had ended."""

CHARACTERS_PER_TOKEN = 1.4
"""What a token has at least in a command's output; in columns of numbers it has one or two characters."""

READ_TOKENS = 25_000
"""The client's own limit for a file that is read, and for a result of an MCP tool, in tokens."""

OUTPUT_CHARACTERS = 30_000
"""The client's own limit for the output of a command."""


class ResultLimits(Struct, frozen=True):
    """What one tool result may take: tokens of a file or an MCP tool, and characters of a command's output."""

    tokens: int
    characters: int

    @property
    def are_the_clients(self) -> bool:
        """Whether the window is so large that the client's own limits fit."""
        return self.tokens >= READ_TOKENS and self.characters >= OUTPUT_CHARACTERS


def reply_cap(context_tokens: int, chosen: int | None) -> int:
    """Return the longest reply, in tokens: the one that was chosen if the window can bear it."""
    if chosen is None:
        return min(LONGEST_REPLY_TOKENS, context_tokens // OUTPUT_SHARE)
    return max(1, min(chosen, longest_reply(context_tokens)))


def longest_reply(context_tokens: int) -> int:
    """Return the longest reply that leaves a conversation its share of the window."""
    return context_tokens - _reserve(context_tokens) - int(LEAST_ROOM_SHARE * context_tokens)


def room_tokens(context_tokens: int, max_output_tokens: int) -> int:
    """
    Return the tokens that a conversation may have before the client compacts it.

    The reserve beside the reply is for the next tool result, and for the compaction's own instructions (about 1,700
    tokens): a quarter of the window, and no more than the client's own reserve.
    """
    return context_tokens - max_output_tokens - _reserve(context_tokens)


def declared_window(context_tokens: int, max_output_tokens: int) -> int:
    """
    Return the window to declare where the gateway does not know it, so that the client compacts at `room_tokens`.

    Windows of 52,000 tokens and more are declared as they are. Smaller ones are declared larger, by the excess of the
    client's fixed reserve. If a reply may be longer than all that the client reserves, the window is declared smaller.
    """
    reserved = min(max_output_tokens, OUTPUT_RESERVE_TOKENS) + COMPACTION_RESERVE_TOKENS
    unreserved = max(max_output_tokens - reserved, 0)
    return max(context_tokens - unreserved, room_tokens(context_tokens, max_output_tokens) + reserved)


def compaction_percent(context_tokens: int, max_output_tokens: int) -> float:
    """Return where a release in JavaScript compacts, in percent of the window it assumes."""
    assumed = JAVASCRIPT_WINDOW_TOKENS - min(max_output_tokens, OUTPUT_RESERVE_TOKENS)
    return min(100 * room_tokens(context_tokens, max_output_tokens) / assumed, 100)


def result_limits(room: int, prompt_tokens: int) -> ResultLimits:
    """Return what one tool result may take, where a conversation has `room` and begins with a prompt of that size."""
    beside_prompt = max(room - prompt_tokens, room // 5)  # even a prompt that fills the room leaves something readable
    tokens = min(READ_TOKENS, int(beside_prompt * RESULT_SHARE))
    return ResultLimits(tokens, min(OUTPUT_CHARACTERS, int(tokens * CHARACTERS_PER_TOKEN)))


def _reserve(context_tokens: int) -> int:
    return min(COMPACTION_RESERVE_TOKENS, context_tokens // OUTPUT_SHARE)
