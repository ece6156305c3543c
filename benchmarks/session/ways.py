"""The ways to play a session: the client directly on llama.cpp, and through anyclaude, cold and warm."""

import asyncio
import os
import shutil
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec
from tests.parts.claude_code import ClientTask, client_arguments, run_command, workspace_for
from tests.parts.claude_code_versions import NATIVE, installed_client
from tests.parts.evaluation import SHOWS_PROMPTS
from tests.parts.launched_client import Launch, users_environment
from tests.parts.work_tree import make_work_tree

from anyclaude.engine.gguf import read_metadata
from anyclaude.settings import variable_named

from .backend import Say, forcing
from .launched import command
from .llamacpp import running_llamacpp
from .measures import PlayedSession
from .script import FILES, SESSIONS

Way: TypeAlias = Literal["direct", "anyclaude, cold", "anyclaude, warm"]
DIRECT: Way = "direct"
COLD: Way = "anyclaude, cold"
"""The first launch on this machine."""
WARM: Way = "anyclaude, warm"
"""A launch in a project in which another session has been."""
WAYS = (DIRECT, COLD, WARM)

CLIENT_SECONDS = 3_600.0
"""A client that takes longer hangs: a model of 1.5B on two cores evaluates 12,000 tokens in some ten minutes."""

_TIERS = ("ANTHROPIC_DEFAULT_OPUS_MODEL", "ANTHROPIC_DEFAULT_SONNET_MODEL", "ANTHROPIC_DEFAULT_HAIKU_MODEL")


async def play(way: Way, model_file: Path, folder: Path, session: str, say: Say) -> PlayedSession:
    """
    Play a session, by its name, in one way, with an engine, a project and a home in the folder, which is emptied first.

    Raises:
        AssertionError: when the session does not go as the script has it.
    """
    shutil.rmtree(folder, ignore_errors=True)
    tree = make_work_tree(folder / "tree", FILES)
    client, workspace = installed_client(NATIVE), workspace_for(tree, folder)
    launch = Launch(client, workspace, folder / "state", model_file.stem, read_metadata(model_file).context_tokens or 0)
    if way == DIRECT:
        played = await _played_directly(launch, model_file, session, say)
    else:
        if way == WARM:
            say("  the session before:")
            await _played_through_anyclaude(launch, model_file, "earlier")
            say("  the session:")
        played = await _played_through_anyclaude(launch, model_file, session)
    wanted = SESSIONS[session](tree).files
    left = {name: (tree / name).read_text(encoding="utf-8") for name in wanted}
    assert left == wanted, f"the session has left other files: {left}"
    return played


def others_environment(launch: Launch, base_url: str) -> dict[str, str]:
    """
    Return the environment of a client with the variables that other launchers set.

    Those of `ollama launch claude` (cmd/launch/claude.go, 011d493), with the limit of Claude Code Router for slow
    servers (`API_TIMEOUT_MS`), here without an end, and without traffic to the internet.
    """
    return {
        **users_environment(launch),
        "ANTHROPIC_BASE_URL": base_url,
        "ANTHROPIC_API_KEY": "",
        "ANTHROPIC_AUTH_TOKEN": "dummy",
        "ANTHROPIC_SMALL_FAST_MODEL": launch.model,
        **dict.fromkeys(_TIERS, launch.model),
        "CLAUDE_CODE_SUBAGENT_MODEL": launch.model,
        "CLAUDE_CODE_ATTRIBUTION_HEADER": "0",
        "DISABLE_TELEMETRY": "1",
        "DISABLE_ERROR_REPORTING": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        # A client that gives up and asks again would only cost more.
        "API_TIMEOUT_MS": "3000000",
        "CLAUDE_STREAM_IDLE_TIMEOUT_MS": "1800000",
    }


async def _played_directly(launch: Launch, model_file: Path, session: str, say: Say) -> PlayedSession:
    played = SESSIONS[session](launch.workspace.tree)
    task = ClientTask(played.task, ("--model", launch.model), timeout_seconds=CLIENT_SECONDS)
    words = (*launch.client.command, *client_arguments(launch.workspace, task))
    log = launch.workspace.log.with_name("llamacpp.log")
    async with running_llamacpp(model_file, log) as url, forcing(url, played, {}, say) as backend:
        environment = others_environment(launch, backend.origin)
        backend.start()
        run = await run_command(words, launch.workspace, environment, task.timeout_seconds)
        seconds = backend.seconds()
        backend.check()
        run.check()
        return PlayedSession(tuple(backend.turns), seconds, launch.context_tokens)


async def _played_through_anyclaude(launch: Launch, model_file: Path, session: str) -> PlayedSession:
    """Run `anyclaude` as a user does, on what earlier launches have left; it writes to stderr how far it is."""
    result = launch.workspace.log.with_name(f"{session}.json")
    task = ClientTask(SESSIONS[session](launch.workspace.tree).task)
    words = command(session, result, client_arguments(launch.workspace, task))
    ours = {
        "mode": "embedded",
        "model": str(model_file),
        "log_dir": str(launch.state),
        "cache_dir": str(launch.state / "cache"),
        "claude_path": launch.client.command[0],
    }
    settings = {variable_named(name): value for name, value in ours.items()}
    status = await _exit_status(words, launch, {**users_environment(launch), **settings, **dict([SHOWS_PROMPTS])})
    assert status == 0, f"anyclaude ended with status {status}; its files are in {launch.state}"
    return msgspec.json.decode(result.read_bytes(), type=PlayedSession)


async def _exit_status(words: tuple[str, ...], launch: Launch, environment: Mapping[str, str]) -> int:
    """Run a command to its end, at most to the time limit; what the client prints goes to a file."""
    with launch.workspace.log.with_name("events.jsonl").open("wb") as events:
        process = await asyncio.create_subprocess_exec(
            *words,
            cwd=launch.workspace.tree,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=events,
            start_new_session=True,
        )
    try:
        async with asyncio.timeout(CLIENT_SECONDS):
            return await process.wait()
    except TimeoutError:
        raise AssertionError(f"anyclaude was still running after {CLIENT_SECONDS} s") from None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
