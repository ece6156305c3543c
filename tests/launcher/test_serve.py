"""The gateway alone: what it writes, and when it ends."""

import asyncio
import io
import sys
from pathlib import Path

import pytest
from tests.parts.server_documents import LLAMACPP
from tests.parts.stub_server import stub_server

from anyclaude.launcher import Invocation, Terminal
from anyclaude.launcher.serve import serve
from anyclaude.secret import Secret
from anyclaude.settings import Settings


class Output(io.StringIO):
    """A stream whose first flush is an event."""

    def __init__(self) -> None:
        super().__init__()
        self.flushed = asyncio.Event()

    def flush(self) -> None:
        """Set the event."""
        self.flushed.set()


@pytest.mark.parametrize(
    ("token", "line"),
    [
        (None, "  export ANTHROPIC_AUTH_TOKEN=anyclaude"),
        (Secret("hunter2"), '  export ANTHROPIC_AUTH_TOKEN="$ANYCLAUDE_TOKEN"'),
    ],
)
async def test_the_address_and_the_variables_are_written_without_the_token(
    tmp_path: Path, token: Secret | None, line: str
) -> None:
    out = Output()
    async with stub_server(LLAMACPP) as server:
        settings = Settings(backend_url=server.origin, log_dir=tmp_path, port=0, token=token)
        serving = asyncio.create_task(serve(Invocation((), {}, tmp_path), settings, Terminal(sys.stderr), out))
        await out.flushed.wait()
        serving.cancel()
        await asyncio.wait((serving,))

    first, _, *variables = out.getvalue().splitlines()
    assert first.startswith("anyclaude listens on http://127.0.0.1:")
    assert first.endswith(f" and answers from llama.cpp at {server.base_url}, model qwen, window 16,384 tokens.")
    assert line in variables
    assert "hunter2" not in out.getvalue()
