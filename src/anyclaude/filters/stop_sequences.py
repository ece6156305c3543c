"""
Ends a reply at the first stop sequence in its text, and says which one it was.

The client gets `stop_reason: stop_sequence` and the sequence itself (docs: Messages API, `stop_sequences`).  Most
servers of Chat Completions strip the sequence they matched and report `stop`, as for any other end.  So the sequences
are not sent to them but matched here, in the text for the user: not in thinking, where a server would match too, and
not in the arguments of calls.
"""

from collections import defaultdict
from collections.abc import Sequence

from anyclaude.protocol.deltas import Delta, Finished, TextDelta, UsageReported

from .base import FilterContext


def stop_sequences(context: FilterContext) -> "StopSequenceFilter | None":
    """Return the filter for one reply, which must follow those that find calls and thoughts in the text."""
    sequences = [sequence for sequence in context.stop_sequences if sequence]
    return StopSequenceFilter(sequences, context) if sequences else None


class StopSequenceFilter:
    """
    Passes a reply on up to the first stop sequence that is complete; of several complete at once, the longest counts.

    Only text that a sequence may begin with is held back.  The work is linear in the text (Knuth, Morris and Pratt); a
    character costs nothing for the sequences that neither begin with it nor have begun.
    """

    def __init__(self, sequences: Sequence[str], context: FilterContext) -> None:
        self._by_first: defaultdict[str, list[_Matcher]] = defaultdict(list)
        for sequence in dict.fromkeys(sequences):
            self._by_first[sequence[0]].append(_Matcher(sequence))
        self._begun: list[_Matcher] = []
        self._stop = context.stop
        self._is_over = False
        self.held = ""
        """The text that is held back."""

    def feed(self, deltas: Sequence[Delta]) -> list[Delta]:
        """Return the deltas that can be delivered so far, with the end of the reply if a sequence is complete."""
        delivered: list[Delta] = []
        for delta in deltas:
            if self._is_over:
                break
            if type(delta) is TextDelta:
                delivered += self._read(delta.text)
            elif type(delta) is UsageReported:
                delivered.append(delta)
            else:
                delivered += [*self.finish(), delta]
        return delivered

    def finish(self) -> list[Delta]:
        """Return the text held back, which is no sequence: something else follows it, or nothing."""
        held, self.held = self.held, ""
        for matcher in self._begun:
            matcher.matched = 0
        self._begun = []
        return [TextDelta(held)] if held else []

    def _read(self, piece: str) -> list[Delta]:
        text, begin = self.held + piece, len(self.held)
        for end, character in enumerate(piece, begin + 1):
            beginning = [matcher for matcher in self._by_first.get(character, ()) if not matcher.matched]
            candidates = [*self._begun, *beginning]
            complete = [matcher.sequence for matcher in candidates if matcher.takes(character)]
            self._begun = [matcher for matcher in candidates if matcher.matched]
            if complete:
                sequence = max(complete, key=len)
                self._is_over, self.held = True, ""
                self._stop()
                return [*_text(text[: end - len(sequence)]), Finished("stop_sequence", sequence)]
        length = len(text) - max((matcher.matched for matcher in self._begun), default=0)
        self.held = text[length:]
        return _text(text[:length])


class _Matcher:
    """Finds one sequence in a text that arrives character by character."""

    __slots__ = ("_shorter", "matched", "sequence")

    def __init__(self, sequence: str) -> None:
        self.sequence = sequence
        self.matched = 0
        """The length of the longest beginning of the sequence that the text ends in."""
        self._shorter = [0]  # for each length, the next shorter beginning that the beginning of that length ends in
        for character in sequence[1:]:
            self._shorter.append(self._extended(self._shorter[-1], character))

    def takes(self, character: str) -> bool:
        """Take the next character; return whether it completes the sequence."""
        self.matched = self._extended(self.matched, character)
        return self.matched == len(self.sequence)

    def _extended(self, length: int, character: str) -> int:
        while length and self.sequence[length] != character:
            length = self._shorter[length - 1]
        return length + (self.sequence[length] == character)


def _text(text: str) -> list[Delta]:
    return [TextDelta(text)] if text else []
