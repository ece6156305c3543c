"""
Ends a reply at the first stop sequence in its text, and says which one it was.

The client gets `stop_reason: stop_sequence` and the sequence itself (docs: Messages API, `stop_sequences`).  Most
servers of Chat Completions strip the sequence they matched and report `stop`, as for any other end.  So the sequences
are not sent to them but matched here, in the text for the user: not in thinking, where a server would match too, and
not in the arguments of calls.
"""

import re
from collections import deque
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

    Only text that a sequence may begin with is held back.  The work is linear in the text, however many sequences there
    are and however long (Aho and Corasick).
    """

    def __init__(self, sequences: Sequence[str], context: FilterContext) -> None:
        self._sequences = _Sequences(sequences)
        self._state = 0
        self._stop = context.stop
        self._is_over = False
        self._held: deque[str] = deque()  # in pieces
        self._skipped = 0  # of the first of these, the characters that were delivered
        self._length = 0

    @property
    def held(self) -> str:
        """The text that is held back."""
        return "".join(self._held)[self._skipped :]

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
        self._state = 0
        return self._taken(self._length)

    def _read(self, piece: str) -> list[Delta]:
        sequences, state, at = self._sequences, self._state, 0
        while at < len(piece):
            if not state and (at := sequences.beginning_in(piece, at)) == len(piece):
                break
            state = sequences.after(state, piece[at])
            at += 1
            if sequence := sequences.complete_in(state):
                return self._end(piece[:at], sequence)
        self._state = state
        self._add(piece)
        return self._taken(self._length - sequences.depth(state))

    def _end(self, piece: str, sequence: str) -> list[Delta]:
        """Return what precedes a sequence, with which a piece ends, and the end of the reply."""
        self._add(piece)
        before = self._taken(self._length - len(sequence))
        self._is_over, self._length = True, 0
        self._held.clear()
        self._stop()
        return [*before, Finished("stop_sequence", sequence)]

    def _add(self, piece: str) -> None:
        if piece:
            self._held.append(piece)
            self._length += len(piece)

    def _taken(self, characters: int) -> list[Delta]:
        """Return so many characters of what is held back."""
        pieces: list[str] = []
        self._length -= characters
        while characters:
            first = self._held[0]
            piece = first[self._skipped : self._skipped + characters]
            pieces.append(piece)
            characters -= len(piece)
            self._skipped += len(piece)
            if self._skipped == len(first):
                self._held.popleft()
                self._skipped = 0
        return [TextDelta("".join(pieces))] if pieces else []


class _Sequences:
    """An automaton whose states are the beginnings of sequences: the longest one that the text ends in."""

    def __init__(self, sequences: Sequence[str]) -> None:
        self._next: list[dict[str, int]] = [{}]
        self._depths = [0]
        self._complete = [""]
        for sequence in sequences:
            self._add(sequence)
        self._shorter = self._shorter_beginnings()
        self._beginning = re.compile(f"[{re.escape(''.join(sorted({it[0] for it in sequences})))}]")

    def depth(self, state: int) -> int:
        """Return the length of the beginning."""
        return self._depths[state]

    def complete_in(self, state: int) -> str:
        """Return the longest sequence that the text ends in, "" if there is none."""
        return self._complete[state]

    def beginning_in(self, text: str, at: int) -> int:
        """Return the next place at which a sequence may begin, the end of the text if there is none."""
        found = self._beginning.search(text, at)
        return len(text) if found is None else found.start()

    def after(self, state: int, character: str) -> int:
        """Return the state after another character."""
        while state and character not in self._next[state]:
            state = self._shorter[state]
        return self._next[state].get(character, 0)

    def _add(self, sequence: str) -> None:
        state = 0
        for depth, character in enumerate(sequence, 1):
            if character not in self._next[state]:
                self._next[state][character] = len(self._next)
                self._next.append({})
                self._depths.append(depth)
                self._complete.append("")
            state = self._next[state][character]
        self._complete[state] = sequence

    def _shorter_beginnings(self) -> list[int]:
        """Return for each state the next shorter beginning that its text ends in; the shorter states come first."""
        self._shorter = [0] * len(self._next)
        ahead = deque(self._next[0].values())
        while ahead:
            state = ahead.popleft()
            for character, following in self._next[state].items():
                shorter = self._shorter[following] = self.after(self._shorter[state], character)
                self._complete[following] = self._complete[following] or self._complete[shorter]
                ahead.append(following)
        return self._shorter
