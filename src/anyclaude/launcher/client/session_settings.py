"""
The settings that a client gets with `--settings`: the user's, with ours, in a file that only they can read.

They never stand in the command line: every user of a machine can read it, and Linux allows 128 KiB for a word of it.
Of two `--settings` the client reads only the last one, so ours and the user's are merged.
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from anyclaude.errors import InvalidSetting
from anyclaude.storage import write_private

from .environment import Variable, environment_over_files
from .user_settings import JsonObject, UserSettings

PREFIX = "anyclaude-settings-"
"""Begins the names of the folders, which continue with the number of the process that made them."""


def session_settings(
    user: UserSettings, variables: tuple[Variable, ...], names: Sequence[str], *, keeps_credentials: bool
) -> JsonObject | None:
    """
    Return the user's `--settings` with ours; `None` if theirs cannot be read, which the client then reports itself.

    Theirs win in everything but the address, the credentials, the choice of provider and the window.  `apiKeyHelper`
    adds its key beside our token; an empty one switches it off, null is refused.  A list of models in their files would
    have ours refused, so it gets them too.
    """
    if user.is_flag_unreadable:
        return None
    over_files = environment_over_files(user, variables, keeps_credentials=keeps_credentials)
    merged: JsonObject = {**_object(user.given.get("env")), **over_files}
    if keeps_credentials:
        return {**user.given, "env": merged}
    listed = user.field("availableModels")
    models: JsonObject = {"availableModels": list(dict.fromkeys((*listed, *names)))} if isinstance(listed, list) else {}
    return {"skipWebFetchPreflight": True, **user.given, **models, "apiKeyHelper": "", "env": merged}


@contextmanager
def settings_file(settings: JsonObject) -> Iterator[Path]:
    """
    Write the settings into a private file, which exists as long as the context.

    Raises:
        InvalidSetting: when there is no folder for temporary files.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
        file = folder / "settings.json"
        write_private(file, msgspec.json.encode(settings))
    except OSError as error:
        raise InvalidSetting(
            f"the client's settings cannot be written to {_temporary_folder()}: {error.strerror or error}. "
            "Set TMPDIR to a folder that can be written"
        ) from error
    try:
        yield file
    finally:
        _remove(folder)


def remove_left_over_settings() -> None:
    """Remove the settings of launches that were killed."""
    with suppress(OSError):
        for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
            process = folder.name.removeprefix(PREFIX).partition("-")[0]
            if process.isdigit() and not _is_running(int(process)):
                _remove(folder)


def _remove(folder: Path) -> None:
    with suppress(OSError):
        (folder / "settings.json").unlink(missing_ok=True)
        folder.rmdir()


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # another user's
    return True


def _temporary_folder() -> str:
    try:
        return tempfile.gettempdir()
    except OSError:
        return "a folder for temporary files"


def _object(value: object) -> JsonObject:
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}
