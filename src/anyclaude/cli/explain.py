"""`anyclaude explain`: why a turn took so long.  Reads files alone; neither the gateway nor the engine need run."""

import textwrap
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TextIO

from rich.console import Console
from rich.text import Text

from anyclaude.cache_report.findings import FINDINGS_FILE, Finding, FindingLog
from anyclaude.cache_report.report import Line, explained, short, when
from anyclaude.errors import InvalidSetting
from anyclaude.exchange.record import ExchangeRecord
from anyclaude.observability.journal_reader import newest_records
from anyclaude.settings import Settings

MESSAGES_PATH = "/v1/messages"
LABEL_WIDTH = 18


def explain(request: str | None, settings: Settings, out: TextIO) -> int:
    """Explain one exchange, the newest if none is named; raises `InvalidSetting` where none or several are meant."""
    records = _records(settings)
    record = _newest(records) if request is None else _named(request, records)
    if record is None:
        raise InvalidSetting(f"{settings.log_dir / 'request-logs'} holds no exchange to explain")
    finding = _findings(settings).get(record.request_id)
    wanted = finding.compared_with if finding is not None else None
    compared = next((other for other in _records(settings) if other.request_id == wanted), None) if wanted else None
    _write(explained(record, finding, compared), out)
    return 0


def _newest(records: Iterator[ExchangeRecord]) -> ExchangeRecord | None:
    """Return the newest exchange; a warm-up is nobody's turn."""
    return next((record for record in records if record.request_class != "warm_up"), None)


def list_exchanges(count: int, settings: Settings, out: TextIO) -> int:
    """Write one line for each of the last exchanges, the oldest first."""
    findings = _findings(settings)
    rows = [_row(record, findings.get(record.request_id)) for record in islice(_records(settings), count)]
    _write_table((HEADINGS, *reversed(rows)), out)
    return 0


HEADINGS = ("time", "request", "prompt", "found", "anew", "seconds", "why", "who")
"""What matters least comes last: it is cut where a terminal is narrow."""
FIGURES = frozenset({"prompt", "found", "anew", "seconds"})


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


def _records(settings: Settings) -> Iterator[ExchangeRecord]:
    """Yield the exchanges that asked a model for a reply, newest first."""
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


def _write(lines: Sequence[Line], out: TextIO) -> None:
    """Write lines with their labels in a column; a terminal gets them wrapped and coloured, a pipe as they are."""
    console = Console(file=out, highlight=False, soft_wrap=True)
    for line in lines:
        labels = f"{line.label:<{LABEL_WIDTH}}" if line.label else ""
        room = console.width - len(labels)
        wrapped = textwrap.wrap(line.text, room) if console.is_terminal else [line.text]
        for at, piece in enumerate(wrapped or [""]):
            label = labels if at == 0 else " " * len(labels)
            console.print(Text(label).append(piece, style=line.style))


def _write_table(rows: Sequence[Sequence[str]], out: TextIO) -> None:
    """Write rows in columns, figures to the right; what does not fit the terminal's width is cut at its end."""
    console = Console(file=out, highlight=False, soft_wrap=True)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for at, row in enumerate(rows):
        cells = (
            f"{cell:>{width}}" if heading in FIGURES else f"{cell:<{width}}"
            for heading, cell, width in zip(HEADINGS, row, widths, strict=True)
        )
        text = "  ".join(cells).rstrip()
        shown = text[: console.width] if console.is_terminal else text
        console.print(Text(shown, style="bold" if at == 0 else ""))
