"""The engine's own process: what it is told, what it says, and when it ends."""

import asyncio
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path

import msgspec

from anyclaude.engine.handshake import Failed, Loading, Report, Start
from anyclaude.engine.options import EngineOptions


async def test_it_ends_with_its_starter_even_while_it_loads(qwen_model: Path) -> None:
    process = await engine_process()
    assert process.stdin is not None
    process.stdin.write(start_line(qwen_model))
    first = await report(process)

    process.stdin.close()
    status = await process.wait()

    assert first == Loading()
    assert status == -signal.SIGIO
    assert await remaining(process) == b""


async def test_a_starter_that_says_nothing_gets_a_failure(tmp_path: Path) -> None:
    process = await engine_process()
    assert process.stdin is not None
    process.stdin.close()

    told = await report(process)
    status = await process.wait()

    assert isinstance(told, Failed)
    assert status == 2


async def test_a_missing_model_is_a_failure(tmp_path: Path) -> None:
    process = await engine_process()
    assert process.stdin is not None
    process.stdin.write(start_line(tmp_path / "nothing.gguf"))

    told = [await report(process), await report(process)]
    status = await process.wait()
    process.stdin.close()

    assert told[0] == Loading()
    assert isinstance(told[1], Failed)
    assert status == 1


async def engine_process() -> Process:
    """The engine, waiting to be told what to run."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "anyclaude.engine", stdin=PIPE, stdout=PIPE, stderr=DEVNULL
    )


def start_line(model: Path) -> bytes:
    """What the engine is told."""
    start = Start(str(model), "model", 1024, "a-key", EngineOptions())
    return msgspec.json.encode(start) + b"\n"


async def report(process: Process) -> Report:
    """The next thing that the engine says."""
    assert process.stdout is not None
    told: Report = msgspec.json.decode(await process.stdout.readline(), type=Report)
    return told


async def remaining(process: Process) -> bytes:
    """All that the engine says before it ends."""
    assert process.stdout is not None
    return await process.stdout.read()
