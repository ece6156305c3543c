"""Recorded exchanges with their findings: one of them explained, or the latest."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from anyclaude.exchange_record import ExchangeRecord
from anyclaude.observability import newest_records

from .findings import FINDINGS_FILE, Finding, FindingLog
from .report import Line, explained

MESSAGES_PATH = "/v1/messages"


class ExchangeHistory:
    """The exchanges in a journal that requested a reply of a model; both files are read again by each call."""

    def __init__(self, journal_folder: Path, prompts_folder: Path) -> None:
        self._journal_folder = journal_folder
        self._findings = FindingLog(prompts_folder / FINDINGS_FILE)

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
        return explained(record, finding, compared, self._interrupted_by(record))

    def latest(self, count: int) -> list[tuple[ExchangeRecord, Finding | None]]:
        """Return the last exchanges with their findings, oldest first."""
        findings = self._findings.read()
        return [(record, findings.get(record.request_id)) for record in islice(self._records(), count)][::-1]

    def _interrupted_by(self, record: ExchangeRecord) -> ExchangeRecord | None:
        """Return the evaluation in advance that the server went on with when the request arrived."""
        if record.durations.abandoned_work is None:
            return None
        earlier = (other for other in self._records() if other.time < record.time and other.route == record.route)
        last = next(earlier, None)
        return last if last is not None and last.outcome == "pre_empted" else None

    def _records(self) -> Iterator[ExchangeRecord]:
        return (record for record in newest_records(self._journal_folder) if record.path == MESSAGES_PATH)


def _ids(record: ExchangeRecord) -> tuple[str, ...]:
    return (record.request_id,) if record.message_id is None else (record.request_id, record.message_id)


def _begins(identifier: str, prefix: str) -> bool:
    return identifier.startswith(prefix) or identifier.partition("_")[2].startswith(prefix)
