"""The whole command with the real client, as a user starts it, in an environment of its own."""

import sys
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
