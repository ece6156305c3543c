"""
Ends a reply that is longer than its model can make sense of, which is known of the demonstration model.

`max_tokens` would not do: Claude Code answers `stop_reason: max_tokens` with "Resume directly", and the model rambles
on.  So the turn ends, with a sentence to the user.
"""

from collections.abc import Sequence

from anyclaude.protocol.deltas import Delta, Finished, TextDelta, ThinkingDelta, UsageReported

from .base import FilterContext

SENTENCE = (
    "\n\nanyclaude ended this reply: it is a long one for the demonstration model, which only shows that everything "
    "works. Choose a model for your work with --model, or start a model server."
)


def reply_limit(context: FilterContext) -> "ReplyLimitFilter | None":
    """Return the filter for one reply; it must follow the filters that find tool calls in the text."""
    limit = context.profile.max_reply_characters
    return None if limit is None else ReplyLimitFilter(limit, context)


class ReplyLimitFilter:
    """Passes a reply on up to the limit of its text and thoughts; the arguments of calls do not count."""

    def __init__(self, limit: int, context: FilterContext) -> None:
        self._left = limit
        self._stop = context.stop
        self._is_over = False

    def feed(self, deltas: Sequence[Delta]) -> list[Delta]:
        """Return the deltas, or those up to the limit; nothing is held back."""
        delivered: list[Delta] = []
        for delta in deltas:
            if self._is_over and type(delta) is not UsageReported:
                continue
            delivered += self._read(delta) if type(delta) is TextDelta or type(delta) is ThinkingDelta else [delta]
        return delivered

    def finish(self) -> list[Delta]:
        """Return nothing: nothing is held back."""
        return []

    def _read(self, delta: TextDelta | ThinkingDelta) -> list[Delta]:
        length = len(delta.text)
        if length <= self._left:
            self._left -= length
            return [delta]
        self._is_over = True
        self._stop()
        return [type(delta)(delta.text[: self._left]), TextDelta(SENTENCE), Finished("end_turn")]
