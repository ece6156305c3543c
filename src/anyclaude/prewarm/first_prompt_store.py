"""The first prompts of the latest projects, one private file for each place."""

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from anyclaude.storage.private_files import write_whole

from .first_prompt import FirstPrompt, LaunchKey

MAX_ENTRIES = 64
"""A prompt has 30 to 120 kB (Claude Code 2.1.330, lean and full), so all of them have less than 8 MB."""


class FirstPromptStore:
    """Keeps prompts in `folder`; a file that cannot be read or written costs a warm start, never a reply."""

    def __init__(self, folder: Path, max_entries: int = MAX_ENTRIES) -> None:
        self._folder = folder
        self._max_entries = max_entries
        self._decode = msgspec.json.Decoder(FirstPrompt).decode

    def keep(self, prompt: FirstPrompt) -> None:
        """Write a prompt in the place of an earlier one, and forget the places that were used longest ago."""
        with contextlib.suppress(OSError):
            write_whole(self._file_of(prompt.launch_key), msgspec.json.encode(prompt))
            for forgotten in self._newest_first()[self._max_entries :]:
                forgotten.unlink(missing_ok=True)

    def best_for(self, launch_key: LaunchKey) -> FirstPrompt | None:
        """Return the prompt of this place; else the latest of another project where the client began likewise."""
        own = self._read(self._file_of(launch_key))
        if own is not None and own.launch_key == launch_key:
            return own
        return next(
            (prompt for prompt in self._readable() if prompt.launch_key.fingerprint == launch_key.fingerprint), None
        )

    def latest(self) -> FirstPrompt | None:
        """Return the prompt that was recorded last."""
        return next(self._readable(), None)

    def _readable(self) -> Iterator[FirstPrompt]:
        for file in self._newest_first():
            if (prompt := self._read(file)) is not None:
                yield prompt

    def _newest_first(self) -> list[Path]:
        try:
            dated = [(file.stat().st_mtime_ns, file) for file in self._folder.glob("*.json")]
        except OSError:
            return []
        return [file for _, file in sorted(dated, reverse=True)]

    def _read(self, file: Path) -> FirstPrompt | None:
        try:
            return self._decode(file.read_bytes())
        except (OSError, msgspec.DecodeError):
            return None

    def _file_of(self, launch_key: LaunchKey) -> Path:
        key = hashlib.sha256(msgspec.json.encode(launch_key)).hexdigest()[:24]
        return self._folder / f"{key}.json"
