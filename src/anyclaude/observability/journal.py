"""An append-only file of exchanges, one JSON line each, one file per UTC day."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from anyclaude.exchange import ExchangeEnded, ExchangeListener, ExchangeRecord
from anyclaude.protocol.json_values import masked_json
from anyclaude.storage import LineFile


def _ignore(text: str) -> None:
    """Say nothing."""


class Journal(ExchangeListener):
    """
    Writes records to `folder/YYYY-MM-DD.jsonl`, readable by their owner alone.

    Several gateways may share the folder.  A record that cannot be written does not affect the client's reply: the
    failure is counted, its reason kept for `/health`, and the first one is said.
    """

    def __init__(self, folder: Path | None, say: Callable[[str], None] = _ignore) -> None:
        """Describe the files; without a folder, nothing is written."""
        self._folder = folder
        self._say = say
        self._day = ""
        self._file: LineFile[ExchangeRecord] | None = None
        self.lost_records = 0
        self.last_failure: str | None = None

    def exchange_ended(self, event: ExchangeEnded) -> None:
        """Append the record of the exchange."""
        self.write(event.record)

    def write(self, record: ExchangeRecord) -> None:
        """Append one record."""
        if self._folder is None:
            return
        try:
            self._file_of(self._folder, record.time[:10]).append(_without_secrets(record))
        except OSError as error:
            self._count_lost(f"{self._folder}: {error.strerror}")
            self.close()

    def close(self) -> None:
        """Close the file; the next record opens it again."""
        if self._file is not None:
            self._file.close()
        self._file, self._day = None, ""

    def _count_lost(self, why: str) -> None:
        self.lost_records += 1
        if self.last_failure is None:
            self._say(
                f"anyclaude: exchanges are missing in the log from now on ({why}); requests are answered as before."
            )
        self.last_failure = why

    def _file_of(self, folder: Path, day: str) -> LineFile[ExchangeRecord]:
        if self._file is None or day != self._day:
            self.close()
            self._file, self._day = LineFile(folder / f"{day}.jsonl", ExchangeRecord), day
        return self._file


def _without_secrets(record: ExchangeRecord) -> ExchangeRecord:
    """Return a record in which no text of a server repeats a secret: names of models, calls, what it refused."""
    return msgspec.convert(masked_json(msgspec.to_builtins(record)), ExchangeRecord)
