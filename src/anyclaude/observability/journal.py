"""An append-only file of exchanges, one JSON line each, one file per UTC day."""

from pathlib import Path

from anyclaude.exchange import ExchangeEnded, ExchangeListener, ExchangeRecord
from anyclaude.storage import LineFile


class Journal(ExchangeListener):
    """
    Writes records to `folder/YYYY-MM-DD.jsonl`, readable by their owner alone.

    Several gateways may share the folder.  A record that cannot be written does not affect the client's reply: the
    failure is counted, and its reason kept for `/health`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._day = ""
        self._file: LineFile[ExchangeRecord] | None = None
        self.lost_records = 0
        self.last_failure: str | None = None

    def exchange_ended(self, event: ExchangeEnded) -> None:
        """Append the record of the exchange."""
        self.write(event.record)

    def write(self, record: ExchangeRecord) -> None:
        """Append one record."""
        try:
            self._file_of(record.time[:10]).append(record)
        except OSError as error:
            self.lost_records += 1
            self.last_failure = f"{self._folder}: {error.strerror}"
            self.close()

    def close(self) -> None:
        """Close the file; the next record opens it again."""
        if self._file is not None:
            self._file.close()
        self._file, self._day = None, ""

    def _file_of(self, day: str) -> LineFile[ExchangeRecord]:
        if self._file is None or day != self._day:
            self.close()
            self._file, self._day = LineFile(self._folder / f"{day}.jsonl", ExchangeRecord), day
        return self._file
