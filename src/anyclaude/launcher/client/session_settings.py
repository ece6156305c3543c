"""
The settings that a client gets with `--settings`: the user's, with ours, in a file that only they can read.

They never stand in the command line: every user of a machine can read it, and Linux allows 128 KiB for a word of it.
Of two `--settings` the client reads only the last one, so ours and the user's are merged.
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path

import msgspec

from anyclaude.errors import InvalidSetting
from anyclaude.storage import is_running, temporary_folder, write_private

from .environment import Variable, environment_over_files
from .user_settings import JsonObject, UserSettings

PREFIX = "anyclaude-settings-"
"""Begins the names of the folders, which continue with the number of the process that made them."""


def session_settings(
    user: UserSettings, variables: tuple[Variable, ...], names: Sequence[str], *, keeps_credentials: bool
) -> JsonObject:
    """
    Return the user's `--settings` with ours.

    Theirs win in everything but the address, the credentials, the choice of provider and the window.  `apiKeyHelper`
    adds its key beside our token; an empty one switches it off, null is refused.  A list of models in their files would
    have ours refused, so it gets them too.  `/model` lists each of our models once: by itself it has a row for each
    tier of Anthropic's, with the same model in all of them.

    Raises:
        InvalidSetting: when theirs cannot be read: with some of them the client goes on, and without ours an address
            in its files would win.
    """
    if user.is_flag_unreadable:
        raise InvalidSetting(
            "what --settings gives cannot be read as a JSON object. Correct the file or the text, or leave the flag out"
        )
    over_files = environment_over_files(user, variables, keeps_credentials=keeps_credentials)
    merged: JsonObject = {**user.given.environment, **over_files}
    if keeps_credentials:
        return {**user.given.values, "env": merged}
    listed = user.field("availableModels")
    models: JsonObject = {"availableModels": list(dict.fromkeys((*listed, *names)))} if isinstance(listed, list) else {}
    usual: JsonObject = {"skipWebFetchPreflight": True}
    if names and user.field("modelPicker") is None:
        rows = [{"model": name, "label": name, "description": "Model of this server"} for name in names]
        usual["modelPicker"] = {"options": rows, "replaceBuiltInOptions": True}
    return {**usual, **user.given.values, **models, "apiKeyHelper": "", "env": merged}


@contextmanager
def settings_file(settings: JsonObject, *others: Path) -> Iterator[Path]:
    """
    Write the settings into a private file, which exists as long as the context.

    It is in the folder for temporary files, or in one of `others` if that cannot be written.

    Raises:
        InvalidSetting: when none can be written.
    """
    file = _written(msgspec.json.encode(settings), others)
    try:
        yield file
    finally:
        _remove(file.parent)


def _written(content: bytes, others: Sequence[Path]) -> Path:
    reasons: list[str] = []
    for place in (None, *others):
        try:
            return _written_in(place or temporary_folder(), content)
        except OSError as error:
            reasons.append(": ".join(filter(None, (error.filename, error.strerror or str(error)))))
    raise InvalidSetting(
        f"the client's settings cannot be written ({'; '.join(reasons)}). Set TMPDIR to a folder that can be written"
    )


def _written_in(place: Path, content: bytes) -> Path:
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=place))
    try:
        write_private(folder / "settings.json", content)
    except OSError:
        _remove(folder)
        raise
    return folder / "settings.json"


def remove_left_over_settings(*others: Path) -> None:
    """Remove the settings of launches that were killed."""
    with suppress(OSError):
        for folder in chain.from_iterable(place.glob(f"{PREFIX}*") for place in (Path(tempfile.gettempdir()), *others)):
            pid = folder.name.removeprefix(PREFIX).partition("-")[0]
            if pid.isdigit() and not is_running(int(pid)):
                _remove(folder)


def _remove(folder: Path) -> None:
    with suppress(OSError):
        (folder / "settings.json").unlink(missing_ok=True)
        folder.rmdir()
