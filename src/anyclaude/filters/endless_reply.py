"""
Ends a reply that repeats itself.

Some models repeat a line, a few lines or a phrase until they reach `max_tokens`, or write newlines after a tool call
(Qwen2.5-Coder of 0.5 B and 1.5 B on llama.cpp, for up to 92 s).  The text that was delivered cannot be taken back, so
the reply ends with a sentence to the user.  White space after a tool call ends it without one: the model has said what
it wanted.

Only exact repetition counts, and only much of it, because tables, separators, lists of zeros and unrolled code repeat
themselves too.  The arguments of tool calls are left to `endless_arguments`.

vLLM can end such replies itself, within bounds that a request may set (vllm-project/vllm,
vllm/sampling_params.py, `RepetitionDetectionParams`); it does not say so to the user.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

from anyclaude.protocol.deltas import Delta, Finished, TextDelta, ThinkingDelta, ToolCallDelta

from .base import EndlessReply, FilterContext
from .repeated_text import Repeated, RepeatedText, Window

BLOCK_CHARACTERS = 1_024
"""Also the white space that ends a reply: no layout needs a page of it."""

SPACE_AFTER_CALL = 128
"""The white space after a tool call that ends the reply: between calls, models write a line break or two."""

WINDOWS = (Window(4 * BLOCK_CHARACTERS, 128), Window(16 * BLOCK_CHARACTERS, 1_024))
"""A line at least 32 times, about a thousand tokens: one to two minutes on a slow machine.  A list of 1,000 zeros, a
board of 64 cells in HTML and a separator of any sensible width are shorter.  A paragraph at least 16 times."""

SENTENCE = (
    "\n\nanyclaude ended this reply: the model only repeated itself. Say how to go on, or choose another model. The "
    "setting endless_reply = false switches this off."
)

Prose: TypeAlias = TextDelta | ThinkingDelta


def endless_reply(context: FilterContext) -> "EndlessReplyFilter":
    """Return the filter for one reply; it must follow the filters that find tool calls in the text."""
    return EndlessReplyFilter(context)


class EndlessReplyFilter:
    """Passes a reply on until it only repeats itself, and then ends it."""

    def __init__(self, context: FilterContext) -> None:
        self._end = context.end
        self._watch = RepeatedText(WINDOWS, BLOCK_CHARACTERS)
        self._within: type[Prose] = TextDelta
        self._space_after_call: int | None = None  # None: something else has followed the last call
        self._is_over = False

    def feed(self, deltas: Sequence[Delta]) -> list[Delta]:
        """Return the deltas, or those up to the end of the reply; nothing is held back.  Called once per token."""
        if self._is_over:
            return []
        for place, delta in enumerate(deltas):
            if type(delta) is TextDelta or type(delta) is ThinkingDelta:
                ending = self._read(delta) if delta.text else None
            elif type(delta) is ToolCallDelta:
                ending = self._read_call(delta)
            else:
                ending = None
            if ending is not None:
                self._is_over = True
                return [*deltas[:place], *ending]
        return list(deltas)

    def finish(self) -> list[Delta]:
        """Return nothing: nothing is held back."""
        return []

    def _read(self, delta: Prose) -> list[Delta] | None:
        """Take note of text; return the end of the reply if it is endless."""
        if self._space_after_call is not None and (surplus := self._surplus_space(delta.text)) is not None:
            return [type(delta)(delta.text[: len(delta.text) - surplus]), Finished("end_turn")]
        if type(delta) is not self._within:
            self._begin(type(delta))
        found = self._watch.add(delta.text)
        return None if found is None else self._ending(delta, found)

    def _read_call(self, delta: ToolCallDelta) -> list[Delta] | None:
        """Take note of a call, or of what the model wrote after one; return the end of the reply if it is endless."""
        self._begin(self._within)
        if delta.name or delta.arguments:
            self._space_after_call = 0
        elif self._surplus_space(delta.written) is not None:
            return [delta, Finished("end_turn")]
        return None

    def _begin(self, within: type[Prose]) -> None:
        """Forget the text before a tool call, or before text of another kind: what follows is something new."""
        self._within = within
        self._watch.clear()

    def _surplus_space(self, text: str) -> int | None:
        """Count the white space that follows a call; return by how much it is too long, `None` if it is not."""
        if self._space_after_call is None or not text.isspace():
            self._space_after_call = None
            return None
        self._space_after_call += len(text)
        if self._space_after_call < SPACE_AFTER_CALL:
            return None
        self._end(EndlessReply("text", None, SPACE_AFTER_CALL))
        return self._space_after_call - SPACE_AFTER_CALL

    def _ending(self, delta: Prose, found: Repeated) -> list[Delta]:
        """Return the end of the reply, which begins with what is left of the delta."""
        within: Literal["text", "thinking"] = "text" if self._within is TextDelta else "thinking"
        self._end(EndlessReply(within, found.unit_characters, found.characters))
        return [type(delta)(delta.text[: found.end]), TextDelta(SENTENCE), Finished("end_turn")]
