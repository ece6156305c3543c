"""What waits for a worker, in an order in which clients share the work by its size: the rules alone, without time."""

from typing import Generic, TypeVar

from msgspec import Struct

from .bounded_dict import BoundedDict

MAX_CLIENTS = 1_024
"""Clients whose share is remembered; one that was dropped counts as one that has had nothing."""

T = TypeVar("T")


class Entry(Struct, Generic[T], eq=False):
    """Something that waits; `due` says when all of its client's work up to it has had its share."""

    item: T
    due: int


class FairQueue(Generic[T]):
    """
    A queue in which a client is served the later the more it has asked for (self-clocked
    fair queueing, Golestani 1994).

    Small things of one client pass large ones of others, which are overtaken at most by as many bytes as they have
    themselves.
    """

    def __init__(self) -> None:
        self._entries: list[Entry[T]] = []
        self._now = 0
        self._due = BoundedDict[str, int](MAX_CLIENTS)

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._entries)

    def join(self, item: T, client: str, size: int) -> Entry[T]:
        """Add what a client wants; `size` is what it costs, in any unit."""
        due = max(self._now, self._due.get(client, 0)) + size
        self._due[client] = due
        entry = Entry(item, due)
        self._entries.append(entry)
        return entry

    def leave(self, entry: Entry[T]) -> None:
        """Remove an entry, unless it has been popped already."""
        if entry in self._entries:
            self._entries.remove(entry)

    def pop(self) -> T:
        """Remove and return the next; there must be one."""
        entry = min(self._entries, key=_due)
        self._now = entry.due
        self._entries.remove(entry)
        return entry.item

    def pop_last(self) -> T:
        """Remove and return what would be served last; of several, what came last."""
        entry = max(reversed(self._entries), key=_due)
        self._entries.remove(entry)
        return entry.item


def _due(entry: Entry[T]) -> int:
    return entry.due
