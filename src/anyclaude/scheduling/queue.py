"""Which waiting request is next: the rules alone, without time and without I/O."""

from enum import IntEnum

from msgspec import Struct

from anyclaude.bounded_dict import BoundedDict

MAX_OVERTAKEN = 16
"""
A request that this many later ones have overtaken is next, regardless of priorities.  Changing the conversation can
force the server to evaluate two prompts again; the limit bounds that cost to one change in sixteen turns.
"""

MAX_SESSIONS = 1_024
"""Sessions whose last turn is remembered; a session that was dropped counts as one that has had no turn."""


class Priority(IntEnum):
    """How urgent a request is to the user, most urgent first.  Work of the gateway itself runs only when idle."""

    MAIN = 0
    SUBAGENT = 1
    AUXILIARY = 2


class Requester(Struct, frozen=True):
    """The conversation that sends a request; the conversations of one session share its turns."""

    conversation: str
    session: str = ""
    priority: Priority = Priority.MAIN


class QueueEntry(Struct, eq=False):
    """A waiting request; entries are compared by identity."""

    requester: Requester
    number: int
    overtaken: int = 0
    """How many later requests were served before this one."""


class RequestQueue:
    """
    The waiting requests, ordered by these rules:

    1. A request that was overtaken `max_overtaken` times comes first.
    2. Higher priorities come before lower ones.
    3. If the server evicts prompts that it does not use, the conversation served last comes before others.
    4. The session whose last turn is the longest ago comes first, then the conversation whose last turn is.
    5. Earlier requests come before later ones.
    """

    def __init__(self, *, evicts_prompts: bool = False, max_overtaken: int = MAX_OVERTAKEN) -> None:
        self.evicts_prompts = evicts_prompts
        self._max_overtaken = max_overtaken
        self._entries: list[QueueEntry] = []
        self._turns = 0
        self._arrivals = 0
        self._last_turn = BoundedDict[str, int](2 * MAX_SESSIONS)
        self._served_last: str | None = None

    def join(self, requester: Requester) -> QueueEntry:
        """Add a request to the queue."""
        self._arrivals += 1
        entry = QueueEntry(requester, self._arrivals)
        self._entries.append(entry)
        return entry

    def leave(self, entry: QueueEntry) -> None:
        """Remove an entry, unless it has been popped already."""
        if entry in self._entries:
            self._entries.remove(entry)

    def pop(self) -> QueueEntry | None:
        """Remove and return the next entry; `None` if no request is waiting."""
        if not self._entries:
            return None
        entry = min(self._entries, key=self._rank)
        self._entries.remove(entry)
        return entry

    def has_more_urgent(self, requester: Requester) -> bool:
        """
        Return whether a more urgent request is waiting, so that no turn can be held for `requester`.

        More urgent are requests of higher priority, those overtaken too often, and those of the same conversation.
        """
        return any(
            self._is_due(entry)
            or entry.requester.priority < requester.priority
            or entry.requester.conversation == requester.conversation
            for entry in self._entries
        )

    def record_turn(self, requester: Requester, entry: QueueEntry | None = None) -> None:
        """Record that a request is served; without an `entry`, it did not wait and overtakes all that do."""
        self._turns += 1
        self._served_last = requester.conversation
        for waiting in self._entries:
            waiting.overtaken += entry is None or waiting.number < entry.number
        for name in (f"session {requester.session}", f"conversation {requester.conversation}"):
            self._last_turn[name] = self._turns

    def _is_due(self, entry: QueueEntry) -> bool:
        return entry.overtaken >= self._max_overtaken

    def _rank(self, entry: QueueEntry) -> tuple[bool, int, bool, int, int, int]:
        requester = entry.requester
        if self._is_due(entry):
            return (False, 0, False, 0, 0, entry.number)
        return (
            True,
            requester.priority,
            not (self.evicts_prompts and requester.conversation == self._served_last),
            self._last_turn.get(f"session {requester.session}", 0),
            self._last_turn.get(f"conversation {requester.conversation}", 0),
            entry.number,
        )
