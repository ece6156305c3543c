"""A dictionary of what is kept within a memory budget."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import TypeVar

from .memory_budget import MemoryBudget

K = TypeVar("K")
V = TypeVar("V")

ENTRY_BYTES = 192
"""What an entry takes beside its key and its value (CPython 3.11: 120 to 190 bytes, `tests/test_kept_values.py`)."""


class KeptValues(Mapping[K, V]):
    """
    Values by key, the least useful first: those that were kept, or used, the longest time ago.

    The account `name` of the budget counts `size(key, value)` bytes for each.  Beyond `max_bytes` or `max_entries` the
    least useful is dropped at once, and beyond the budget by `MemoryBudget.enforce`.

    Safe in threads without a lock: each change of `_entries` is one call of C code, which no other thread interrupts,
    and an entry counts from when it was put there until it is taken out.
    """

    def __init__(
        self,
        name: str,
        budget: MemoryBudget,
        size: Callable[[K, V], int],
        *,
        max_bytes: int | None = None,
        max_entries: int | None = None,
    ) -> None:
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._account = budget.keeper(name, self.drop_least_useful)
        self._size = size
        self._max_bytes = max_bytes
        self._max_entries = max_entries

    @property
    def bytes(self) -> int:
        """The bytes of all entries."""
        return self._account.bytes

    def __getitem__(self, key: K) -> V:
        """Return a value, which is not the more useful for it."""
        return self._entries[key][0]

    def __len__(self) -> int:
        """Return the number of entries."""
        return len(self._entries)

    def __iter__(self) -> Iterator[K]:
        """Iterate over the keys, the least useful first."""
        return iter(tuple(self._entries))

    def all(self) -> tuple[V, ...]:
        """Return the values, the least useful first."""
        return tuple(value for value, _ in tuple(self._entries.values()))

    def keep(self, key: K, value: V) -> None:
        """Keep a value as the most useful one, in place of another with its key."""
        self.drop(key)
        entry = (value, ENTRY_BYTES + self._size(key, value))
        if self._entries.setdefault(key, entry) is entry:  # no other thread was faster
            self._account.change(entry[1])
        while self._is_over():
            self.drop_least_useful()

    def used(self, key: K) -> V | None:
        """Return a value, which is the most useful one from now on; `None` if it is not kept."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        with suppress(KeyError):  # another thread has just dropped it
            self._entries.move_to_end(key)
        return entry[0]

    def drop(self, key: K) -> None:
        """Drop the value of a key, if it is kept."""
        if (entry := self._entries.pop(key, None)) is not None:
            self._account.change(-entry[1])

    def drop_least_useful(self) -> None:
        """Drop a value, if any is kept."""
        self.pop_least_useful()

    def pop_least_useful(self) -> V | None:
        """Take out a value and return it, `None` if none is kept."""
        try:
            _, (value, size) = self._entries.popitem(last=False)
        except KeyError:
            return None
        self._account.change(-size)
        return value

    def clear(self) -> None:
        """Drop all values."""
        while self._entries:
            self.drop_least_useful()

    def _is_over(self) -> bool:
        has_too_many = self._max_entries is not None and len(self) > self._max_entries
        return has_too_many or (self._max_bytes is not None and self.bytes > self._max_bytes)
