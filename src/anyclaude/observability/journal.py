"""An append-only file of exchanges, one JSON line each, one file per UTC day."""

import os
from pathlib import Path

import msgspec

from anyclaude.exchange.record import ExchangeRecord
from anyclaude.storage.private_files import open_for_appending


class Journal:
    """
    Writes records to `folder/YYYY-MM-DD.jsonl`, readable by their owner alone.

    Gateways that run side by side may share the folder.  A record that cannot be written must not
    cost the client its reply: the failure is counted and its reason kept for `/health`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._day = ""
        self._file: int | None = None
        self._encode = msgspec.json.Encoder().encode
        self.lost_records = 0
        self.last_failure: str | None = None

    def write(self, record: ExchangeRecord) -> None:
        """Append one record."""
        line = self._encode(record) + b"\n"
        try:
            os.write(self._file_for(record.time[:10]), line)
        except OSError as error:
            self.lost_records += 1
            self.last_failure = f"{self._folder}: {error.strerror}"
            self.close()

    def close(self) -> None:
        """Let go of the file; the next record opens one again."""
        if self._file is not None:
            os.close(self._file)
        self._file, self._day = None, ""

    def _file_for(self, day: str) -> int:
        if self._file is None or day != self._day:
            self.close()
            self._file = open_for_appending(self._folder / f"{day}.jsonl")
            self._day = day
        return self._file
