"""Plays a session in one setup, with a fresh engine, project and home directory."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp
from benchmarks.slots import CONTEXT_TOKENS, serving
from tests.parts.claude_code import workspace_for
from tests.parts.claude_code_versions import installed_client
from tests.parts.evaluating_backend import EvaluatingBackend, evaluating_backend
from tests.parts.evaluation import Evaluation, Evaluator, evaluating_engine
from tests.parts.launched_client import Launch
from tests.parts.work_tree import make_work_tree

from anyclaude.engine import EngineOptions

from .sessions import EARLIER_SESSION, FILES, Session, conversation_of
from .setups import Setup

OPTIONS = EngineOptions(threads=1)
"""The defaults of the embedded engine: one slot, and a prompt cache in memory.  One thread, as two are slower when
another process is running."""


MODEL = "tiny"


@dataclass(frozen=True, slots=True)
class Prompt:
    """One request of a session: its conversation, its number there, and the engine's counts."""

    conversation: str
    number: int
    evaluation: Evaluation


async def play(session: Session, setup: Setup, model_file: Path) -> tuple[Prompt, ...]:
    """Return the prompts in the order in which the engine read them.  Raises `AssertionError` if the session fails."""
    with tempfile.TemporaryDirectory(prefix="anyclaude-benchmark-") as name:
        folder = Path(name)
        workspace = workspace_for(make_work_tree(folder / "tree", FILES), folder)
        client = installed_client(session.version)
        async with (
            _evaluator(setup, model_file, folder / "logs") as (evaluator, context_tokens),
            evaluating_backend(session.script(workspace.tree), evaluator) as backend,
        ):
            launch = Launch(client, workspace, folder / "state", MODEL, context_tokens, profile=setup.profile)
            for task in session.tasks:
                run = await setup.run(launch, backend, task)
                backend.check()
                run.check()
    return _measured_prompts(backend)


@asynccontextmanager
async def _evaluator(setup: Setup, model_file: Path, logs: Path) -> AsyncIterator[tuple[Evaluator, int]]:
    """Run the engine of the setup, and yield its evaluator and the size of its window in tokens."""
    if setup.own_server is None:
        options = replace(OPTIONS, chat_template=setup.chat_template)
        async with evaluating_engine(model_file, logs, options) as (evaluator, engine):
            yield evaluator, engine.context_tokens
        return
    async with (
        serving(setup.own_server, model_file) as url,
        aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(force_close=True)) as session,
    ):
        yield Evaluator(session), CONTEXT_TOKENS // (1 if setup.own_server.unified else setup.own_server.slots)


def _measured_prompts(backend: EvaluatingBackend) -> tuple[Prompt, ...]:
    """Return the prompts of the measured sessions, which excludes the earlier session."""
    prompts: list[Prompt] = []
    for asked in backend.requests:
        name = conversation_of(asked.request)
        if name == EARLIER_SESSION:
            continue
        earlier = sum(prompt.conversation == name for prompt in prompts)
        prompts.append(Prompt(name, earlier + 1, asked.evaluation))
    return tuple(prompts)
