"""`anyclaude explain`: why a turn took so long.  Only reads files; neither the gateway nor the engine need run."""

import textwrap
from collections.abc import Sequence
from typing import TextIO

from rich.console import Console
from rich.text import Text

from anyclaude.cache_report.findings import FINDINGS_FILE
from anyclaude.cache_report.history import FIGURES, HEADINGS, ExchangeHistory
from anyclaude.cache_report.report import Line
from anyclaude.errors import InvalidSetting
from anyclaude.exchange.record import ExchangeRecord
from anyclaude.settings import Settings

LABEL_WIDTH = 18


def explain(request: str | None, settings: Settings, out: TextIO) -> int:
    """
    Explain one exchange, by default the newest.

    Raises:
        InvalidSetting: when no exchange, or more than one, matches.
    """
    history = _history(settings)
    record = history.newest() if request is None else _the_only(request, history)
    if record is None:
        raise InvalidSetting(f"{settings.log_dir / 'request-logs'} holds no exchange to explain")
    _write(history.explain(record), out)
    return 0


def list_exchanges(count: int, settings: Settings, out: TextIO) -> int:
    """Write one line for each of the last exchanges, the oldest first."""
    _write_table((HEADINGS, *_history(settings).latest(count)), out)
    return 0


def _history(settings: Settings) -> ExchangeHistory:
    return ExchangeHistory(settings.log_dir / "request-logs", settings.log_dir / "prompts" / FINDINGS_FILE)


def _the_only(request: str, history: ExchangeHistory) -> ExchangeRecord:
    """Return the exchange whose request or message id begins so, with or without `req_` and `msg_`."""
    matching = history.matching(request)
    if not matching:
        raise InvalidSetting(
            f"no exchange has an id that begins with {request}; `anyclaude explain --last 20` lists them"
        )
    if len(matching) > 1:
        some = ", ".join(record.request_id for record in matching[:3])
        raise InvalidSetting(f"{len(matching)} exchanges have an id that begins with {request}: {some}")
    return matching[0]


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
    """Write rows in columns, figures to the right; a terminal cuts off what exceeds its width."""
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
