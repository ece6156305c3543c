"""`anyclaude explain`: finds what was recorded about an exchange, and writes why it took so long.

It reads files only; neither the gateway nor the engine needs to run.
"""

import sys
from collections.abc import Iterator
from itertools import islice
from typing import TextIO

from anyclaude.cache_report.findings import FINDINGS_FILE, Finding, FindingLog
from anyclaude.cache_report.listing import listed
from anyclaude.cache_report.report import explained
from anyclaude.errors import InvalidSetting
from anyclaude.exchange.record import ExchangeRecord
from anyclaude.observability.journal_reader import newest_records
from anyclaude.settings import Settings

from .commands import Call
from .screen import Screen

MESSAGES_PATH = "/v1/messages"


def run(call: Call) -> int:
    """Explain the exchange that was named, or the newest; with `--last`, list several."""
    last = call.options.get("last")
    if last is None:
        explain(call.options.get("request"), call.settings, sys.stdout)
    else:
        list_exchanges(_count(last), call.settings, sys.stdout)
    return 0


def explain(request: str | None, settings: Settings, out: TextIO) -> None:
    """
    Write the explanation of one exchange, the newest if none is named.

    Raises:
        InvalidSetting: when no exchange or several exchanges have such an id.
    """
    records = _records(settings)
    record = _newest(records) if request is None else _named(request, records)
    if record is None:
        raise InvalidSetting(f"{settings.log_dir / 'request-logs'} contains no exchange to explain")
    finding = _findings(settings).get(record.request_id)
    wanted = finding.compared_with if finding is not None else None
    compared = next((other for other in _records(settings) if other.request_id == wanted), None) if wanted else None
    screen = Screen(out)
    for line in explained(record, finding, compared):
        screen.paragraph(line.label, line.text, line.style)


def list_exchanges(count: int, settings: Settings, out: TextIO) -> None:
    """Write one line for each of the last exchanges, the oldest first."""
    findings = _findings(settings)
    records = reversed(list(islice(_records(settings), count)))
    screen = Screen(out)
    for number, line in enumerate(listed([(record, findings.get(record.request_id)) for record in records])):
        screen.line(line, "bold" if number == 0 else "")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise InvalidSetting(f"--last: {text!r} is not a whole number of at least 1")
    return int(text)


def _newest(records: Iterator[ExchangeRecord]) -> ExchangeRecord | None:
    """Return the newest exchange with a client; the gateway itself prewarms."""
    return next((record for record in records if record.request_class != "warm_up"), None)


def _records(settings: Settings) -> Iterator[ExchangeRecord]:
    """Yield the exchanges that requested a reply of a model, newest first."""
    found = newest_records(settings.log_dir / "request-logs")
    return (record for record in found if record.path == MESSAGES_PATH)


def _findings(settings: Settings) -> dict[str, Finding]:
    return FindingLog(settings.log_dir / "prompts" / FINDINGS_FILE).read()


def _named(request: str, records: Iterator[ExchangeRecord]) -> ExchangeRecord:
    """Return the exchange whose request or message id begins so, with or without `req_` and `msg_`."""
    matching = [record for record in records if any(_begins(identifier, request) for identifier in _ids(record))]
    if not matching:
        raise InvalidSetting(
            f"no exchange has an id that begins with {request}; `anyclaude explain --last 20` lists them"
        )
    exact = [record for record in matching if request in _ids(record)]
    if len(exact or matching) > 1:
        some = ", ".join(record.request_id for record in matching[:3])
        raise InvalidSetting(f"{len(matching)} exchanges have an id that begins with {request}: {some}")
    return (exact or matching)[0]


def _ids(record: ExchangeRecord) -> tuple[str, ...]:
    return (record.request_id,) if record.message_id is None else (record.request_id, record.message_id)


def _begins(identifier: str, asked: str) -> bool:
    return identifier.startswith(asked) or identifier.partition("_")[2].startswith(asked)
