"""Reports an unexpected exception: one sentence for the user, and the traceback in a file."""

import os
import tempfile
import traceback
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from textwrap import shorten

from anyclaude.secret import masked
from anyclaude.storage import open_private_append, temporary_folder

CRASHED = 70
"""The exit status for an internal error: EX_SOFTWARE (sysexits.h)."""

LONGEST_TEXT = 400
"""The characters of an error's text that are shown; the log file has all of them."""

FILE_NAME = "anyclaude.log"
"""The file that libraries log to as well."""


def crash_sentence(error: Exception, log_folder: Path) -> str:
    """Append the traceback to the log file, or to a temporary one, and return a sentence that names the file."""
    text = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} " + masked("".join(traceback.format_exception(error)))
    file = _kept(text.encode(errors="backslashreplace"), log_folder)
    where = "could not be written to any file" if file is None else f"is in {file}"
    what = shorten(masked(f"{type(error).__name__}: {error}"), LONGEST_TEXT).rstrip(": ")
    return f"an unexpected error ended the command: {what} ({_place(error)}). The traceback {where}"


def _kept(text: bytes, log_folder: Path) -> Path | None:
    """Write the text to the first file that can be written, and return that file."""
    for opened in (partial(_log_in, log_folder), _temporary_file):
        try:
            file, descriptor = opened()
            with os.fdopen(descriptor, "ab") as log:
                log.write(text)
        except OSError:
            continue
        return file
    return None


def _log_in(folder: Path) -> tuple[Path, int]:
    return folder / FILE_NAME, open_private_append(folder / FILE_NAME)


def _temporary_file() -> tuple[Path, int]:
    descriptor, name = tempfile.mkstemp(prefix="anyclaude-", suffix=".log", dir=temporary_folder())
    return Path(name), descriptor


def _place(error: Exception) -> str:
    """Return the line that raised the error, which tells a developer much even without the traceback."""
    last = traceback.extract_tb(error.__traceback__)[-1:]
    return f"{Path(last[0].filename).name}, line {last[0].lineno}" if last else "no line"
