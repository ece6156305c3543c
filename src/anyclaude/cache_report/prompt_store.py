"""
The last prompts, whole: what a later one is compared with, in memory and in private files.

They are kept as they were sent, packed to less than half, each in a file of its own, so that gateways side by
side do not disturb each other and a conversation that is resumed tomorrow is still compared with its last turn.
"""

import zlib
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from anyclaude.profiles import DialectName
from anyclaude.storage import files_newest_first, remove_all_but_newest, write_private

MAX_PROMPTS = 24
"""The main conversations and sub-agents of a few sessions: some 4 MB where each has 360 kB, packed to 180."""

SUFFIX = ".prompt"
PATTERN = f"*{SUFFIX}"
FASTEST = 1
"""The level of packing: 4 ms for 360 kB of a prompt, and the better levels save little of it."""


class StoredPrompt(Struct, frozen=True, kw_only=True):
    """
    A prompt that a model has read.

    `order` counts the exchanges of a run of the gateway, which `run` names; `packed` is the body that was sent.
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
        """The request as it was sent; raises `ValueError` if the file was damaged."""
        try:
            return zlib.decompress(self.packed)
        except zlib.error as error:
            raise ValueError(f"the prompt of {self.request_id} is damaged") from error


def packed(body: bytes) -> bytes:
    """Return the body of a request as it is kept."""
    return zlib.compress(body, FASTEST)


class PromptStore:
    """Keeps the newest prompts; without a folder, in memory alone.  A file that fails costs a comparison, no more."""

    def __init__(self, folder: Path | None, most: int = MAX_PROMPTS) -> None:
        self._folder = folder
        self._most = most
        self._prompts: OrderedDict[str, StoredPrompt] | None = None

    def prompts(self) -> tuple[StoredPrompt, ...]:
        """Return what is kept, oldest first; the files of earlier runs are read at the first time."""
        return tuple(self._kept().values())

    def keep(self, prompt: StoredPrompt, instead_of: str | None = None) -> None:
        """Keep one more, instead of the one it goes on from."""
        kept = self._kept()
        if instead_of is not None:
            kept.pop(instead_of, None)
            self._remove(instead_of)
        kept[prompt.request_id] = prompt
        while len(kept) > self._most:
            kept.popitem(last=False)
        self._write(prompt)

    def _kept(self) -> OrderedDict[str, StoredPrompt]:
        if self._prompts is None:
            self._prompts = OrderedDict((prompt.request_id, prompt) for prompt in self._read())
        return self._prompts

    def _read(self) -> list[StoredPrompt]:
        if self._folder is None:
            return []
        found: list[StoredPrompt] = []
        for file in reversed(files_newest_first(self._folder, PATTERN)[: self._most]):
            try:
                found.append(msgspec.msgpack.decode(file.read_bytes(), type=StoredPrompt))
            except (OSError, msgspec.DecodeError, UnicodeDecodeError):
                continue
        return found

    def _write(self, prompt: StoredPrompt) -> None:
        if self._folder is None:
            return
        with suppress(OSError):
            write_private(_file_of(self._folder, prompt.request_id), msgspec.msgpack.encode(prompt))
        remove_all_but_newest(self._folder, PATTERN, self._most)

    def _remove(self, request_id: str) -> None:
        if self._folder is not None:
            with suppress(OSError):  # another gateway was quicker, or the disk fails: the bound holds in any case
                _file_of(self._folder, request_id).unlink()


def _file_of(folder: Path, request_id: str) -> Path:
    return folder / f"{request_id}{SUFFIX}"
