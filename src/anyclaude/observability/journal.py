"""An append-only file of exchanges, one JSON line each, one file per UTC day."""

from pathlib import Path

from anyclaude.exchange.record import ExchangeRecord
from anyclaude.storage import LineFile


class Journal:
    """
    Writes records to `folder/YYYY-MM-DD.jsonl`, readable by their owner alone.

    Gateways that run side by side may share the folder.  A record that cannot be written must not
    cost the client its reply: the failure is counted and its reason kept for `/health`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.lost_records = 0
        self.last_failure: str | None = None

    def write(self, record: ExchangeRecord) -> None:
        """Append one record."""
        try:
            LineFile(self._folder / f"{record.time[:10]}.jsonl", ExchangeRecord).append(record)
        except OSError as error:
            self.lost_records += 1
            self.last_failure = f"{self._folder}: {error.strerror}"
