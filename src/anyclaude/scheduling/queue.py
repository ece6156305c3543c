"""Who is next among those who wait for one backend: the rules alone, without time or waiting."""

from collections import OrderedDict
from enum import IntEnum

from msgspec import Struct

MAX_OVERTAKEN = 16
"""So many turns may go to others who came later, then it is one's own turn, whatever the priorities.  Changing the
conversation can make two prompts be read anew; this bounds what it adds to one change in sixteen turns."""

MAX_REMEMBERED = 1_024
"""Sessions whose last turn is remembered; one that is forgotten counts as not having had any."""


class Priority(IntEnum):
    """What a request is to the user, the most urgent first; what the gateway does by itself comes after all of them."""

    MAIN = 0
    SUBAGENT = 1
    AUXILIARY = 2


class Requester(Struct, frozen=True):
    """Whose request it is; the conversations of one session share its turns."""

    conversation: str
    session: str = ""
    priority: Priority = Priority.MAIN


class QueueEntry(Struct, eq=False):
    """A place in the row; it is told apart by identity."""

    requester: Requester
    number: int
    overtaken: int = 0


class RequestQueue:
    """
    Those who wait.  Next is, in this order of questions: whoever was passed over too often; the highest priority;
    where servers forget what they do not use, the conversation that was served last; the session whose last turn is
    the longest ago, and so for its conversations; whoever came first.
    """

    def __init__(self, *, evicts_prompts: bool = False, max_overtaken: int = MAX_OVERTAKEN) -> None:
        self._evicts_prompts = evicts_prompts
        self._max_overtaken = max_overtaken
        self._entries: list[QueueEntry] = []
        self._turns = 0
        self._arrivals = 0
        self._last_turn: OrderedDict[str, int] = OrderedDict()
        self._served_last: str | None = None

    def join(self, requester: Requester) -> QueueEntry:
        """Take a place."""
        self._arrivals += 1
        entry = QueueEntry(requester, self._arrivals)
        self._entries.append(entry)
        return entry

    def leave(self, entry: QueueEntry) -> None:
        """Give a place up; one that was called already is not there any more."""
        if entry in self._entries:
            self._entries.remove(entry)

    def next(self) -> QueueEntry | None:
        """Return who is next, who then has left the row; `None` if nobody waits."""
        if not self._entries:
            return None
        entry = min(self._entries, key=self._rank)
        self._entries.remove(entry)
        return entry

    def goes_before(self, requester: Requester) -> bool:
        """Tell whether somebody waits whom no turn that is kept for this one may keep waiting."""
        return any(
            self._is_due(entry)
            or entry.requester.priority < requester.priority
            or entry.requester.conversation == requester.conversation
            for entry in self._entries
        )

    def serves(self, requester: Requester, entry: QueueEntry | None = None) -> None:
        """Note that somebody is served, who had this place, or none because there was no need to wait."""
        self._turns += 1
        self._served_last = requester.conversation
        for waiting in self._entries:
            waiting.overtaken += entry is None or waiting.number < entry.number
        for name in (f"session {requester.session}", f"conversation {requester.conversation}"):
            self._last_turn[name] = self._turns
            self._last_turn.move_to_end(name)
        while len(self._last_turn) > 2 * MAX_REMEMBERED:
            self._last_turn.popitem(last=False)

    def _is_due(self, entry: QueueEntry) -> bool:
        return entry.overtaken >= self._max_overtaken

    def _rank(self, entry: QueueEntry) -> tuple[bool, int, bool, int, int, int]:
        requester = entry.requester
        if self._is_due(entry):
            return (False, 0, False, 0, 0, entry.number)
        return (
            True,
            requester.priority,
            not (self._evicts_prompts and requester.conversation == self._served_last),
            self._last_turn.get(f"session {requester.session}", 0),
            self._last_turn.get(f"conversation {requester.conversation}", 0),
            entry.number,
        )
