"""The reading process, started when it is needed, and ended with what it reads, with the reader and with its parent."""

import asyncio
import os
import signal
import subprocess
import sys
from base64 import b64encode
from collections.abc import AsyncIterator

import pytest
from tests.parts.pdf_files import pdf_of, text_of
from tests.parts.processes import is_running, wait_for_end

from anyclaude.errors import Unreadable
from anyclaude.reading.reader import Reader, ReadingLimits

ALL = {"max_pages": 10, "max_characters": 1_000}

SILENT = (sys.executable, "-c", "import sys; sys.stdin.buffer.read()")
"""Takes files, and answers none."""

SHOWS_ENVIRONMENT = """
import os, sys
from anyclaude.reading.frames import *
read_message(sys.stdin.buffer.read1)
sys.stdout.buffer.writelines(message(Read(sorted(os.environ)), []))
sys.stdout.flush()
sys.stdin.buffer.read()
"""


@pytest.fixture
async def reader() -> AsyncIterator[Reader]:
    reader = Reader()
    yield reader
    await reader.aclose()


async def test_one_process_reads_one_file_after_the_other(reader: Reader) -> None:
    at_first = reader.process_id

    results = await asyncio.gather(*(reader.read("pdf", pdf_of(count), ALL) for count in (1, 2)))
    pid = reader.process_id
    again = await reader.read("pdf", [b64encode(pdf_of(3))], ALL, is_base64=True)

    values = [result.value for result in (*results, again)]
    assert at_first is None
    assert [value["pages"] for value in values if isinstance(value, dict)] == [
        [text_of(page) for page in range(1, count + 1)] for count in (1, 2, 3)
    ]
    assert reader.process_id == pid


async def test_it_ends_with_the_reader() -> None:
    reader = Reader()
    await reader.read("pdf", pdf_of(1), ALL)
    pid = reader.process_id
    assert pid is not None

    await reader.aclose()

    assert not is_running(pid)
    assert reader.process_id is None


async def test_it_ends_when_it_has_had_nothing_to_do() -> None:
    reader = Reader(ReadingLimits(idle_seconds=0.0))
    await reader.read("pdf", pdf_of(1), ALL)
    pid = reader.process_id
    assert pid is not None

    assert await asyncio.to_thread(wait_for_end, pid)
    assert (await reader.read("pdf", pdf_of(1), ALL)).value
    await reader.aclose()


async def test_a_file_that_takes_too_long_ends_the_process() -> None:
    reader = Reader(ReadingLimits(seconds=0.01), SILENT)

    with pytest.raises(Unreadable, match="longer than") as refused:
        await reader.read("pdf", pdf_of(1), ALL)

    assert refused.value.code == "timed_out"
    assert reader.process_id is None


async def test_the_next_file_is_read_if_the_process_dies_of_one(reader: Reader) -> None:
    await reader.read("pdf", pdf_of(1), ALL)
    assert reader.process_id is not None
    os.kill(reader.process_id, signal.SIGKILL)

    with pytest.raises(Unreadable, match="died") as refused:
        await reader.read("pdf", pdf_of(1), ALL)

    assert refused.value.code == "broken"
    assert (await reader.read("pdf", pdf_of(1), ALL)).value


async def test_a_reading_that_is_cancelled_ends_and_the_next_begins() -> None:
    reader = Reader(command=SILENT)
    reading = asyncio.create_task(reader.read("pdf", pdf_of(1), ALL))
    while (pid := reader.process_id) is None:  # noqa: ASYNC110  # it is started in steps of the loop
        await asyncio.sleep(0)

    reading.cancel()
    await asyncio.wait({reading})

    assert not is_running(pid)
    assert reader.process_id is None


async def test_a_program_that_cannot_be_started_is_no_fault_of_the_file() -> None:
    with pytest.raises(Unreadable) as refused:
        await Reader(command=("/no/such/program",)).read("pdf", b"", ALL)

    assert refused.value.code == "unavailable"


async def test_an_answer_that_is_too_long_is_not_taken() -> None:
    reader = Reader(ReadingLimits(answer_bytes=10))

    with pytest.raises(Unreadable):
        await reader.read("pdf", pdf_of(1), ALL)

    assert reader.process_id is None


async def test_it_gets_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "x")
    monkeypatch.setenv("DATABASE_URL", "postgres://user:secret@host/")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    reader = Reader(command=(sys.executable, "-c", SHOWS_ENVIRONMENT))

    names = (await reader.read("pdf", b"", ALL)).value
    await reader.aclose()

    assert isinstance(names, list)
    assert "LC_ALL" in names
    assert not {"SOME_API_KEY", "DATABASE_URL"} & {*names}


PARENT = """
import asyncio, sys
from anyclaude.reading.reader import Reader
from tests.parts.pdf_files import pdf_of

async def main():
    reader = Reader()
    await reader.read("pdf", pdf_of(1), {"max_pages": 1, "max_characters": 9})
    print(reader.process_id, flush=True)
    await asyncio.sleep(3600)

asyncio.run(main())
"""


@pytest.mark.slow
async def test_it_ends_with_its_parent_even_if_that_is_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE)  # noqa: ASYNC220
    assert parent.stdout is not None
    with parent, parent.stdout:
        pid = int(parent.stdout.readline())
        was_running = is_running(pid)
        parent.kill()

    assert was_running
    assert await asyncio.to_thread(wait_for_end, pid)
