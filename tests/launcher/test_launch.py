"""The order of a launch: the server is found, the client starts, and only then the gateway is loaded."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest
from tests.parts.fake_client import write_fake_client
from tests.parts.server_documents import LLAMACPP
from tests.parts.stub_server import stub_server

from anyclaude.errors import ClientUnavailable
from anyclaude.launcher import Invocation, Signals, Terminal, launch
from anyclaude.settings import Settings

LOADED = """\
import sys
import anyclaude.cli.start
print(*(name for name in sys.modules if name.split(".")[0] in {"aiohttp", "rich", "huggingface_hub"}))
print(*(name for name in sys.modules if name.startswith(("anyclaude.server", "anyclaude.engine.embedded"))))
types = {"access", "options", "search"}
print(*(name for name in sys.modules if name.startswith("anyclaude.web.") and name.split(".")[2] not in types))
"""


def invocation(folder: Path, *words: str) -> Invocation:
    return Invocation(words, {"HOME": str(folder), "PATH": f"{folder}:{os.environ['PATH']}"}, folder)


async def test_before_the_client_starts_neither_the_gateway_nor_an_http_library_is_loaded() -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", LOADED, stdout=PIPE)
    out, _ = await process.communicate()

    assert out.split() == []


async def test_the_exit_status_is_the_clients_and_the_socket_is_closed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_fake_client(tmp_path)
    signals = Signals(asyncio.get_running_loop())
    async with stub_server(LLAMACPP) as server:
        settings = Settings(backend_url=server.origin, log_dir=tmp_path)
        status = await launch(invocation(tmp_path, "exit-7"), settings, Terminal(sys.stderr), signals)

    assert status == 7
    assert '"ANTHROPIC_BASE_URL": "http://127.0.0.1:' in capfd.readouterr().out


async def test_a_client_that_cannot_be_executed_is_reported(tmp_path: Path) -> None:
    settings = Settings(mode="claude", claude_path=tmp_path, log_dir=tmp_path)

    with pytest.raises(ClientUnavailable, match="claude_path"):
        await launch(invocation(tmp_path), settings, Terminal(sys.stderr), Signals(asyncio.get_running_loop()))
