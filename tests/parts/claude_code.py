"""Runs the real Claude Code without a terminal, isolated from this machine's settings and credentials."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from tests.parts.claude_code_versions import Client

from anyclaude.protocol.json_values import JsonObject, JsonValue, decode_json

MODEL = "local-qwen"
"""A name unknown to every release: the client then behaves as with its newest model."""

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
"""The PATH on which the client finds git and a shell; it gets nothing else of this machine's environment."""

TIMEOUT_SECONDS = 120.0
"""A client starts in about two seconds, and a scripted reply takes a few milliseconds."""

TAIL_CHARACTERS = 6_000
"""Number of characters of a log that are shown when a run fails."""

Event: TypeAlias = JsonObject


@dataclass(frozen=True, slots=True)
class Workspace:
    """The files of a client: its own HOME, a work tree and a debug log."""

    home: Path
    tree: Path
    log: Path


def workspace_for(tree: Path, beside: Path) -> Workspace:
    """Return a workspace for this work tree, with a fresh HOME beside it."""
    home = beside / "home"
    home.mkdir()
    return Workspace(home, tree, beside / "debug.log")


@dataclass(frozen=True, slots=True)
class Run:
    """The result of one run of the client."""

    status: int
    events: tuple[Event, ...]
    stderr: str
    log: str

    @property
    def result(self) -> Event:
        """The last event, which summarises the run; empty if there is none."""
        results = [event for event in self.events if event.get("type") == "result"]
        return results[-1] if results else {}

    @property
    def text(self) -> str:
        """The text the client would print: the last text of the model."""
        return str(self.result.get("result", ""))

    @property
    def session(self) -> str:
        """The session's id."""
        return str(self.result.get("session_id", ""))

    def events_of(self, kind: str, subtype: str | None = None) -> tuple[Event, ...]:
        """Return the events of one type and, if given, one subtype."""
        found = (event for event in self.events if event.get("type") == kind)
        return tuple(event for event in found if subtype in {None, event.get("subtype")})

    def check(self) -> None:
        """Raise an `AssertionError`, with the relevant output of the client, unless the run succeeded."""
        succeeded = self.status == 0 and self.result.get("is_error") is False
        assert succeeded, self.report()

    def report(self) -> str:
        """Return how the run ended, with the ends of its logs."""
        last = "\n".join(str(event)[:1_000] for event in self.events[-3:])
        return (
            f"Claude Code ended with status {self.status}.\n--- last events\n{last}\n"
            f"--- stderr\n{self.stderr[-TAIL_CHARACTERS:]}\n--- debug log\n{_relevant(self.log)[-TAIL_CHARACTERS:]}"
        )


@dataclass(frozen=True, slots=True)
class ClientTask:
    """One prompt for the client, and how to run it."""

    prompt: str
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout_seconds: float = TIMEOUT_SECONDS


async def run_claude(client: Client, workspace: Workspace, base_url: str, task: ClientTask) -> Run:
    """Run the client on one task until it has finished; after the timeout it is killed."""
    environment = client_environment(client, workspace, base_url) | dict(task.environment)
    return await run_command(
        (*client.command, *client_arguments(workspace, task)), workspace, environment, task.timeout_seconds
    )


async def run_command(
    command: tuple[str, ...], workspace: Workspace, environment: Mapping[str, str], timeout_seconds: float
) -> Run:
    """Run a client with exactly these arguments and this environment.

    Raises:
        AssertionError: when the client is still running after `timeout_seconds`.
    """
    async with _started(command, workspace.tree, environment) as process:
        try:
            async with asyncio.timeout(timeout_seconds):
                out, err = await process.communicate()
        except TimeoutError:
            log = _relevant(_read(workspace.log))[-TAIL_CHARACTERS:]
            late = f"Claude Code ({command[0]}) was still running after {timeout_seconds} s.\n{log}"
            raise AssertionError(late) from None
    assert process.returncode is not None
    return Run(process.returncode, _events(out), err.decode(errors="replace"), _read(workspace.log))


def client_environment(client: Client, workspace: Workspace, base_url: str) -> dict[str, str]:
    """Return the whole environment of a client: the gateway's address, the model's name, and no other traffic."""
    model = dict.fromkeys(("ANTHROPIC_MODEL", "ANTHROPIC_SMALL_FAST_MODEL", *_ALIASES), MODEL)
    quiet = ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "DISABLE_TELEMETRY", "DISABLE_ERROR_REPORTING")
    return {
        "HOME": str(workspace.home),
        "PATH": f"{Path(client.command[0]).parent}:{SYSTEM_PATH}",
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "SHELL": "/bin/bash",
        "ANTHROPIC_BASE_URL": base_url,
        "ANTHROPIC_AUTH_TOKEN": "dummy",
        "DISABLE_AUTOUPDATER": "1",
        "IS_SANDBOX": "1",
        "CLAUDE_CODE_MAX_CONTEXT_TOKENS": "131072",
        "CLAUDE_CODE_MAX_OUTPUT_TOKENS": "16384",
        "CLAUDE_CODE_ATTRIBUTION_HEADER": "0",
        "ENABLE_TOOL_SEARCH": "false",
        "CLAUDE_CODE_GATEWAY_HINT_HEADERS": "1",
        "CLAUDE_CODE_MAX_RETRIES": "1",
        **dict.fromkeys(quiet, "1"),
        **model,
    }


def client_arguments(workspace: Workspace, task: ClientTask) -> tuple[str, ...]:
    """Return the flags of a run without a terminal; root may skip the permissions because of `IS_SANDBOX`."""
    return (
        "-p",
        task.prompt,
        *("--output-format", "stream-json", "--verbose"),
        "--dangerously-skip-permissions",
        *("--debug-file", str(workspace.log)),
        *task.arguments,
    )


_ALIASES = tuple(f"ANTHROPIC_DEFAULT_{name}_MODEL" for name in ("OPUS", "SONNET", "HAIKU", "FABLE"))


@asynccontextmanager
async def _started(
    command: tuple[str, ...], tree: Path, environment: Mapping[str, str]
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start a process in its own process group, and kill the group when the context ends."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=tree,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _events(out: bytes) -> tuple[Event, ...]:
    values: list[JsonValue] = [decode_json(line) for line in out.splitlines() if line.startswith(b"{")]
    return tuple(value for value in values if isinstance(value, dict))


def _relevant(log: str) -> str:
    """Return the lines of a debug log with errors, warnings or API calls; all lines if there are none."""
    relevant = [line for line in log.splitlines() if "[ERROR]" in line or "[WARN]" in line or "API" in line]
    return "\n".join(relevant) or log


def _read(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""
