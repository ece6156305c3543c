"""Runs the client on one of two engines: directly, or through anyclaude."""

import asyncio
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.tools.arms import own_template
from tests.parts.claude_code import ClientTask, Workspace, client_arguments, workspace_for
from tests.parts.claude_code_versions import NATIVE, installed_client
from tests.parts.engines import running
from tests.parts.json_at import at
from tests.parts.launched_client import Command, Launch, launched, users_environment
from tests.parts.work_tree import make_work_tree

from anyclaude.backends import fitted_to_template
from anyclaude.backends.http import HttpBackend, open_session
from anyclaude.engine import EngineOptions
from anyclaude.engine.embedded import EmbeddedEngine
from anyclaude.engine.sampling import Sampling
from anyclaude.launcher.embedded import engine_target
from anyclaude.protocol.json_values import JsonError, JsonObject, decode_json
from anyclaude.settings import Settings

from .outcome import FILES, PROMPT, Ending, first_prompt_tokens

LLAMACPP_SAMPLING = Sampling(temperature=0.8, top_k=40, top_p=0.95, min_p=0.05, repeat_penalty=1.0)
"""The defaults of llama.cpp."""

CONTEXT_TOKENS = 16_384
"""Three times the first prompt; the client compacts only in larger windows."""
WARM_UP_SECONDS = 1_200.0
"""The first prompt has some 5,000 tokens, and a model of 1.5B evaluates 30 of them in a second on two cores."""
TOOLS = "--tools=Bash,Edit,Read,Write"


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may take."""

    seconds: float
    turns: int


@dataclass(frozen=True, slots=True)
class Player:
    """One way to run the client: its title, and the function that runs it in a fresh work tree."""

    title: str
    play: Callable[[ClientTask], Awaitable[Ending]]
    tree: Path
    """The work tree of the last run."""


DIRECT, THROUGH_ANYCLAUDE = "engine alone", "anyclaude"


def task(limits: Limits) -> ClientTask:
    """Return the task for the client, with tools that both ways have."""
    return ClientTask(PROMPT, (TOOLS, "--max-turns", str(limits.turns)), timeout_seconds=limits.seconds)


def warm_up_task() -> ClientTask:
    """Return a task that makes the engine evaluate the first prompt, and little more."""
    environment = {"CLAUDE_CODE_MAX_OUTPUT_TOKENS": "1"}
    return ClientTask(PROMPT, (TOOLS, "--max-turns", "1"), environment, timeout_seconds=WARM_UP_SECONDS)


@asynccontextmanager
async def open_players(model_file: Path, folder: Path) -> AsyncIterator[tuple[Player, Player]]:
    """Run two engines with one model: as llama.cpp runs it, and with the template and temperature of anyclaude."""
    template = own_template(model_file)
    own = EngineOptions(context_tokens=CONTEXT_TOKENS, chat_template=template, sampling=LLAMACPP_SAMPLING)
    ours = EngineOptions(context_tokens=CONTEXT_TOKENS)
    async with AsyncExitStack() as stack:
        alone = await stack.enter_async_context(running(model_file, folder / "alone", own))
        behind = await stack.enter_async_context(running(model_file, folder / "behind", ours))
        yield _direct_player(alone, folder / "direct"), _anyclaude_player(behind, folder / "anyclaude")


def _direct_player(engine: EmbeddedEngine, folder: Path) -> Player:
    async def play(task: ClientTask) -> Ending:
        launch = _launch(engine, folder)
        # As anyclaude's own plan, so that a reply without end costs both the same.
        longest = {"CLAUDE_CODE_MAX_OUTPUT_TOKENS": str(engine.context_tokens // 4)}
        environment = {
            **users_environment(launch),
            "ANTHROPIC_BASE_URL": engine.base_url,
            "ANTHROPIC_AUTH_TOKEN": engine.api_key,
            "ANTHROPIC_MODEL": launch.model,
            "CLAUDE_CODE_MAX_CONTEXT_TOKENS": str(engine.context_tokens),
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            **longest,
            **task.environment,
        }
        command = (*launch.client.command, *client_arguments(launch.workspace, task))
        ending = await _ending(Command(command, environment), launch.workspace, task.timeout_seconds)
        return replace(ending, prompt_tokens=first_prompt_tokens(ending.events))

    return Player(DIRECT, play, folder / "run/tree")


def _anyclaude_player(engine: EmbeddedEngine, folder: Path) -> Player:
    async def play(task: ClientTask) -> Ending:
        launch = _launch(engine, folder)
        async with open_session() as session:
            target = await fitted_to_template(HttpBackend(session, engine_target(engine, Settings())))
        earlier = len(_journal(launch.state))
        async with launched(launch, target, task) as command:
            ending = await _ending(command, launch.workspace, task.timeout_seconds)
        prompts = [at(record, "usage", "input_tokens") for record in _journal(launch.state)[earlier:]]
        return replace(ending, prompt_tokens=next((count for count in prompts if isinstance(count, int)), 0))

    return Player(THROUGH_ANYCLAUDE, play, folder / "run/tree")


def _launch(engine: EmbeddedEngine, folder: Path) -> Launch:
    """Return a launch in a fresh work tree and HOME, always at the same path: it is part of the prompt."""
    run = folder / "run"
    shutil.rmtree(run, ignore_errors=True)
    workspace = workspace_for(make_work_tree(run / "tree", FILES), run)
    return Launch(installed_client(NATIVE), workspace, folder / "state", engine.model_name, engine.context_tokens)


def _journal(state: Path) -> list[JsonObject]:
    """Return the records of a gateway's journal: the client's own events do not have the tokens of its prompts."""
    return [record for file in sorted(state.glob("request-logs/*.jsonl")) for record in _objects(file.read_bytes())]


async def _ending(command: Command, workspace: Workspace, timeout_seconds: float) -> Ending:
    """Run the client to its end or to the time limit, and return what it has printed until then."""
    printed = workspace.tree.with_name("events.jsonl")
    started = time.perf_counter()
    with printed.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *command.words,
            cwd=workspace.tree,
            env=command.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    status: int | None = None
    try:
        async with asyncio.timeout(timeout_seconds):
            status = await process.wait()
    except TimeoutError:
        pass  # the ending says so
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    return Ending(status, time.perf_counter() - started, _objects(printed.read_bytes()))


def _objects(lines: bytes) -> list[JsonObject]:
    """Return the JSON objects among the lines: there may be warnings, and a line that the time limit has cut."""
    objects: list[JsonObject] = []
    for line in lines.splitlines():
        with suppress(JsonError):
            value = decode_json(line)
            if isinstance(value, dict):
                objects.append(value)
    return objects
