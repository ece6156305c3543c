"""Lists exchanges in a table, to find the slow one: one row for each, with the engine's own counts."""

from collections.abc import Sequence

from anyclaude.exchange_record import ExchangeRecord

from .findings import Finding
from .report import short, when

HEADINGS = ("time", "request", "prompt", "cached", "evaluated", "seconds", "cause", "class")
"""The least important column is the last, because a narrow terminal cuts it."""

NUMBERS = frozenset({"prompt", "cached", "evaluated", "seconds"})


def listed(exchanges: Sequence[tuple[ExchangeRecord, Finding | None]]) -> list[str]:
    """Return the headings and a line for each exchange, in columns, numbers to the right."""
    rows = [HEADINGS, *(_row(record, finding) for record, finding in exchanges)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(_cells(row, widths)).rstrip() for row in rows]


def _cells(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [
        f"{cell:>{width}}" if heading in NUMBERS else f"{cell:<{width}}"
        for heading, cell, width in zip(HEADINGS, row, widths, strict=True)
    ]


def _row(record: ExchangeRecord, finding: Finding | None) -> tuple[str, ...]:
    usage = record.usage
    is_known = usage.input_tokens is not None and usage.cached_tokens is not None
    evaluated = (usage.input_tokens or 0) - (usage.cached_tokens or 0) if is_known else None
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
