"""The whole command with the real client, as a user starts it, in an environment of its own."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping
from pathlib import Path

from tests.parts.claude_code import SYSTEM_PATH, ClientTask, Run, Workspace, client_arguments, run_command
from tests.parts.claude_code_versions import Client


async def run_anyclaude(client: Client, workspace: Workspace, words: tuple[str, ...], task: ClientTask) -> Run:
    """Run `anyclaude` with these words and this release of the client until it has finished the task."""
    command = (sys.executable, "-m", "anyclaude", *words, *client_arguments(workspace, task))
    environment = users_environment(client, workspace) | dict(task.environment)
    return await run_command(command, workspace, environment, task.timeout_seconds)


def users_environment(client: Client, workspace: Workspace) -> dict[str, str]:
    """Return a user's environment, with the path of this release; `IS_SANDBOX` lets it run as root."""
    node = Path(client.command[0]).parent if len(client.command) > 1 else workspace.home
    return {
        "HOME": str(workspace.home),
        "PATH": f"{node}:{SYSTEM_PATH}",
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "SHELL": "/bin/bash",
        "IS_SANDBOX": "1",
        "ANYCLAUDE_CLAUDE_PATH": client.command[-1],
    }


async def output_of_anyclaude(
    client: Client, home: Path, words: tuple[str, ...], environment: Mapping[str, str], timeout_seconds: float
) -> tuple[int, str, str]:
    """Run `anyclaude` with these words alone, in `home` and a clean environment; return its status, output and errors.

    Raises:
        TimeoutError: when it is still running after `timeout_seconds`.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "anyclaude", *words),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        cwd=home,
        env={
            "HOME": str(home),
            "PATH": f"{Path(client.command[0]).parent}:{SYSTEM_PATH}",
            "LANG": "C.UTF-8",
            "ANYCLAUDE_CLAUDE_PATH": client.command[-1],
            **environment,
        },
    )
    async with asyncio.timeout(timeout_seconds):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()
