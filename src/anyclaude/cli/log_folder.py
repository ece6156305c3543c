"""The folder of a run for logs and what is learned: the one that is set, else a temporary one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec.structs import replace

from anyclaude.settings import NO_HOME, Settings, variable_named
from anyclaude.storage import check_writable, make_own_folder, remove_unfinished, temporary_folder

OWN_NAME = ".anyclaude"
"""A folder of this name is ours, and is closed to others; one that the user named keeps its mode."""

OWN_FOLDERS = ("logs", "request-logs", "prompts", "first-prompts")
"""What is kept in it; conversations are in three of them."""

KEPT = "logs and what is learned are"


@contextmanager
def usable_log_folder(settings: Settings, say: Callable[[str], None]) -> Iterator[Settings]:
    """
    Yield the settings with a `log_dir` that can be written, or without `keeps_logs`; `say` gets what was changed.

    A temporary folder is removed when the context is left.
    """
    why = _why_unusable(settings.log_dir)
    if why is None:
        for name in ("", *OWN_FOLDERS):
            remove_unfinished(settings.log_dir / name)
        yield settings
        return
    way_on = f"Set {variable_named('log_dir')} to a folder that can be written"
    temporary = _temporary_log_folder()
    if temporary is None:
        say(f"{why}, and no temporary folder can be written either, so {KEPT} not kept. {way_on}.")
        yield replace(settings, keeps_logs=False, stored_prompts=0)
        return
    with temporary as folder:
        say(f"{why}, so {KEPT} kept in {folder} until this ends. {way_on}.")
        yield replace(settings, log_dir=Path(folder))


def _why_unusable(log_dir: Path) -> str | None:
    """Return why the folder cannot be written, `None` if it can; a run as root may have made only one part of it."""
    for folder in (log_dir, *(log_dir / name for name in OWN_FOLDERS)):
        try:
            if folder != log_dir or (folder.name == OWN_NAME and not folder.is_symlink()):
                make_own_folder(folder)
            if folder in {log_dir, log_dir / "logs"}:
                check_writable(folder)
        except OSError as error:
            if NO_HOME in folder.parents:
                return "HOME is not set, and this user has no home folder"
            return f"{folder} cannot be written ({error.strerror})"
    return None


def _temporary_log_folder() -> TemporaryDirectory[str] | None:
    try:
        folder = TemporaryDirectory(prefix="anyclaude-", dir=temporary_folder(), ignore_cleanup_errors=True)
    except OSError:
        return None
    try:
        check_writable(Path(folder.name))
    except OSError:
        folder.cleanup()
        return None
    return folder
