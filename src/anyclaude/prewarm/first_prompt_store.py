"""The first prompts of the latest launches, one private file for each launch key."""

import contextlib
import hashlib
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import msgspec

from anyclaude.storage import files_newest_first, read_private, remove_all_but_newest, write_private

from .first_prompt import FirstPrompt
from .launches import LaunchKey, difference_between

PATTERN = "*.json"
MAX_ENTRIES = 64
"""A prompt takes 30 to 120 kB (Claude Code 2.1.330, lean and full), so all of them take less than 8 MB."""


class FirstPromptStore:
    """Keeps prompts in `folder`; if a file cannot be read or written, a session starts cold, but no request fails."""

    def __init__(self, folder: Path, max_entries: int = MAX_ENTRIES) -> None:
        self._folder = folder
        self._max_entries = max_entries
        self._decode = msgspec.json.Decoder(FirstPrompt).decode

    def keep(self, prompt: FirstPrompt) -> None:
        """Store a prompt, replacing the earlier one of its launch key, and remove the oldest beyond `max_entries`."""
        with contextlib.suppress(OSError):
            write_private(self._file_of(prompt.launch_key), msgspec.json.encode(prompt))
            remove_all_but_newest(self._folder, PATTERN, self._max_entries)

    def recorded_at(self, launch_key: LaunchKey) -> float | None:
        """Return when the prompt of this launch key was stored, in seconds of the epoch; `None` if there is none."""
        with contextlib.suppress(OSError):
            return self._file_of(launch_key).lstat().st_mtime
        return None

    def nearest(self, launch_key: LaunchKey) -> list[FirstPrompt]:
        """Return the prompts that may begin like those of this launch key: the nearest first, then the latest."""
        known = [(difference_between(prompt.launch_key, launch_key), prompt) for prompt in self._readable()]
        usable = [(difference, prompt) for difference, prompt in known if difference is not None]
        return [prompt for _, prompt in sorted(usable, key=lambda pair: pair[0])]

    def expected_tokens(self, launch_key: LaunchKey, today: date) -> int | None:
        """Return about how many tokens of a launch's first prompt are known; `None` if none are, or it is unknown."""
        prompts = self.nearest(launch_key)
        usable = (prompt for prompt in prompts if prompt.rendered(launch_key, today, prompts) is not None)
        nearest = next(usable, None)
        return None if nearest is None else nearest.expected_tokens(launch_key, today, prompts)

    def latest(self) -> FirstPrompt | None:
        """Return the latest prompt."""
        return next(self._readable(), None)

    def _readable(self) -> Iterator[FirstPrompt]:
        for file in files_newest_first(self._folder, PATTERN):
            if (prompt := self._read(file)) is not None:
                yield prompt

    def _read(self, file: Path) -> FirstPrompt | None:
        try:
            return self._decode(read_private(file))
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    def _file_of(self, launch_key: LaunchKey) -> Path:
        key = hashlib.sha256(msgspec.json.encode(launch_key)).hexdigest()[:24]
        return self._folder / f"{key}.json"
