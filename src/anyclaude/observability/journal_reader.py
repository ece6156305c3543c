"""Read the journal again: the newest exchanges, or one by its id."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from anyclaude.exchange.record import ExchangeRecord


def newest_records(folder: Path) -> Iterator[ExchangeRecord]:
    """Yield the exchanges in the folder of a journal, the newest first; lines that cannot be read are left out."""
    decoder = msgspec.json.Decoder(ExchangeRecord)
    for file in sorted(folder.glob("*.jsonl"), reverse=True):
        try:
            lines = file.read_bytes().splitlines()
        except OSError:
            continue
        for line in reversed(lines):
            try:
                yield decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue  # half a line of a run that was killed, or another release's
