"""
Run the contest and print the table.

    uv run python -m benchmarks.gateway              everything, about ten minutes
    uv run python -m benchmarks.gateway --rounds 1   a first impression
    uv run python -m benchmarks.gateway --write      everything, and the table goes into docs/benchmarks.md
"""

import argparse
import asyncio
import itertools
import os
import platform
import signal
import tempfile
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop
from rich.console import Console

from .bodies import LARGE_BYTES, LARGE_TOOLS, SMALL_BYTES, SMALL_TOOLS, request_body
from .contestants import CONTESTANTS, Contestant
from .load import LoadError
from .measures import Rig, check, first_events, pacing, streams_of, throughput
from .mock_backend import MockBackend, Script
from .processes import NotRunning, PinnedProcess, running
from .report import Results, tables, write_section

GATEWAY_CORE, LOAD_CORE = 0, 1

STREAMS = 16
PACED_STREAMS = 256
LONG_REPLY, SHORT_REPLY, TINY_REPLY = 4096, 256, 1

WHILE_STREAMING = Script(16, 50.0)
"""Each of the other streams is in the middle of a reply at 50 tokens per second when a request comes."""

PAUSE_SECONDS = 0.02
"""What lies between two tokens of one stream: long enough for an idle processor to go to sleep."""

PAGE = Path(__file__).parents[2] / "docs/benchmarks.md"


@dataclass(frozen=True, slots=True)
class Entry:
    """A contestant that is up."""

    contestant: Contestant
    small: Rig
    large: Rig
    process: PinnedProcess | None


async def contest(chosen: Sequence[Contestant], rounds: int, seconds: float, console: Console) -> Results:
    """Start all contestants, let them take turns, and return what was measured."""
    results = Results()
    if (task := asyncio.current_task()) is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)  # so that the contestants end too
    backend = MockBackend(time.perf_counter)
    await backend.start()
    async with AsyncExitStack() as stack:
        entries: list[Entry] = []
        for contestant in chosen:
            try:
                entries.append(await stack.enter_async_context(_entry(contestant, backend)))
            except (NotRunning, LoadError, TimeoutError) as error:
                results.absent[contestant.title] = str(error) or type(error).__name__
                console.print(f"{contestant.title} takes no part: {error}")
        for number in range(rounds):
            for entry in entries:
                console.print(f"round {number + 1} of {rounds}: {entry.contestant.title}")
                await _measure(entry, results, seconds)
    await backend.stop()
    return results


@asynccontextmanager
async def _entry(contestant: Contestant, backend: MockBackend) -> AsyncGenerator[Entry, None]:
    small = streams_of(lambda mark: request_body(SMALL_BYTES, SMALL_TOOLS, mark), PACED_STREAMS)
    large = streams_of(lambda mark: request_body(LARGE_BYTES, LARGE_TOOLS, mark), STREAMS)
    with tempfile.TemporaryDirectory(prefix="anyclaude-benchmark-") as folder:
        async with AsyncExitStack() as stack:
            port, process = backend.port, None
            if contestant.launch is not None:
                launch = contestant.launch(Path(folder), backend.port)
                process = await stack.enter_async_context(running(launch, GATEWAY_CORE))
                port = launch.port
            door = contestant.door(port)
            sessions = itertools.count()
            entry = Entry(
                contestant,
                Rig(backend, door, time.perf_counter, small, sessions),
                Rig(backend, door, time.perf_counter, large, sessions),
                process,
            )
            await check(entry.small)
            await check(entry.large)
            yield entry


async def _measure(entry: Entry, results: Results, seconds: float) -> None:
    """Let one contestant have its turn."""
    name, process = entry.contestant.title, entry.process
    await first_events(entry.small, 1, seconds / 4, Script(TINY_REPLY))  # warms up
    if process is not None:
        results.idle[name].append(process.usage())
    results.short_replies[name].append(await throughput(entry.small, STREAMS, Script(SHORT_REPLY), seconds, process))
    results.long_replies[name].append(await throughput(entry.small, STREAMS, Script(LONG_REPLY), seconds, process))
    for size, rig in (("4 kB", entry.small), ("300 kB", entry.large)):
        results.waits[name, size, "alone"].append(await first_events(rig, 1, seconds, Script(TINY_REPLY)))
        results.waits[name, size, "after a pause"].append(
            await first_events(rig, 1, seconds, Script(TINY_REPLY), PAUSE_SECONDS)
        )
        results.waits[name, size, "while 16 stream"].append(await first_events(rig, STREAMS, seconds, WHILE_STREAMING))
        results.waits[name, size, "16 at once"].append(await first_events(rig, STREAMS, seconds, Script(TINY_REPLY)))
    results.pacings[name].append(await pacing(entry.small, PACED_STREAMS, 2 * seconds, process))


def main() -> None:
    """Read the command line, run, print, and write the page if told to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gateway", description="What the gateway costs.")
    parser.add_argument("--rounds", type=int, default=5, help="how often everybody gets a turn (default 5)")
    parser.add_argument("--seconds", type=float, default=2.0, help="the time for one measure (default 2)")
    parser.add_argument("--only", nargs="+", choices=[item.name for item in CONTESTANTS], help="leave the others out")
    parser.add_argument("--write", action="store_true", help="write the table into docs/benchmarks.md")
    chosen = parser.parse_args()
    console = Console()
    os.sched_setaffinity(0, {LOAD_CORE})
    contestants = [item for item in CONTESTANTS if chosen.only is None or item.name in chosen.only]
    machine = _machine()
    results = uvloop.run(contest(contestants, chosen.rounds, chosen.seconds, console))
    section = tables(results, f"{chosen.rounds} rounds of {chosen.seconds:g} s per measure", machine)
    console.print(section, markup=False, highlight=False, soft_wrap=True)
    if chosen.write:
        write_section(PAGE, section)


def _machine() -> str:
    """Return what the figures were made on, and how busy it was with other things before."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
    system = f"{platform.system()} {platform.release().partition('-')[0]}"
    python = f"Python {platform.python_version()}"
    return f"{os.cpu_count()} cores of {cpu}, {system}, {python}, load average {os.getloadavg()[2]:.1f}"


if __name__ == "__main__":
    main()
