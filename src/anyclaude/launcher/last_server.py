"""
The server of the last launch in each folder, so that a continued session gets the same one again.

The file has addresses and names of models; an address with anything secret in it is not kept, nor is a key.
"""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from anyclaude.backends import BackendTarget
from anyclaude.profiles import PROFILES
from anyclaude.storage import LineFile

from .launch_key import as_text, continues_session

MAX_BYTES = 64 * 1024
"""Some 500 launches: older folders are forgotten."""


class LastServer(Struct, frozen=True):
    """The server of a launch: its address, kind and model; an empty address where it had none that can be kept."""

    folder: str
    url: str
    kind: str
    model: str


class LastServers:
    """The servers of the last launches, in a private file of bounded size."""

    def __init__(self, log_dir: Path) -> None:
        """Describe the file; nothing is read or written."""
        self._file = LineFile(log_dir / "last-servers.jsonl", LastServer, MAX_BYTES)

    def of(self, folder: Path) -> LastServer | None:
        """Return the server of the last launch in a folder, `None` if there is none that can be used again."""
        name = as_text(str(folder))
        last = next((server for server in self._file.read_newest_first() if server.folder == name), None)
        is_known = last is not None and last.url and last.kind in {profile.name for profile in PROFILES}
        return last if is_known else None

    def continued(self, arguments: Sequence[str], folder: Path) -> LastServer | None:
        """Return the server of the session that the client's arguments continue, `None` if they continue none."""
        return self.of(folder) if continues_session(arguments) else None

    def remember(self, folder: Path, target: BackendTarget | None) -> None:
        """Keep the server of a launch; a file that cannot be written costs only that."""
        now = _kept(folder, target)
        before = self.of(folder)
        if now == before or (before is None and not now.url):
            return
        with suppress(OSError):
            self._file.append(now)


def _kept(folder: Path, target: BackendTarget | None) -> LastServer:
    if target is None or target.profile.is_own or target.endpoint.user is not None or target.endpoint.query:
        return LastServer(as_text(str(folder)), "", "", "")
    return LastServer(as_text(str(folder)), target.base_url, target.profile.name, target.model)
