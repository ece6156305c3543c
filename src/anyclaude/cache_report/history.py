"""Recorded exchanges with their findings: one of them explained, or the latest as a table."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from anyclaude.exchange.record import ExchangeRecord
from anyclaude.observability.journal_reader import newest_records

from .findings import Finding, FindingLog
from .report import Line, explained, short, when

MESSAGES_PATH = "/v1/messages"

HEADINGS = ("time", "request", "prompt", "cached", "evaluated", "seconds", "cause", "caller")
"""The columns of the table.  The least important come last, because a narrow terminal cuts them off."""
FIGURES = frozenset({"prompt", "cached", "evaluated", "seconds"})
"""The columns that hold numbers."""


class ExchangeHistory:
    """The exchanges in a journal that requested a reply of a model; both files are read again by each call."""

    def __init__(self, journal_folder: Path, findings_file: Path) -> None:
        self._journal_folder = journal_folder
        self._findings = FindingLog(findings_file)

    def newest(self) -> ExchangeRecord | None:
        """Return the newest exchange of the client; the gateway's own warm-ups are not turns."""
        return next((record for record in self._records() if record.request_class != "warm_up"), None)

    def matching(self, request: str) -> list[ExchangeRecord]:
        """
        Return the exchanges whose request or message id begins with `request`, newest first.

        The prefix `req_` or `msg_` may be omitted.  A complete id matches only its own exchange.
        """
        found = [record for record in self._records() if any(_begins(name, request) for name in _ids(record))]
        return [record for record in found if request in _ids(record)] or found

    def explain(self, record: ExchangeRecord) -> list[Line]:
        """Return the explanation of an exchange."""
        finding = self._findings.read().get(record.request_id)
        compared_with = None if finding is None else finding.compared_with
        compared = None
        if compared_with is not None:
            compared = next((other for other in self._records() if other.request_id == compared_with), None)
        return explained(record, finding, compared)

    def latest(self, count: int) -> list[tuple[str, ...]]:
        """Return a table row, with the columns of `HEADINGS`, for each of the last exchanges, oldest first."""
        findings = self._findings.read()
        rows = [_row(record, findings.get(record.request_id)) for record in islice(self._records(), count)]
        return rows[::-1]

    def _records(self) -> Iterator[ExchangeRecord]:
        return (record for record in newest_records(self._journal_folder) if record.path == MESSAGES_PATH)


def _ids(record: ExchangeRecord) -> tuple[str, ...]:
    return (record.request_id,) if record.message_id is None else (record.request_id, record.message_id)


def _begins(identifier: str, prefix: str) -> bool:
    return identifier.startswith(prefix) or identifier.partition("_")[2].startswith(prefix)


def _row(record: ExchangeRecord, finding: Finding | None) -> tuple[str, ...]:
    usage = record.usage
    known = usage.input_tokens is not None and usage.cached_tokens is not None
    evaluated = (usage.input_tokens or 0) - (usage.cached_tokens or 0) if known else None
    return (
        when(record)[5:16],
        short(record.request_id),
        _number(usage.input_tokens),
        _number(usage.cached_tokens),
        _number(evaluated),
        "-" if usage.prefill_seconds is None else f"{usage.prefill_seconds:.2f}",
        "-" if finding is None else finding.cause.removesuffix("_changed").replace("_", " "),
        record.request_class,
    )


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"
