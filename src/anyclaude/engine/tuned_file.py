"""What tuning has found for each model, kept in a private file: the newest finding for an engine counts."""

from pathlib import Path

from msgspec import Struct

from anyclaude.storage import LineFile

from .tuning import TunedOptions

MAX_FILE_BYTES = 64 * 1024
"""Some 300 findings; a user tunes a few models, now and then."""


class Finding(Struct, frozen=True):
    """What was found for one engine: a model, with a version of the library, on a machine (`engine_identity`)."""

    engine: str
    model: str
    options: TunedOptions


class TunedFile:
    """The findings for all engines."""

    def __init__(self, file: Path) -> None:
        """Describe the file; nothing is read or written."""
        self._file = LineFile(file, Finding, MAX_FILE_BYTES)

    def options_for(self, engine: str) -> TunedOptions:
        """Return what was found for an engine, or no options; a file that cannot be read has none."""
        try:
            found = next((known for known in self._file.read_newest_first() if known.engine == engine), None)
        except OSError:
            return TunedOptions()
        return found.options if found else TunedOptions()

    def keep(self, finding: Finding) -> None:
        """
        Keep a finding in place of earlier ones for its engine; one without options forgets them.

        Raises:
            OSError: when the file cannot be written.
        """
        self._file.append(finding)
