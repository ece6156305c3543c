"""
What the refusals of servers have taught, by server, model and version; kept in a file, so that it is learned once.

A server that was updated may accept what it refused: another version begins with nothing learned.
"""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from anyclaude.bounded_dict import BoundedDict, bounded_key
from anyclaude.profiles import Amendment
from anyclaude.storage import LineFile

from .target import BackendTarget

MAX_FILE_BYTES = 256 * 1024
"""A line has about 300 bytes, and a server teaches a handful: hundreds of servers and models fit."""

MAX_LEARNED_FOR = 1_024
"""Servers with their models and versions, as many as the file holds."""


class LearnedFor(Struct, frozen=True):
    """The server, model and version that something was learned about."""

    server: str
    model: str
    version: str | None = None

    @classmethod
    def of(cls, target: BackendTarget, model: str) -> "LearnedFor":
        """Return the key for a model of this server; the embedded engine has another port in each launch."""
        is_embedded = target.profile.name == "embedded"
        return cls(target.profile.name if is_embedded else target.address, bounded_key(model), target.version)


class Learned(Struct, frozen=True):
    """One line of the file."""

    about: LearnedFor
    amendment: Amendment


class LearnedAmendments:
    """The amendments of all servers; without a file they last as long as the process."""

    def __init__(self, file: Path | None = None) -> None:
        self._path = file
        self._file = None if file is None else LineFile(file, Learned, MAX_FILE_BYTES)
        self._amendments = BoundedDict[LearnedFor, tuple[Amendment, ...]](MAX_LEARNED_FOR)
        for learned in () if self._file is None else self._file.read():
            self._add(learned.about, learned.amendment)

    def about(self, key: LearnedFor) -> tuple[Amendment, ...]:
        """Return the amendments for a model of a server, in the order in which they were learned."""
        return self._amendments.get(key, ())

    def all(self) -> list[Learned]:
        """Return everything that was learned."""
        return [Learned(key, amendment) for key, amendments in self._amendments.items() for amendment in amendments]

    def keep(self, key: LearnedFor, amendments: Iterable[Amendment]) -> None:
        """Add amendments; a file that cannot be written costs a refusal in the next run."""
        lines = [Learned(key, amendment) for amendment in amendments if self._add(key, amendment)]
        if lines and self._file is not None:
            with suppress(OSError):
                self._file.append(*lines)

    def forget(self, server: str | None = None) -> int:
        """
        Forget everything, or everything about the server with this address, and return how much that was.

        Raises:
            OSError: when the file cannot be written.
        """
        before = self.all()
        kept = [learned for learned in before if server is not None and learned.about.server != server]
        self._amendments.clear()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        for learned in kept:
            self.keep(learned.about, [learned.amendment])
        return len(before) - len(kept)

    def _add(self, key: LearnedFor, amendment: Amendment) -> bool:
        """Add an amendment, as the last one; return whether it was not there."""
        before = self.about(key)
        others = tuple(known for known in before if not known.is_same_change(amendment))
        self._amendments[key] = (*others, amendment)
        return len(others) == len(before)
