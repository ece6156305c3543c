"""Times commands that start nothing, beside a Python that does nothing."""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from anyclaude.exchange_record import Durations, ExchangeRecord, RecordedUsage
from anyclaude.observability.journal import Journal

NOTHING = "python -c pass"

COMMANDS: tuple[tuple[str, ...], ...] = (
    ("--help",),
    ("--version",),
    ("--mode", "olama"),
    ("explain",),
    ("explain", "--last", "20"),
)
"""`--mode olama` is a flag with a wrong value."""

RECORDS = 1_000
"""A day's journal: what `explain` reads."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of one run: on the clock, and of the processor."""

    wall: float
    cpu: float


def program() -> Path:
    """Return the installed command, which stands beside the interpreter."""
    return Path(sys.executable).with_name("anyclaude")


def measure_commands(home: Path, rounds: int) -> dict[str, Cost]:
    """Return the medians of each command; each round runs all of them, one after the other."""
    _write_journal(home)
    environment = {"HOME": str(home), "PATH": os.environ["PATH"]}
    runs: dict[str, tuple[str, ...]] = {NOTHING: (sys.executable, "-c", "pass")}
    runs |= {f"anyclaude {' '.join(words)}": (str(program()), *words) for words in COMMANDS}
    costs: dict[str, list[Cost]] = {title: [] for title in runs}
    for _ in range(rounds):
        for title, command in runs.items():
            costs[title].append(_cost(command, environment))
    return {title: _median(several) for title, several in costs.items()}


def _cost(command: Sequence[str], environment: Mapping[str, str]) -> Cost:
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0  # it has been waited for
    return Cost(time.perf_counter() - began, usage.ru_utime + usage.ru_stime)


def _median(costs: Sequence[Cost]) -> Cost:
    return Cost(statistics.median(cost.wall for cost in costs), statistics.median(cost.cpu for cost in costs))


def _write_journal(home: Path) -> None:
    journal = Journal(home / ".anyclaude" / "request-logs")
    for number in range(RECORDS):
        journal.write(
            ExchangeRecord(
                time="2026-11-22T10:00:00.000+00:00",
                request_id=f"req_{number:024d}",
                message_id=f"msg_{number:024d}",
                outcome="completed",
                status=200,
                path="/v1/messages",
                route="llamacpp/qwen3",
                durations=Durations(total=1.5, queue=0.0, first_token=0.4),
                usage=RecordedUsage(input_tokens=4_900, output_tokens=80, cached_tokens=4_800, prefill_seconds=0.3),
            )
        )
    journal.close()
