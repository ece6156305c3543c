"""
The command without the modules, functions and signals that only POSIX systems have.

It shows that nothing of ours depends on them.  It is no test on Windows, which has not been run yet.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.parts import without_posix
from tests.parts.command import Command
from tests.parts.fake_client import client_report, write_fake_client
from tests.parts.odd_places import REPLY, Start, address_of, outcome, posted, started
from tests.parts.processes import LONG_SECONDS, wait_for_end
from tests.parts.server_documents import VLLM
from tests.parts.stub_server import Answer, stub_server

ELSEWHERE = (sys.executable, str(Path(without_posix.__file__)))


@pytest.fixture
async def command(tmp_path: Path) -> AsyncIterator[Command]:
    """The command, with a server that answers and a client on the PATH."""
    write_fake_client(tmp_path)
    async with stub_server({**VLLM, "/v1/chat/completions": Answer(200, REPLY, "text/event-stream")}) as server:
        yield Command(tmp_path, server)


@pytest.mark.parametrize(
    "words", [("--version",), ("--help",), ("--print-env",), ("doctor",), ("explain", "--last", "1")]
)
async def test_a_command_that_starts_nothing_ends_well(command: Command, words: tuple[str, ...]) -> None:
    ended = await outcome(command, ELSEWHERE, Start(words))

    assert (ended.status, ended.said) == (0, [])
    assert ended.out


async def test_the_client_is_started_and_its_exit_status_returned(command: Command) -> None:
    ended = await outcome(command, ELSEWHERE, Start(("-p", "exit-7")))

    assert (ended.status, ended.said) == (7, [])
    assert client_report(ended.out.splitlines()[0]).environment["ANTHROPIC_MODEL"] == "Qwen/Qwen3-8B"


async def test_a_signal_ends_the_client(command: Command) -> None:
    async with started(command, ELSEWHERE, Start(("-p", "wait"))) as process:
        assert process.stdout is not None
        async with asyncio.timeout(LONG_SECONDS):
            client = client_report(await process.stdout.readline())
            process.terminate()
            assert await process.wait() == 143

    assert await asyncio.to_thread(wait_for_end, client.pid)


async def test_serve_answers_a_request_writes_its_log_and_stops_at_a_signal(command: Command) -> None:
    async with started(command, ELSEWHERE, Start(("serve", "--port", "0"))) as process:
        url = await address_of(process)
        answers = [await posted(url) for _ in range(2)]
        process.terminate()
        async with asyncio.timeout(LONG_SECONDS):
            _, err = await process.communicate()

    (log,) = command.home.glob(".anyclaude/request-logs/*.jsonl")
    assert answers == [(200, "Hello")] * 2
    assert (process.returncode, err) == (0, b"")
    assert len(log.read_text().splitlines()) == 2


async def test_a_unix_socket_is_refused_in_a_sentence(command: Command) -> None:
    start = Start(("--print-env",), environment={"ANYCLAUDE_BACKEND_URL": "unix:/run/server.sock"})

    ended = await outcome(command, ELSEWHERE, start)

    assert ended.status == 1
    assert len(ended.said) == 1
    assert "no Unix sockets" in ended.err


LOCKING = """\
import asyncio, pathlib, sys
from anyclaude.storage.process_lock import exclusive_lock

async def hold_and_ask():
    async with exclusive_lock(pathlib.Path(sys.argv[1])):
        other = asyncio.ensure_future(exclusive_lock(pathlib.Path(sys.argv[1])).__aenter__())
        await asyncio.wait((other,), timeout=0)
        assert not other.done()
    await other

asyncio.run(hold_and_ask())
"""


async def test_a_file_is_locked_for_one_at_a_time(tmp_path: Path) -> None:
    words = ("-c", f"from tests.parts.without_posix import take_away; take_away()\n{LOCKING}", str(tmp_path / "lock"))
    process = await asyncio.create_subprocess_exec(sys.executable, *words, cwd=Path(__file__).parents[1])

    async with asyncio.timeout(LONG_SECONDS):
        assert await process.wait() == 0
