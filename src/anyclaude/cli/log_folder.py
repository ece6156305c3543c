"""The folder of a run for logs and what is learned: the one that is set, else a temporary one."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec.structs import replace

from anyclaude.settings import NO_HOME, Settings, variable_named
from anyclaude.storage import check_writable, temporary_folder

KEPT = "logs and what is learned are"


@contextmanager
def usable_log_folder(settings: Settings, say: Callable[[str], None]) -> Iterator[Settings]:
    """
    Yield the settings with a `log_dir` that can be written, or without `keeps_logs`; `say` gets what was changed.

    A temporary folder is removed when the context is left.
    """
    try:
        for folder in (settings.log_dir, settings.log_dir / "logs"):  # a run as root may have made only one of them
            check_writable(folder)
    except OSError as error:
        why = _reason(settings.log_dir, error)
    else:
        yield settings
        return
    way_on = f"Set {variable_named('log_dir')} to a folder that can be written"
    try:
        folder = tempfile.TemporaryDirectory(prefix="anyclaude-", dir=temporary_folder(), ignore_cleanup_errors=True)
        check_writable(Path(folder.name))
    except OSError:
        say(f"{why}, and no temporary folder can be written either, so {KEPT} not kept. {way_on}.")
        yield replace(settings, keeps_logs=False, stored_prompts=0)
        return
    with folder:
        say(f"{why}, so {KEPT} kept in {folder.name} until this ends. {way_on}.")
        yield replace(settings, log_dir=Path(folder.name))


def _reason(folder: Path, error: OSError) -> str:
    if NO_HOME in folder.parents:
        return "HOME is not set, and this user has no home folder"
    return f"{folder} cannot be written ({error.strerror})"
