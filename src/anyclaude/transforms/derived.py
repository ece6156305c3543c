"""What was made of a value, for as long as the value lives: parts of a prompt come again with every turn."""

from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import ref

T = TypeVar("T")


class Derived(Generic[T]):
    """
    Applies a pure function to a value once, as long as somebody else keeps the value.

    Values are told apart by identity, which costs nothing; whoever keeps them (`RequestReader`) bounds the memory.
    """

    def __init__(self, make: Callable[[T], T]) -> None:
        self._make = make
        self._made: dict[int, tuple[ref[T], T | None]] = {}

    def __len__(self) -> int:
        return len(self._made)

    def __call__(self, value: T) -> T:
        """Return what is made of the value, the value itself if that is equal to it."""
        key = id(value)
        if key in self._made:
            made = self._made[key][1]
        else:
            made = self._make(value)
            made = None if made == value else made  # kept by what was made of it, a value would live for ever
            self._made[key] = (ref(value, lambda _: self._forget(key)), made)
        return value if made is None else made

    def _forget(self, key: int) -> None:
        del self._made[key]
