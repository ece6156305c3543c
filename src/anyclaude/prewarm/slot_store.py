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

from anyclaude.backends.slots import SlotFile
from anyclaude.storage.private_files import PRIVATE_FILE, make_private, write_whole

from .first_prompt import LaunchKey

MAX_STATES = 16
"""Sessions that can be gone on with; the bytes bound the larger ones first."""

RESERVED_BYTES = 2 * 1024**3
"""What is left of the disk for everything else."""

UNFINISHED = "unfinished-"


class SlotSnapshot(Struct, frozen=True):
    """One of them; `engine` tells apart everything that makes a state unusable elsewhere.  `is_here` is its file."""

    engine: str
    launch_key: LaunchKey = msgspec.field(name="place")
    session: str
    file_name: str
    tokens: int
    bytes: int
    is_here: bool = True


class SlotStore:
    """The states of all engines, of which one is ours; `limit_bytes` is for all of them together."""

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

    def wanted(self, launch_key: LaunchKey, session: str | None) -> SlotSnapshot | None:
        """Return the state of a session; without one, or if it is not kept, the latest of the place."""
        here = [state for state in self._ours() if state.is_here and state.launch_key == launch_key]
        return next((state for state in here if state.session == session), None) or next(iter(here), None)

    def has_room_for(self, tokens: int) -> bool:
        """Tell whether a state of so many tokens may be written, as far as earlier ones tell its size."""
        make_private(self._folder)
        expected = max((tokens * state.bytes // max(state.tokens, 1) for state in self._ours()), default=None)
        room = self._free_bytes(self._folder) - RESERVED_BYTES
        return room >= self._limit_bytes if expected is None else expected <= min(self._limit_bytes, room)

    def new_file_name(self) -> str:
        """Return a name that nothing has yet; it tells whose it is, so that what a killed run left can be removed."""
        return f"{UNFINISHED}{os.getpid()}-{secrets.token_hex(8)}.bin"

    def keep(self, launch_key: LaunchKey, session: str, file_name: str, written: SlotFile) -> bool:
        """Take over what the engine has written, in the place of the session's earlier state; tell if it may stay."""
        name = self._name_of(launch_key, session)
        page, data = self._folder / f"{name}.json", self._folder / f"{name}.bin"
        is_here = written.bytes <= self._limit_bytes
        state = SlotSnapshot(self._engine, launch_key, session, data.name, written.tokens, written.bytes, is_here)
        page.unlink(missing_ok=True)  # what it said is wrong from the next line on
        os.replace(self._folder / file_name, data)
        os.chmod(data, PRIVATE_FILE)
        if not is_here:
            data.unlink()
        write_whole(page, msgspec.json.encode(state))
        self._prune()
        return is_here

    def discard(self, file_name: str) -> None:
        """Remove a file that came to nothing."""
        with contextlib.suppress(OSError):
            (self._folder / file_name).unlink(missing_ok=True)

    def forget(self, state: SlotSnapshot) -> None:
        """Remove a state that turned out to be of no use."""
        with contextlib.suppress(OSError):
            (self._folder / state.file_name).with_suffix(".json").unlink(missing_ok=True)
        self.discard(state.file_name)

    def _prune(self) -> None:
        """Remove the oldest beyond the bounds, and what runs have left that were killed."""
        total = 0
        for count, state in enumerate(self._newest_first()):
            total += state.bytes if state.is_here else 0
            if count >= MAX_STATES or total > self._limit_bytes:
                self.forget(state)
        for file in self._folder.glob(f"{UNFINISHED}*"):
            if not _is_running(file.name.removeprefix(UNFINISHED).partition("-")[0]):
                self.discard(file.name)

    def _ours(self) -> list[SlotSnapshot]:
        return [state for state in self._newest_first() if state.engine == self._engine]

    def _newest_first(self) -> list[SlotSnapshot]:
        found: list[tuple[int, SlotSnapshot]] = []
        for page in self._folder.glob("*.json"):
            with contextlib.suppress(OSError, msgspec.DecodeError):
                state = msgspec.json.decode(page.read_bytes(), type=SlotSnapshot)
                if state.file_name == page.with_suffix(".bin").name:
                    found.append((page.stat().st_mtime_ns, state))
        return [state for _, state in sorted(found, key=lambda pair: pair[0], reverse=True)]

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
        return True  # somebody else's: not ours to judge
    return True
