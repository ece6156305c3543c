"""
Measure every contestant and print the tables.

    uv run python -m benchmarks.gateway              everything, about ten minutes
    uv run python -m benchmarks.gateway --rounds 1   a first impression
    uv run python -m benchmarks.gateway --write      everything, and write the tables to docs/benchmarks.md

To see what a change costs, measure it in the same run as an earlier version, checked out and installed elsewhere:

    uv run python -m benchmarks.gateway --only direct anyclaude --beside ../earlier/.venv/bin/python
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

from .bodies import (
    LARGE_BYTES,
    LARGE_TOOLS,
    OFFERED_TOOLS,
    SMALL_BYTES,
    SMALL_TOOLS,
    TOOLS_BYTES,
    request_body,
)
from .contestants import CONTESTANTS, Contestant, other_build
from .load import LoadError
from .measures import Harness, check, first_events, pacing, tagged_bodies, throughput
from .mock_backend import MockBackend, Script
from .processes import NotRunning, PinnedProcess, running
from .report import Results, tables, write_section

GATEWAY_CORE, LOAD_CORE = 0, 1

STREAMS = 16
PACED_STREAMS = 256
LONG_REPLY, SHORT_REPLY, TINY_REPLY = 4096, 256, 1

WHILE_STREAMING = Script(16, 50.0)
"""Each of the other streams is in the middle of a reply at 50 tokens per second when a request arrives."""

PAUSE_SECONDS = 0.02
"""The time between two tokens of one stream: long enough for an idle processor to enter a sleep state."""

PAGE = Path(__file__).parents[2] / "docs/benchmarks.md"


@dataclass(frozen=True, slots=True)
class RunningContestant:
    """A contestant that is up, with a harness for each kind of request."""

    contestant: Contestant
    small: Harness
    large: Harness
    without_tools: Harness
    with_tools: Harness
    process: PinnedProcess | None


async def measure_all(chosen: Sequence[Contestant], rounds: int, seconds: float, console: Console) -> Results:
    """Start all contestants, measure them in turn, and return the results."""
    results = Results()
    if (task := asyncio.current_task()) is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)  # the contestants end too
    backend = MockBackend(time.perf_counter)
    await backend.start()
    async with AsyncExitStack() as stack:
        ready: list[RunningContestant] = []
        for contestant in chosen:
            try:
                ready.append(await stack.enter_async_context(_running(contestant, backend)))
            except (NotRunning, LoadError, TimeoutError) as error:
                results.absent[contestant.title] = str(error) or type(error).__name__
                console.print(f"{contestant.title} did not run: {error}")
        for number in range(rounds):
            for measured in ready if number % 2 == 0 else reversed(ready):
                console.print(f"round {number + 1} of {rounds}: {measured.contestant.title}")
                await _measure(measured, results, seconds)
    await backend.stop()
    return results


@asynccontextmanager
async def _running(contestant: Contestant, backend: MockBackend) -> AsyncGenerator[RunningContestant, None]:
    small = tagged_bodies(lambda tag: request_body(SMALL_BYTES, SMALL_TOOLS, tag), PACED_STREAMS)
    large = tagged_bodies(lambda tag: request_body(LARGE_BYTES, LARGE_TOOLS, tag), STREAMS)
    without_tools = tagged_bodies(lambda tag: request_body(TOOLS_BYTES, 0, tag), STREAMS)
    with_tools = tagged_bodies(lambda tag: request_body(TOOLS_BYTES, OFFERED_TOOLS, tag), STREAMS)
    with tempfile.TemporaryDirectory(prefix="anyclaude-benchmark-") as folder:
        async with AsyncExitStack() as stack:
            port, process = backend.port, None
            if contestant.launch is not None:
                launch = contestant.launch(Path(folder), backend.port)
                process = await stack.enter_async_context(running(launch, GATEWAY_CORE))
                port = launch.port
            endpoint = contestant.endpoint(port)
            sessions = itertools.count()
            small_harness, large_harness, untooled, tooled = (
                Harness(backend, endpoint, time.perf_counter, bodies, sessions)
                for bodies in (small, large, without_tools, with_tools)
            )
            measured = RunningContestant(contestant, small_harness, large_harness, untooled, tooled, process)
            await check(measured.small)
            await check(measured.large)
            yield measured


async def _measure(measured: RunningContestant, results: Results, seconds: float) -> None:
    """Take every measure of one contestant once."""
    name, process = measured.contestant.title, measured.process
    await first_events(measured.small, 1, seconds / 4, Script(TINY_REPLY))  # warms up
    if process is not None:
        results.idle[name].append(process.usage())
    results.short_replies[name].append(await throughput(measured.small, STREAMS, Script(SHORT_REPLY), seconds, process))
    results.long_replies[name].append(await throughput(measured.small, STREAMS, Script(LONG_REPLY), seconds, process))
    for rates, harness in ((results.without_tools, measured.without_tools), (results.with_tools, measured.with_tools)):
        rates[name].append(await throughput(harness, STREAMS, Script(LONG_REPLY), seconds, process))
    for size, harness in (("4 kB", measured.small), ("300 kB", measured.large)):
        results.waits[name, size, "alone"].append(await first_events(harness, 1, seconds, Script(TINY_REPLY)))
        results.waits[name, size, "after a pause"].append(
            await first_events(harness, 1, seconds, Script(TINY_REPLY), PAUSE_SECONDS)
        )
        results.waits[name, size, "while 16 stream"].append(
            await first_events(harness, STREAMS, seconds, WHILE_STREAMING)
        )
        results.waits[name, size, "16 at once"].append(
            await first_events(harness, STREAMS, seconds, Script(TINY_REPLY))
        )
    results.pacings[name].append(await pacing(measured.small, PACED_STREAMS, 2 * seconds, process))


def main() -> None:
    """Read the command line, measure, print the tables, and write the page if requested."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gateway", description="The overhead of the gateway.")
    parser.add_argument("--rounds", type=int, default=5, help="how often each contestant is measured (default 5)")
    parser.add_argument("--seconds", type=float, default=2.0, help="the duration of one measure (default 2)")
    parser.add_argument("--only", nargs="+", choices=[item.name for item in CONTESTANTS], help="only these contestants")
    parser.add_argument("--beside", metavar="PYTHON", help="also measure the anyclaude of this interpreter")
    parser.add_argument("--write", action="store_true", help="write the tables to docs/benchmarks.md")
    options = parser.parse_args()
    console = Console()
    os.sched_setaffinity(0, {LOAD_CORE})
    contestants = [item for item in CONTESTANTS if options.only is None or item.name in options.only]
    if options.beside is not None:
        contestants.append(other_build(options.beside))
    machine = _machine()
    results = uvloop.run(measure_all(contestants, options.rounds, options.seconds, console))
    section = tables(results, f"{options.rounds} rounds of {options.seconds:g} s per measure", machine)
    console.print(section, markup=False, highlight=False, soft_wrap=True)
    if options.write:
        write_section(PAGE, section)


def _machine() -> str:
    """Describe the machine, with its load average before the run."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
    system = f"{platform.system()} {platform.release().partition('-')[0]}"
    python = f"Python {platform.python_version()}"
    return f"{os.cpu_count()} cores of {cpu}, {system}, {python}, load average {os.getloadavg()[2]:.1f}"


if __name__ == "__main__":
    main()
