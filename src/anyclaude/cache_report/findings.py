"""What was found out about a prompt and the engine's cache, one line for each exchange, beside the journal."""

import os
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec
from msgspec import Struct

from anyclaude.protocol.prompt import Change, Section
from anyclaude.storage.private_files import open_for_appending

FINDINGS_FILE = "findings.jsonl"

MAX_BYTES = 4 * 1024 * 1024
"""A finding has about 1 kB, most of it excerpts: some thousand exchanges, and twice that before the file is cut."""

Cause: TypeAlias = Literal[
    "nothing_lost",
    "first_request",
    "first_turn",
    "model_changed",
    "system_changed",
    "tools_changed",
    "messages_changed",
    "engine_lost_it",
    "not_reported",
]
"""`nothing_lost`: the engine found what it had read before.  `first_request`: there was nothing to compare with.
`first_turn`: a new conversation, and as far as is known the engine found what it shares with another.
`engine_lost_it`: what the prompts have in common was not all found.  `not_reported`: the prompts agree, and the engine
does not tell what it found."""

Hint: TypeAlias = Literal["date_or_time", "attribution", "git_status", "token_countdown", "compaction"]
"""What the text at the difference looks like."""


class DifferenceLocation(Struct, frozen=True):
    """Where two prompts part; `of_characters` is the length of the later one."""

    section: Section
    number: int
    name: str
    change: Change
    characters: int
    of_characters: int


class Excerpt(Struct, frozen=True):
    """The texts around a difference: the only words of a prompt in here."""

    was: str
    now: str


class Finding(Struct, frozen=True, kw_only=True):
    """
    Why a prompt was, or was not, in the engine's cache.

    `previous_tokens` is how many tokens the engine counted in the prompt it was compared with.  `common_tokens` are
    those both begin with, as the engine's own tokenizer has it; `None` where that was not asked or could not be.
    """

    request_id: str
    message_id: str
    cause: Cause
    compared_with: str | None = None
    is_same_conversation: bool = False
    previous_tokens: int | None = None
    previous_route: str | None = None
    place: DifferenceLocation | None = None
    common_tokens: int | None = None
    answered_since: tuple[str, ...] = ()
    """The requests that the same model was busy with meanwhile."""
    is_from_an_earlier_run: bool = False
    """Whether another run of the gateway has read the prompt that this one was compared with."""
    hints: tuple[Hint, ...] = ()
    excerpt: Excerpt | None = None


class FindingLog:
    """
    Appends findings to one private file, of bounded size; gateways that run side by side share it.

    A finding that cannot be written costs an explanation, nothing else.
    """

    def __init__(self, file: Path, most_bytes: int = MAX_BYTES) -> None:
        self._file = file
        self._most_bytes = most_bytes

    def write(self, finding: Finding) -> None:
        """Append one finding; a file twice as large as it may be loses its older half."""
        try:
            descriptor = open_for_appending(self._file)
            try:
                os.write(descriptor, msgspec.json.encode(finding) + b"\n")
                size = os.fstat(descriptor).st_size
            finally:
                os.close(descriptor)
            if size > 2 * self._most_bytes:
                self._shorten()
        except OSError:
            return

    def read(self) -> dict[str, Finding]:
        """Return all findings by request id, oldest first; what cannot be read is left out."""
        try:
            lines = self._file.read_bytes().splitlines()
        except OSError:
            return {}
        decoder = msgspec.json.Decoder(Finding)
        findings: dict[str, Finding] = {}
        for line in lines:
            try:
                finding = decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue  # half a line of a run that was killed, or another release's
            findings[finding.request_id] = finding
        return findings

    def _shorten(self) -> None:
        kept = self._file.read_bytes()[-self._most_bytes :].partition(b"\n")[2]
        fresh = self._file.with_suffix(f".{os.getpid()}.new")
        descriptor = open_for_appending(fresh)
        try:
            os.write(descriptor, kept)
        finally:
            os.close(descriptor)
        fresh.replace(self._file)
