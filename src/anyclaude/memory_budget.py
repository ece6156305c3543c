"""
One budget, in bytes, for everything that a gateway keeps and holds.

What is *kept* makes later requests faster, and can be dropped: decoded parts of requests, remembered calls, prompts.
What is *reserved* belongs to a request that is served now: its body, and the reply that is collected for it.  Over the
limit, kept things are dropped, the least useful first; when nothing is left to drop, a reservation is refused.  The
largest reservation does not count: one request of any permitted size can always be served.
"""

from collections.abc import Callable, Mapping
from operator import attrgetter
from threading import Lock
from types import TracebackType

from .errors import MemoryExhausted

MEMORY_BUDGET = 256 * 1024 * 1024
"""The default: eight bodies of the Messages API's largest size, or the prompts of some hundred conversations."""

MIN_CHECKED_BYTES = 64 * 1024
"""Growth is checked against the limit in steps of at least this, about what is read from a socket at once: so a small
request is served even where large ones fill the budget."""

SMALL_SHARE = 0.25
"""Of the limit: what small requests may take beyond it."""

MIN_SMALL_BYTES = 1024 * 1024
"""What they may take in any case, so that a few are served with the smallest budget."""


class Keeper:
    """The account of one thing that keeps values; safe in any thread."""

    def __init__(self, name: str, drop: Callable[[], object], lock: Lock) -> None:
        self.name = name
        self._drop = drop
        self._lock = lock
        self._bytes = 0

    @property
    def bytes(self) -> int:
        """The bytes that it keeps."""
        return self._bytes

    def change(self, by_bytes: int) -> None:
        """Note that it keeps more, or less.  Nothing is dropped until `MemoryBudget.enforce`."""
        with self._lock:
            self._bytes += by_bytes

    def drop_least_useful(self) -> bool:
        """Drop its least useful value, which `change` then reports; return whether it kept one."""
        before = self._bytes
        self._drop()
        return self._bytes < before


class Reservation:
    """
    The bytes that one running request holds; a context manager, which gives them back.

    Not safe in threads: it belongs to the event loop.
    """

    def __init__(self, budget: "MemoryBudget") -> None:
        self.bytes = 0
        self._checked_bytes = 0
        self._budget = budget

    def __enter__(self) -> "Reservation":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def grow(self, by_bytes: int) -> None:
        """
        Reserve more.

        Raises:
            MemoryExhausted: when there is no room left; nothing more is reserved then.
        """
        self._change(by_bytes)
        if self.bytes - self._checked_bytes < MIN_CHECKED_BYTES and self._budget.has_room_for_small_requests:
            return
        try:
            self._budget.make_room()
        except MemoryExhausted:
            self._change(-by_bytes)
            raise
        self._checked_bytes = self.bytes

    def shrink(self, by_bytes: int) -> None:
        """Give some back."""
        self._change(-by_bytes)
        self._checked_bytes = min(self._checked_bytes, self.bytes)

    def release(self) -> None:
        """Give all back; can be repeated."""
        self._change(-self.bytes)
        self._checked_bytes = 0
        self._budget.forget(self)

    def _change(self, by_bytes: int) -> None:
        self.bytes += by_bytes
        self._budget.changed(self, by_bytes)


class MemoryBudget:
    """
    The bytes of one gateway: what its keepers keep, and what its requests reserve.

    `keeper` is called for the least useful first: this is the order in which values are dropped.
    """

    def __init__(self, limit_bytes: int = MEMORY_BUDGET) -> None:
        self.limit_bytes = limit_bytes
        self.dropped = 0
        """The values that were dropped for want of room."""
        self.refused = 0
        """The reservations that were refused."""
        self._keepers: list[Keeper] = []
        self.reserved_bytes = 0
        """The bytes that running requests hold."""
        self._reservations: set[Reservation] = set()
        self._largest: Reservation | None = None
        self._lock = Lock()
        self.give_up_a_request: Callable[[], bool] = lambda: False
        """Called when nothing is kept any more: ends the request that has the least claim to its memory, if any has
        little, and returns whether there was one."""

    @property
    def kept(self) -> Mapping[str, int]:
        """The bytes that each keeper keeps, by its name."""
        return {keeper.name: keeper.bytes for keeper in self._keepers}

    def keeper(self, name: str, drop: Callable[[], object]) -> Keeper:
        """Return an account for values that can be dropped; `drop` drops the least useful one, in the event loop."""
        keeper = Keeper(name, drop, self._lock)
        self._keepers.append(keeper)
        return keeper

    def reserve(self, size_bytes: int = 0) -> Reservation:
        """
        Return a reservation, of no or of some size.

        Raises:
            MemoryExhausted: when there is no room for it.
        """
        reservation = Reservation(self)
        self._reservations.add(reservation)
        try:
            reservation.grow(size_bytes)
        except MemoryExhausted:
            reservation.release()
            raise
        return reservation

    def changed(self, reservation: Reservation, by_bytes: int) -> None:
        """Note that a reservation has changed."""
        self.reserved_bytes += by_bytes
        if by_bytes < 0 and reservation is self._largest:
            self._largest = max(self._reservations, key=attrgetter("bytes"), default=None)
        elif self._largest is None or reservation.bytes > self._largest.bytes:
            self._largest = reservation

    def forget(self, reservation: Reservation) -> None:
        """Take a reservation out of the account."""
        self._reservations.discard(reservation)
        if reservation is self._largest:
            self._largest = max(self._reservations, key=attrgetter("bytes"), default=None)

    def enforce(self) -> None:
        """Drop what is kept beyond the limit; call it in the event loop, after something was kept."""
        excess = self._excess_bytes
        for keeper in self._keepers:
            while excess > 0 and keeper.drop_least_useful():
                self.dropped += 1
                excess = self._excess_bytes

    @property
    def has_room_for_small_requests(self) -> bool:
        """Whether growth by little need not be checked: a quarter of the limit is kept for it."""
        return self._excess_bytes <= max(self.limit_bytes * SMALL_SHARE, MIN_SMALL_BYTES)

    def make_room(self) -> None:
        """
        Drop what is kept until the reservations fit.

        Raises:
            MemoryExhausted: when they do not fit, with nothing kept.
        """
        self.enforce()
        while self._excess_bytes > 0 and self.give_up_a_request():
            pass
        if self._excess_bytes > 0:
            self.refused += 1
            raise MemoryExhausted(
                f"other requests and replies fill the gateway's memory: they have {self.reserved_bytes:,} bytes, and "
                f"the budget is {self.limit_bytes:,}; try again when they are served"
            )

    @property
    def _excess_bytes(self) -> int:
        largest_bytes = 0 if self._largest is None else self._largest.bytes
        kept_bytes = sum(keeper.bytes for keeper in self._keepers)
        return kept_bytes + self.reserved_bytes - largest_bytes - self.limit_bytes
