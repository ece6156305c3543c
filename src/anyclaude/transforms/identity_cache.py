"""What was made of a value, for as long as the value lives: parts of a prompt come again with every turn."""

from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import ref

T = TypeVar("T")
A = TypeVar("A")


class IdentityCache(Generic[T, A]):
    """
    Applies a pure function of a value and an argument once, as long as somebody else keeps the value.

    Values are told apart by identity, which costs nothing; whoever keeps them (`CachingDecoder`) bounds the memory.  Of
    each value the result for the latest argument is kept: it is the same one nearly always.
    """

    def __init__(self, make: Callable[[T, A], T]) -> None:
        self._make = make
        self._made: dict[int, tuple[ref[T], A, T | None]] = {}

    def __call__(self, value: T, argument: A) -> T:
        """Return what is made of the value, the value itself if that is equal to it."""
        key = id(value)
        known = self._made.get(key)
        if known is not None and known[1] == argument:
            made = known[2]
        else:
            made = self._different(value, argument)
            self._made[key] = (ref(value, lambda _: self._forget(key)), argument, made)
        return value if made is None else made

    def _different(self, value: T, argument: A) -> T | None:
        """Return what is made of a value, `None` for the value itself: kept here, it would live for ever."""
        made = self._make(value, argument)
        return None if made == value else made

    def _forget(self, key: int) -> None:
        del self._made[key]
