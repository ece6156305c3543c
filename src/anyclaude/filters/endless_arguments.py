"""
Ends a reply whose tool call repeats itself.

A call is held back until it is whole, so arguments that repeat themselves would run on to `max_tokens`.  This filter
reads the deltas before they are held back.  If nothing of the reply has been delivered yet, it can be requested again;
otherwise the call ends as cut, and the client tells the model so.

A file may contain much repetition, so four times as much of it is needed as in text.  A call that the engine was made
to write (`is_call_forced`) is watched more closely, because small models do not find the end of an argument they did
not want to write: without this filter, 12 of 60 such calls of SmolLM2-135M did not end within 150 tokens (`uv run
python -m benchmarks.tools --model smollm2-135m --max-tokens 150`).  The reply to the second request is not watched
closely: what repeats itself then is what the model wants.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from anyclaude.protocol.deltas import Delta, Finished, TextDelta, ToolCallDelta

from .base import EndlessReply, FilterContext
from .repeated_text import RepeatedText, Window

BLOCK_CHARACTERS = 4_096
WINDOWS = (Window(4 * BLOCK_CHARACTERS, 128), Window(16 * BLOCK_CHARACTERS, 1_024))
"""A line at least 128 times, a paragraph 64 times."""

FORCED_BLOCK_CHARACTERS = 32
FORCED_WINDOWS = (Window(192, 16), Window(512, 128))
"""A number of ten digits 19 times, members of an object at least 4 times; a separator of 150 dashes is shorter."""


def endless_arguments(context: FilterContext) -> "EndlessArgumentsFilter | None":
    """Return the filter for one reply, which must be the first, or `None` if no tool can be called."""
    return EndlessArgumentsFilter(context) if context.tools else None


class EndlessArgumentsFilter:
    """Passes a reply on until the arguments of a call only repeat themselves."""

    def __init__(self, context: FilterContext) -> None:
        self._request_again = context.request_again
        self._end = context.end
        self._text = _watch(is_forced=context.is_call_forced and not context.is_sampled_against_repetition)
        self._arguments = _watch(is_forced=False)
        self._slot: int | None = None
        self._is_over = False
        self._ending: list[Delta] = []

    def feed(self, deltas: Sequence[Delta]) -> list[Delta]:
        """Return the deltas up to the end of the reply, nothing if it is requested again.  Called once per token."""
        if self._is_over:
            return []
        for place, delta in enumerate(deltas):
            if type(delta) is TextDelta:
                found = self._text.add(delta.text)
                cut: Delta = delta if found is None else TextDelta(delta.text[: found.end])
            elif type(delta) is ToolCallDelta:
                found = self._watched(delta.slot).add(delta.arguments)
                cut = delta if found is None else replace(delta, arguments=delta.arguments[: found.end])
            else:
                continue
            if found is not None:
                self._is_over = True
                reply = EndlessReply("arguments", found.unit_characters, found.characters)
                ending = [*deltas[:place], cut, Finished("max_tokens")]
                return self._end_with(ending, reply)
        return deltas if isinstance(deltas, list) else list(deltas)

    def finish(self) -> list[Delta]:
        """Return the end of the reply if it was to be requested again."""
        ending, self._ending = self._ending, []
        return ending

    def _watched(self, slot: int) -> RepeatedText:
        """Return what watches the arguments of the call in `slot`."""
        if slot != self._slot:
            self._slot = slot
            self._arguments.clear()
        return self._arguments

    def _end_with(self, ending: list[Delta], reply: EndlessReply) -> list[Delta]:
        if self._request_again(reply):
            self._ending = ending
            return []
        self._end(reply)
        return ending


def _watch(*, is_forced: bool) -> RepeatedText:
    windows, block = (FORCED_WINDOWS, FORCED_BLOCK_CHARACTERS) if is_forced else (WINDOWS, BLOCK_CHARACTERS)
    return RepeatedText(windows, block, is_space_repeated=False)
