"""Results derived from a value, kept as long as the value lives: parts of a prompt are repeated with every turn."""

from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import KeyedRef

T = TypeVar("T")
A = TypeVar("A")
R = TypeVar("R")


class IdentityCache(Generic[T, A]):
    """
    Caches a pure function of a value and an argument, as long as something else keeps the value alive.

    Values are compared by identity, which costs nothing; the owner of the values (`CachingDecoder`) bounds the memory.
    Only the result for the latest argument is kept for each value, because the argument nearly always stays the same.
    Two threads may compute a result twice; neither gets a wrong one.
    """

    def __init__(self, function: Callable[[T, A], T]) -> None:
        self._function = function
        self._entries: dict[int, tuple[KeyedRef[int, T], A, T | None]] = {}
        self._on_death = self._forget  # made once: every access would make another one

    def __call__(self, value: T, argument: A) -> T:
        """Return the function's result; the value itself if the result is equal to it."""
        key = id(value)
        entry = self._entries.get(key)
        if entry is not None and entry[1] == argument:
            result = entry[2]
        else:
            result = self._changed(value, argument)
            self._entries[key] = (KeyedRef(value, self._on_death, key), argument, result)
        return value if result is None else result

    def _changed(self, value: T, argument: A) -> T | None:
        """Return the result, `None` if it is equal to the value: an entry with the value itself would keep it alive."""
        result = self._function(value, argument)
        return None if result == value else result

    def _forget(self, reference: KeyedRef[int, T]) -> None:
        self._entries.pop(reference.key, None)


class IdentityFacts(Generic[T, R]):
    """
    Caches what a pure function reads from a value, as long as something else keeps the value alive.

    It differs from `IdentityCache` in that the result is not another form of the value; it must not refer to the value.
    """

    def __init__(self, function: Callable[[T], R]) -> None:
        self._function = function
        self._entries: dict[int, tuple[KeyedRef[int, T], R]] = {}
        self._on_death = self._forget

    def __call__(self, value: T) -> R:
        """Return the function's result."""
        key = id(value)
        entry = self._entries.get(key)
        if entry is None:
            entry = (KeyedRef(value, self._on_death, key), self._function(value))
            self._entries[key] = entry
        return entry[1]

    def _forget(self, reference: KeyedRef[int, T]) -> None:
        self._entries.pop(reference.key, None)
