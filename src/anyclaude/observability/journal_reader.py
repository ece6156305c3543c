"""Read the recorded exchanges, newest first."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from anyclaude.exchange_record import ExchangeRecord
from anyclaude.protocol.deltas import MAX_COUNT, MAX_SECONDS
from anyclaude.storage import LineFile


def newest_records(folder: Path) -> Iterator[ExchangeRecord]:
    """Yield the exchanges in the folder of a journal, newest first; unreadable lines and files are skipped."""
    for file in sorted(folder.glob("*.jsonl"), reverse=True):
        yield from filter(_is_possible, LineFile(file, ExchangeRecord).read_newest_first())


def _is_possible(record: ExchangeRecord) -> bool:
    """Return whether a record has a time, and no figures that only damage can have written."""
    durations, usage = record.durations, record.usage
    counts = (
        *(usage.input_tokens, usage.output_tokens, usage.cached_tokens),
        *(usage.drafted_tokens, usage.accepted_tokens),
    )
    seconds = (
        *(durations.total, durations.queue, durations.first_token, durations.abandoned_work),
        *(usage.prefill_seconds, usage.generation_seconds),
    )
    return (
        _is_time(record.time)
        and all(count is None or 0 <= count < MAX_COUNT for count in counts)
        and all(time is None or abs(time) < MAX_SECONDS for time in seconds)
    )


def _is_time(text: str) -> bool:
    """Return whether a text is a time that has a local time too, which the first and the last days may not have."""
    try:
        datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError, OSError):
        return False
    return True
