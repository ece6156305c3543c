"""
The latest prompts, complete, in memory and in private files: later prompts are compared with them.

They are kept as they were sent, compressed to less than half, each in a separate file, so that gateways that run side
by side do not interfere and a conversation that is resumed tomorrow is still compared with its last turn.
"""

import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from anyclaude.bounds import STORED_PROMPTS
from anyclaude.kept_values import KeptValues
from anyclaude.memory_budget import MemoryBudget
from anyclaude.profiles import DialectName
from anyclaude.protocol.memory_size import memory_size
from anyclaude.storage import files_newest_first, read_private, remove_all_but_newest, write_private

SUFFIX = ".prompt"
PATTERN = f"*{SUFFIX}"
FASTEST = 1
"""The compression level: 4 ms for 360 kB of a prompt; higher levels save little more."""


class StoredPrompt(Struct, frozen=True, kw_only=True):
    """
    A prompt that a model has evaluated.

    `order` counts the exchanges within a run of the gateway, which `run` names; `packed` is the compressed body.
    """

    request_id: str
    conversation: str
    run: str
    order: int
    route: str
    dialect: DialectName
    input_tokens: int | None
    packed: bytes

    @property
    def body(self) -> bytes:
        """
        The request as it was sent.

        Raises:
            ValueError: when the file was damaged.
        """
        try:
            return zlib.decompress(self.packed)
        except zlib.error as error:
            raise ValueError(f"the prompt of {self.request_id} is damaged") from error


def packed(body: bytes) -> bytes:
    """Return the body of a request, compressed for the store."""
    return zlib.compress(body, FASTEST)


class PromptStore:
    """
    Keeps the newest prompts; without a folder, only in memory.

    A file that fails, or a prompt that the memory has no room for, costs a comparison, no more.
    """

    def __init__(
        self, folder: Path | None, max_prompts: int = STORED_PROMPTS, budget: MemoryBudget | None = None
    ) -> None:
        self._folder = folder
        self._max_prompts = max_prompts
        self._prompts = KeptValues[str, StoredPrompt](
            "stored prompts", budget or MemoryBudget(), memory_size, max_entries=max_prompts
        )
        self._is_read = False

    def prompts(self) -> tuple[StoredPrompt, ...]:
        """Return the prompts, oldest first; the first call reads the files of earlier runs."""
        return self._kept().all()

    def keep(self, prompt: StoredPrompt, instead_of: str | None = None) -> None:
        """Keep one more prompt, in place of the one it continues."""
        kept = self._kept()
        if instead_of is not None:
            kept.drop(instead_of)
            self._remove(instead_of)
        kept.keep(prompt.request_id, prompt)
        self._write(prompt)

    def _kept(self) -> KeptValues[str, StoredPrompt]:
        if not self._is_read:
            self._is_read = True
            for prompt in self._read():
                self._prompts.keep(prompt.request_id, prompt)
        return self._prompts

    def _read(self) -> Iterator[StoredPrompt]:
        if self._folder is None:
            return
        for file in reversed(files_newest_first(self._folder, PATTERN)[: self._max_prompts]):
            try:
                yield msgspec.msgpack.decode(read_private(file), type=StoredPrompt)
            except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                continue

    def _write(self, prompt: StoredPrompt) -> None:
        if self._folder is None:
            return
        with suppress(OSError):
            write_private(_file_of(self._folder, prompt.request_id), msgspec.msgpack.encode(prompt))
        remove_all_but_newest(self._folder, PATTERN, self._max_prompts)

    def _remove(self, request_id: str) -> None:
        if self._folder is not None:
            with suppress(OSError):  # another gateway was quicker, or the disk fails: the bound holds in any case
                _file_of(self._folder, request_id).unlink()


def _file_of(folder: Path, request_id: str) -> Path:
    return folder / f"{request_id}{SUFFIX}"
