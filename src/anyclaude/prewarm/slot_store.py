"""
Slot snapshots on disk: for each session, the file that the engine wrote, and a page of JSON that describes it.

The engine writes and reads the files; this module names them, and removes them when they are too many or too large.
They contain the tokens of conversations, so only their owner may read the folder.
"""

import contextlib
import hashlib
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from anyclaude.backends import SlotFile
from anyclaude.storage import (
    PRIVATE_FILE,
    files_newest_first,
    is_running,
    make_own_folder,
    read_private,
    remove_unfinished,
    write_private,
)

from .launches import LaunchKey, difference_between

MAX_SNAPSHOTS = 16
"""The number of sessions that can be continued; with large snapshots the limit of bytes applies first."""

RESERVED_BYTES = 2 * 1024**3
"""The space on the disk that is left free for other uses."""

INCOMPLETE_PREFIX = "unfinished-"
"""Begins the names of the files that the engine has not completed."""


class SlotSnapshot(Struct, frozen=True):
    """The page of a snapshot; `engine` identifies everything that a snapshot depends on."""

    engine: str
    launch_key: LaunchKey = msgspec.field(name="place")
    session: str
    file_name: str
    tokens: int
    bytes: int
    has_file: bool = msgspec.field(default=True, name="is_here")
    """Whether the file is kept.  One over the limit is removed; its page remains, for the size of the next."""


class SlotStore:
    """The snapshots of `engine`, in a folder that is shared by all engines; `limit_bytes` limits their total size."""

    def __init__(
        self,
        folder: Path,
        engine: str,
        limit_bytes: int,
        free_bytes: Callable[[Path], int] = lambda folder: shutil.disk_usage(folder).free,
    ) -> None:
        self._folder = folder
        self._engine = engine
        self._limit_bytes = limit_bytes
        self._free_bytes = free_bytes

    def best_for(self, launch_key: LaunchKey, session: str | None) -> SlotSnapshot | None:
        """Return the snapshot of a session, or else the latest with this launch key."""
        usable = [snapshot for snapshot in self._of_engine() if snapshot.has_file and snapshot.launch_key == launch_key]
        return next((snapshot for snapshot in usable if snapshot.session == session), None) or next(iter(usable), None)

    def nearest(self, launch_key: LaunchKey, max_bytes: int) -> SlotSnapshot | None:
        """Return the snapshot of another launch that begins most alike, the latest of several, of at most this size."""
        known = [
            (difference, snapshot)
            for snapshot in self._of_engine()
            if snapshot.has_file and snapshot.bytes <= max_bytes
            if (difference := difference_between(snapshot.launch_key, launch_key)) and not difference.is_other_diet
        ]
        return min(known, key=lambda pair: pair[0])[1] if known else None

    def has_room_for(self, tokens: int) -> bool:
        """Return whether a snapshot of this many tokens may be written, estimated from the size of earlier ones."""
        make_own_folder(self._folder)
        sizes = (tokens * snapshot.bytes // max(snapshot.tokens, 1) for snapshot in self._of_engine())
        expected = max(sizes, default=None)
        room = self._free_bytes(self._folder) - RESERVED_BYTES
        return room >= self._limit_bytes if expected is None else expected <= min(self._limit_bytes, room)

    def new_file_name(self) -> str:
        """Return an unused name; it contains the process id, so that the files of killed runs can be removed."""
        return f"{INCOMPLETE_PREFIX}{os.getpid()}-{secrets.token_hex(8)}.bin"

    def keep(self, launch_key: LaunchKey, session: str, file_name: str, written: SlotFile) -> bool:
        """Replace the session's snapshot by the file that the engine wrote; return whether it is within the limit."""
        name = self._name_of(launch_key, session)
        page, data = self._folder / f"{name}.json", self._folder / f"{name}.bin"
        has_file = written.bytes <= self._limit_bytes
        snapshot = SlotSnapshot(self._engine, launch_key, session, data.name, written.tokens, written.bytes, has_file)
        page.unlink(missing_ok=True)  # the next line invalidates it
        os.replace(self._folder / file_name, data)
        os.chmod(data, PRIVATE_FILE)
        if not has_file:
            data.unlink()
        write_private(page, msgspec.json.encode(snapshot))
        self._prune()
        return has_file

    def discard(self, file_name: str) -> None:
        """Remove an incomplete file."""
        with contextlib.suppress(OSError):
            (self._folder / file_name).unlink(missing_ok=True)

    def remove(self, snapshot: SlotSnapshot) -> None:
        """Remove a snapshot."""
        with contextlib.suppress(OSError):
            (self._folder / snapshot.file_name).with_suffix(".json").unlink(missing_ok=True)
        self.discard(snapshot.file_name)

    def _prune(self) -> None:
        """Remove the oldest snapshots beyond the limits, and the incomplete files of killed runs."""
        remove_unfinished(self._folder)
        total = 0
        for count, snapshot in enumerate(self._newest_first()):
            total += snapshot.bytes if snapshot.has_file else 0
            if count >= MAX_SNAPSHOTS or total > self._limit_bytes:
                self.remove(snapshot)
        for file in self._folder.glob(f"{INCOMPLETE_PREFIX}*"):
            pid = file.name.removeprefix(INCOMPLETE_PREFIX).partition("-")[0]
            if not pid.isdigit() or not is_running(int(pid)):
                self.discard(file.name)

    def _of_engine(self) -> list[SlotSnapshot]:
        return [snapshot for snapshot in self._newest_first() if snapshot.engine == self._engine]

    def _newest_first(self) -> list[SlotSnapshot]:
        found: list[SlotSnapshot] = []
        for page in files_newest_first(self._folder, "*.json"):
            with contextlib.suppress(OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                snapshot = msgspec.json.decode(read_private(page), type=SlotSnapshot)
                if snapshot.file_name == page.with_suffix(".bin").name:
                    found.append(snapshot)
        return found

    def _name_of(self, launch_key: LaunchKey, session: str) -> str:
        return hashlib.sha256(msgspec.json.encode((self._engine, launch_key, session))).hexdigest()[:24]
