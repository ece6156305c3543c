"""Locks between processes."""

import asyncio
import stat
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import pytest

from anyclaude.storage.process_lock import exclusive_lock

HOLDER = """\
import asyncio, pathlib, sys
from anyclaude.storage.process_lock import exclusive_lock

async def hold():
    async with exclusive_lock(pathlib.Path(sys.argv[1])):
        print("held", flush=True)
        sys.stdin.read()

asyncio.run(hold())
"""


async def process_that_holds(path: Path) -> Process:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", HOLDER, str(path), stdin=PIPE, stdout=PIPE)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"held\n"
    return process


async def test_one_task_at_a_time_holds_the_lock(tmp_path: Path) -> None:
    inside: list[int] = []
    most: list[int] = []

    async def enter(number: int) -> None:
        async with exclusive_lock(tmp_path / "lock"):
            inside.append(number)
            await asyncio.sleep(0)
            most.append(len(inside))
            inside.remove(number)

    await asyncio.gather(*(enter(number) for number in range(3)))

    assert most == [1, 1, 1]


async def test_a_lock_is_released_when_its_process_is_killed(tmp_path: Path) -> None:
    process = await process_that_holds(tmp_path / "lock")
    waiting = asyncio.ensure_future(exclusive_lock(tmp_path / "lock").__aenter__())
    await asyncio.wait((waiting,), timeout=0)
    assert not waiting.done()

    process.kill()
    await process.wait()
    await waiting


async def test_waiting_for_a_lock_can_be_cancelled(tmp_path: Path) -> None:
    process = await process_that_holds(tmp_path / "lock")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0), exclusive_lock(tmp_path / "lock"):
            raise AssertionError("two hold the lock")

    process.kill()
    await process.wait()


async def test_a_lock_is_released_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="inside"):
        async with exclusive_lock(tmp_path / "lock"):
            raise ValueError("inside")

    async with exclusive_lock(tmp_path / "lock"):
        pass


async def test_the_file_of_a_lock_is_private_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "lock"
    async with exclusive_lock(path):
        pass

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_a_lock_that_cannot_be_created_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        async with exclusive_lock(tmp_path / "file" / "lock"):
            pass
