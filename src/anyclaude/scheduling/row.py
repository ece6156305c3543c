"""Who is next among those who wait for one backend: the rules alone, without time or waiting."""

from collections import OrderedDict
from enum import IntEnum

from msgspec import Struct

MOST_PASSED_OVER = 16
"""So many turns may go to others who came later, then it is one's own turn, whatever the priorities.  Changing the
conversation can make two prompts be read anew; this bounds what it adds to one change in sixteen turns."""

MOST_REMEMBERED = 1_024
"""Sessions whose last turn is remembered; one that is forgotten counts as not having had any."""


class Priority(IntEnum):
    """What a request is to the user, the most urgent first; what the gateway does by itself comes after all of them."""

    MAIN = 0
    SUBAGENT = 1
    AUXILIARY = 2


class Applicant(Struct, frozen=True):
    """Whose request it is; the conversations of one session share its turns."""

    conversation: str
    session: str = ""
    priority: Priority = Priority.MAIN


class Place(Struct, eq=False):
    """A place in the row; it is told apart by identity."""

    applicant: Applicant
    number: int
    passed_over: int = 0


class Row:
    """
    Those who wait.  Next is, in this order of questions: whoever was passed over too often; the highest priority;
    where servers forget what they do not use, the conversation that was served last; the session whose last turn is
    the longest ago, and so for its conversations; whoever came first.
    """

    def __init__(self, *, is_forgetful: bool = False, most_passed_over: int = MOST_PASSED_OVER) -> None:
        self._is_forgetful = is_forgetful
        self._most_passed_over = most_passed_over
        self._places: list[Place] = []
        self._turns = 0
        self._arrivals = 0
        self._last_turn: OrderedDict[str, int] = OrderedDict()
        self._served_last: str | None = None

    def join(self, applicant: Applicant) -> Place:
        """Take a place."""
        self._arrivals += 1
        place = Place(applicant, self._arrivals)
        self._places.append(place)
        return place

    def leave(self, place: Place) -> None:
        """Give a place up; one that was called already is not there any more."""
        if place in self._places:
            self._places.remove(place)

    def next(self) -> Place | None:
        """Return who is next, who then has left the row; `None` if nobody waits."""
        if not self._places:
            return None
        place = min(self._places, key=self._rank)
        self._places.remove(place)
        return place

    def goes_before(self, applicant: Applicant) -> bool:
        """Tell whether somebody waits whom no turn that is kept for this one may keep waiting."""
        return any(
            self._is_due(place)
            or place.applicant.priority < applicant.priority
            or place.applicant.conversation == applicant.conversation
            for place in self._places
        )

    def serves(self, applicant: Applicant, place: Place | None = None) -> None:
        """Note that somebody is served, who had this place, or none because there was no need to wait."""
        self._turns += 1
        self._served_last = applicant.conversation
        for waiting in self._places:
            waiting.passed_over += place is None or waiting.number < place.number
        for name in (f"session {applicant.session}", f"conversation {applicant.conversation}"):
            self._last_turn[name] = self._turns
            self._last_turn.move_to_end(name)
        while len(self._last_turn) > 2 * MOST_REMEMBERED:
            self._last_turn.popitem(last=False)

    def _is_due(self, place: Place) -> bool:
        return place.passed_over >= self._most_passed_over

    def _rank(self, place: Place) -> tuple[bool, int, bool, int, int, int]:
        applicant = place.applicant
        if self._is_due(place):
            return (False, 0, False, 0, 0, place.number)
        return (
            True,
            applicant.priority,
            not (self._is_forgetful and applicant.conversation == self._served_last),
            self._last_turn.get(f"session {applicant.session}", 0),
            self._last_turn.get(f"conversation {applicant.conversation}", 0),
            place.number,
        )
