"""Read the recorded exchanges, newest first."""

from collections.abc import Iterator
from pathlib import Path

from anyclaude.exchange_record import ExchangeRecord
from anyclaude.storage import LineFile


def newest_records(folder: Path) -> Iterator[ExchangeRecord]:
    """Yield the exchanges in the folder of a journal, newest first; unreadable lines and files are skipped."""
    for file in sorted(folder.glob("*.jsonl"), reverse=True):
        yield from LineFile(file, ExchangeRecord).read_newest_first()
