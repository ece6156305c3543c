"""Plays a session on one of the ways, with a fresh engine, project and home."""

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
from .ways import Way

OPTIONS = EngineOptions(threads=1)
"""The defaults of the embedded engine, which are one slot and a cache of prompts in memory; on one core, as two are
slower when something else runs."""


MODEL = "tiny"


@dataclass(frozen=True, slots=True)
class Prompt:
    """One request of a session: whose it is, which one of these, and what the engine counted."""

    conversation: str
    number: int
    evaluation: Evaluation


async def play(session: Session, way: Way, model_file: Path) -> tuple[Prompt, ...]:
    """Return the prompts in the order in which the engine read them; raises `AssertionError` if the session fails."""
    with tempfile.TemporaryDirectory(prefix="anyclaude-benchmark-") as name:
        folder = Path(name)
        workspace = workspace_for(make_work_tree(folder / "tree", FILES), folder)
        client = installed_client(session.version)
        async with (
            _evaluator(way, model_file, folder / "logs") as (evaluator, context_tokens),
            evaluating_backend(session.script(workspace.tree), evaluator) as backend,
        ):
            launch = Launch(client, workspace, folder / "state", MODEL, context_tokens, profile=way.profile)
            for task in session.tasks:
                run = await way.run(launch, backend, task)
                backend.check()
                run.check()
    return _named(backend)


@asynccontextmanager
async def _evaluator(way: Way, model_file: Path, logs: Path) -> AsyncIterator[tuple[Evaluator, int]]:
    """Run the engine of the way; return who asks it, and its window."""
    if way.own_server is None:
        options = replace(OPTIONS, chat_template=way.chat_template)
        async with evaluating_engine(model_file, logs, options) as (evaluator, engine):
            yield evaluator, engine.context_tokens
        return
    async with (
        serving(way.own_server, model_file) as url,
        aiohttp.ClientSession(url, connector=aiohttp.TCPConnector(force_close=True)) as session,
    ):
        yield Evaluator(session), CONTEXT_TOKENS // (1 if way.own_server.unified else way.own_server.slots)


def _named(backend: EvaluatingBackend) -> tuple[Prompt, ...]:
    """Return the prompts that are measured."""
    prompts: list[Prompt] = []
    for asked in backend.requests:
        name = conversation_of(asked.request)
        if name == EARLIER_SESSION:
            continue
        earlier = sum(prompt.conversation == name for prompt in prompts)
        prompts.append(Prompt(name, earlier + 1, asked.evaluation))
    return tuple(prompts)
