"""The client without a gateway; `tests/cli/test_start.py` has the whole command."""

import asyncio
import os
import sys
from pathlib import Path

import pytest
from tests.parts.fake_client import client_report, write_fake_client

from anyclaude.errors import ClientUnavailable
from anyclaude.launcher import Invocation, Signals, Terminal, run_client_alone
from anyclaude.settings import Settings


async def test_it_gets_the_users_arguments_and_environment_unchanged(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_fake_client(tmp_path)
    environment = {"HOME": str(tmp_path), "PATH": f"{tmp_path}:{os.environ['PATH']}", "ANTHROPIC_API_KEY": "x"}
    invocation = Invocation(("mcp", "exit-3"), environment, tmp_path)
    signals = Signals(asyncio.get_running_loop())

    status = await run_client_alone(invocation, Settings(log_dir=tmp_path), Terminal(sys.stderr), signals)

    seen = client_report(capfd.readouterr().out.splitlines()[0])
    assert (status, seen.arguments) == (3, ["mcp", "exit-3"])
    assert environment.items() <= seen.environment.items()
    assert {name for name in seen.environment if name.startswith(("ANTHROPIC", "CLAUDE"))} == {"ANTHROPIC_API_KEY"}


async def test_a_client_that_cannot_be_executed_is_reported(tmp_path: Path) -> None:
    invocation = Invocation(("mcp", "list"), {"HOME": str(tmp_path), "PATH": ""}, tmp_path)
    settings = Settings(claude_path=tmp_path, log_dir=tmp_path)

    with pytest.raises(ClientUnavailable, match="claude_path"):
        await run_client_alone(invocation, settings, Terminal(sys.stderr), Signals(asyncio.get_running_loop()))
