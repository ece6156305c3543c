"""The engine's own process: its start message, its reports, and its end."""

import asyncio
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path

import msgspec

from anyclaude.engine import EngineOptions
from anyclaude.engine.handshake import Devices, Failed, Loading, Report, Start


async def test_it_reports_the_devices_before_it_knows_its_model() -> None:
    process = await engine_process()
    first = await report(process)
    assert process.stdin is not None
    process.stdin.close()
    await process.wait()

    assert isinstance(first, Devices)
    assert "processor" in {device.kind for device in first.devices}


async def test_it_ends_with_its_parent_even_while_loading(qwen_model: Path) -> None:
    process = await engine_process()
    assert process.stdin is not None
    process.stdin.write(start_line(qwen_model))
    devices, first = await report(process), await report(process)

    process.stdin.close()
    status = await process.wait()

    assert isinstance(devices, Devices)
    assert first == Loading()
    assert status == -signal.SIGIO
    assert await remaining(process) == b""


async def test_a_missing_start_message_is_reported_as_a_failure(tmp_path: Path) -> None:
    process = await engine_process()
    assert process.stdin is not None
    process.stdin.close()

    _, failed = await report(process), await report(process)
    status = await process.wait()

    assert isinstance(failed, Failed)
    assert status == 2


async def test_a_missing_model_is_reported_as_a_failure(tmp_path: Path) -> None:
    process = await engine_process()
    assert process.stdin is not None
    process.stdin.write(start_line(tmp_path / "nothing.gguf"))

    _, *reports = [await report(process), await report(process), await report(process)]
    status = await process.wait()
    process.stdin.close()

    assert reports[0] == Loading()
    assert isinstance(reports[1], Failed)
    assert status == 1


async def engine_process() -> Process:
    """Start the engine's process; it waits for its start message."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "anyclaude.engine", stdin=PIPE, stdout=PIPE, stderr=DEVNULL
    )


def start_line(model: Path) -> bytes:
    """Return the start message for a model."""
    start = Start(str(model), "model", 1024, "a-key", EngineOptions())
    return msgspec.json.encode(start) + b"\n"


async def report(process: Process) -> Report:
    """Read the engine's next report."""
    assert process.stdout is not None
    decoded: Report = msgspec.json.decode(await process.stdout.readline(), type=Report)
    return decoded


async def remaining(process: Process) -> bytes:
    """Read the rest of the engine's output."""
    assert process.stdout is not None
    return await process.stdout.read()
