"""Findings about prompts and the engine's cache: one line for each exchange, beside the journal."""

from contextlib import suppress
from pathlib import Path
from typing import Literal, TypeAlias

from msgspec import Struct, field

from anyclaude.protocol.prompt import Change, Section
from anyclaude.storage import LineFile

FINDINGS_FILE = "findings.jsonl"

MAX_BYTES = 8 * 1024 * 1024
"""A finding has about 1 kB, most of it excerpts: some thousand exchanges remain when the file is cut to its half."""

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
"""`nothing_lost`: the engine found what it had evaluated before.  `first_request`: there was nothing to compare with.
`first_turn`: a new conversation; as far as is known, the engine found what it has in common with another.
`engine_lost_it`: the engine did not find all that the prompts have in common.  `not_reported`: the prompts agree, and
the engine does not report what it found."""

Hint: TypeAlias = Literal["date_or_time", "attribution", "git_status", "token_countdown", "compaction"]
"""What the text at the difference resembles."""


class DifferenceLocation(Struct, frozen=True):
    """Where two prompts differ first; `of_characters` is the length of the later one."""

    section: Section
    number: int
    name: str
    change: Change
    characters: int
    of_characters: int


class Excerpt(Struct, frozen=True):
    """The texts around a difference: the only text of a prompt in a finding."""

    was: str
    now: str


class Finding(Struct, frozen=True, kw_only=True):
    """
    Why a prompt was, or was not, in the engine's cache.

    `previous_tokens` is the engine's count of the prompt it was compared with.  `common_tokens` is the length of the
    common prefix by the engine's own tokenizer, `None` where it was not or could not be requested.
    """

    request_id: str
    message_id: str
    cause: Cause
    compared_with: str | None = None
    is_same_conversation: bool = False
    previous_tokens: int | None = None
    previous_route: str | None = None
    location: DifferenceLocation | None = field(default=None, name="place")
    common_tokens: int | None = None
    answered_since: tuple[str, ...] = ()
    """The requests that the same model answered in between."""
    is_from_an_earlier_run: bool = False
    """Whether the compared prompt is from another run of the gateway."""
    hints: tuple[Hint, ...] = ()
    excerpt: Excerpt | None = None


class FindingLog:
    """
    Appends findings to one private file of bounded size, which gateways that run side by side share.

    A finding that cannot be written costs an explanation, nothing else.
    """

    def __init__(self, file: Path, max_bytes: int = MAX_BYTES) -> None:
        self._file = LineFile(file, Finding, max_bytes)

    def write(self, finding: Finding) -> None:
        """Append one finding; beyond the bound the older half is removed."""
        with suppress(OSError):
            self._file.append(finding)

    def read(self) -> dict[str, Finding]:
        """Return all readable findings by request id, oldest first."""
        return {finding.request_id: finding for finding in self._file.read()}
