"""The user's home folder, which not every user has."""

import os
from collections.abc import Mapping
from pathlib import Path

NO_HOME = Path("/proc/nonexistent")
"""The home folder of a user who has none.  It cannot be created, not even by root.  Claude Code starts with it; with no
HOME at all it does not start where the user id has no name (measured with 2.1.332)."""


def home_folder(environment: Mapping[str, str]) -> Path:
    """Return the folder that HOME names, else that of the user database, else `NO_HOME`; it may not exist."""
    return Path(environment.get("HOME") or _known_to_the_system() or NO_HOME)


def _known_to_the_system() -> str | None:
    try:
        import pwd  # it exists on POSIX systems only
    except ImportError:
        return os.environ.get("USERPROFILE")
    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:  # a container was started with a number as its user
        return None
