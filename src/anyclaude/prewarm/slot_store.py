"""
What an engine has computed, kept on disk from one run to the next: one file for each session, and a page about it.

The engine itself writes and reads the files; here they get their names, and go when they are too many or too large.
They hold the tokens of conversations, so the folder is for its owner alone.
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
from anyclaude.storage import PRIVATE_FILE, files_newest_first, make_private_folder, write_private

from .first_prompt import LaunchKey

MAX_SNAPSHOTS = 16
"""Sessions that can be gone on with; the bytes bound the larger ones first."""

RESERVED_BYTES = 2 * 1024**3
"""What is left of the disk for everything else."""

UNFINISHED = "unfinished-"


class SlotSnapshot(Struct, frozen=True):
    """One of them; `engine` tells apart everything that makes a snapshot unusable elsewhere.  `is_here` is its file."""

    engine: str
    launch_key: LaunchKey = msgspec.field(name="place")
    session: str
    file_name: str
    tokens: int
    bytes: int
    is_here: bool = True


class SlotStore:
    """The snapshots of all engines, one of which is ours; `limit_bytes` bounds all of them together."""

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
        """Return the snapshot of a session; without one, or if it is not kept, the latest with this launch key."""
        here = [snapshot for snapshot in self._ours() if snapshot.is_here and snapshot.launch_key == launch_key]
        return next((snapshot for snapshot in here if snapshot.session == session), None) or next(iter(here), None)

    def has_room_for(self, tokens: int) -> bool:
        """Return whether a snapshot of this many tokens may be written, judging by the size of earlier ones."""
        make_private_folder(self._folder)
        expected = max((tokens * snapshot.bytes // max(snapshot.tokens, 1) for snapshot in self._ours()), default=None)
        room = self._free_bytes(self._folder) - RESERVED_BYTES
        return room >= self._limit_bytes if expected is None else expected <= min(self._limit_bytes, room)

    def new_file_name(self) -> str:
        """Return an unused name; it holds our process id, so that the files of killed runs can be removed."""
        return f"{UNFINISHED}{os.getpid()}-{secrets.token_hex(8)}.bin"

    def keep(self, launch_key: LaunchKey, session: str, file_name: str, written: SlotFile) -> bool:
        """Replace the session's snapshot by what the engine has written, and return whether it fits the limit."""
        name = self._name_of(launch_key, session)
        page, data = self._folder / f"{name}.json", self._folder / f"{name}.bin"
        is_here = written.bytes <= self._limit_bytes
        snapshot = SlotSnapshot(self._engine, launch_key, session, data.name, written.tokens, written.bytes, is_here)
        page.unlink(missing_ok=True)  # the page is wrong from the next line on
        os.replace(self._folder / file_name, data)
        os.chmod(data, PRIVATE_FILE)
        if not is_here:
            data.unlink()
        write_private(page, msgspec.json.encode(snapshot))
        self._prune()
        return is_here

    def discard(self, file_name: str) -> None:
        """Remove a file that was not completed."""
        with contextlib.suppress(OSError):
            (self._folder / file_name).unlink(missing_ok=True)

    def remove(self, snapshot: SlotSnapshot) -> None:
        """Remove a snapshot."""
        with contextlib.suppress(OSError):
            (self._folder / snapshot.file_name).with_suffix(".json").unlink(missing_ok=True)
        self.discard(snapshot.file_name)

    def _prune(self) -> None:
        """Remove the oldest beyond the bounds, and the unfinished files of runs that were killed."""
        total = 0
        for count, snapshot in enumerate(self._newest_first()):
            total += snapshot.bytes if snapshot.is_here else 0
            if count >= MAX_SNAPSHOTS or total > self._limit_bytes:
                self.remove(snapshot)
        for file in self._folder.glob(f"{UNFINISHED}*"):
            if not _is_running(file.name.removeprefix(UNFINISHED).partition("-")[0]):
                self.discard(file.name)

    def _ours(self) -> list[SlotSnapshot]:
        return [snapshot for snapshot in self._newest_first() if snapshot.engine == self._engine]

    def _newest_first(self) -> list[SlotSnapshot]:
        found: list[SlotSnapshot] = []
        for page in files_newest_first(self._folder, "*.json"):
            with contextlib.suppress(OSError, msgspec.DecodeError):
                snapshot = msgspec.json.decode(page.read_bytes(), type=SlotSnapshot)
                if snapshot.file_name == page.with_suffix(".bin").name:
                    found.append(snapshot)
        return found

    def _name_of(self, launch_key: LaunchKey, session: str) -> str:
        return hashlib.sha256(msgspec.json.encode((self._engine, launch_key, session))).hexdigest()[:24]


def _is_running(pid: str) -> bool:
    if not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # a process of another user
    return True
