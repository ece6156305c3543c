"""A dictionary for what is worth remembering for a while."""

from collections import OrderedDict
from hashlib import blake2b
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")

MAX_KEY_CHARACTERS = 256
"""A session's id has 36, and the name of a model less than 100: a longer text is no name, but fills the memory."""


def bounded_key(text: str) -> str:
    """Return a text of another program as a key of bounded length: a long one is replaced by its digest."""
    if len(text) <= MAX_KEY_CHARACTERS:
        return text
    return f"blake2b:{blake2b(text.encode(errors='surrogatepass'), digest_size=16).hexdigest()}"


class BoundedDict(OrderedDict[K, V]):
    """A dictionary of at most `limit` entries: those that were set last, the newest at the end."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def __setitem__(self, key: K, value: V) -> None:
        """Set an entry, which is the newest then; the oldest beyond the limit is dropped."""
        super().__setitem__(key, value)
        self.move_to_end(key)
        if len(self) > self._limit:
            self.popitem(last=False)
