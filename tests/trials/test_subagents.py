"""How much of a real sub-agent's prompt a real engine finds in its cache, by the engine's own count."""

import itertools
from pathlib import Path

import pytest
from tests.parts.chat_reply import call, reply, say
from tests.parts.chat_request import ChatRequest
from tests.parts.chat_script import Answer, Script
from tests.parts.claude_code import ClientTask, workspace_for
from tests.parts.claude_code_versions import JAVASCRIPT, NATIVE, installed_client
from tests.parts.evaluating_backend import EvaluatedRequest, evaluating_backend
from tests.parts.evaluation import evaluating_engine
from tests.parts.launched_client import Launch, run_launched
from tests.parts.work_tree import make_work_tree

from anyclaude.engine import EngineOptions

TASK = "Have a helper look around."
SUBAGENT_TASK = "Look around, and report what is there."

SENDS_NO_AGENT_ID = pytest.mark.moves_prefix(reason="2.1.112 sends no agent id, so both look like one conversation")

CHARACTERS_PER_TOKEN = 6
"""More than any text here has, which gives a lower bound for the tokens of a text."""


def looking_around(kind: str) -> Script:
    """Play a model that starts one sub-agent, which takes two turns."""

    def answer(request: ChatRequest) -> Answer:
        if SUBAGENT_TASK in request.opening:
            return (
                reply(call("Bash", command="ls", description="List")) if not request.turns_taken else reply(say("A."))
            )
        if request.turns_taken:
            return reply(say("A greeting is there."))
        return reply(call("Agent", description="Look", prompt=SUBAGENT_TASK, subagent_type=kind))

    return answer


async def played(
    version: str, kind: str, model_file: Path, folder: Path
) -> tuple[list[EvaluatedRequest], list[EvaluatedRequest]]:
    """Return the requests of the main conversation and those of the sub-agent."""
    workspace = workspace_for(make_work_tree(folder / "tree", {"greeting.txt": "Hello.\n"}), folder)
    async with (
        evaluating_engine(model_file, folder / "logs", EngineOptions(threads=1)) as (evaluator, engine),
        evaluating_backend(looking_around(kind), evaluator) as backend,
    ):
        launch = Launch(
            installed_client(version), workspace, folder / "state", engine.model_name, engine.context_tokens
        )
        run = await run_launched(launch, backend.base_url, ClientTask(TASK))
        backend.check()
        run.check()
    subagent = [asked for asked in backend.requests if SUBAGENT_TASK in asked.request.opening]
    return [asked for asked in backend.requests if asked not in subagent], subagent


@pytest.mark.parametrize("kind", ["general-purpose", "Explore"])
@pytest.mark.parametrize("version", [NATIVE, pytest.param(JAVASCRIPT, marks=SENDS_NO_AGENT_ID)])
async def test_a_sub_agents_first_prompt_finds_its_tools_in_the_cache(
    tiny_model: Path, tmp_path: Path, version: str, kind: str
) -> None:
    main, subagent = await played(version, kind, tiny_model, tmp_path)

    first = subagent[0]
    common_tools = shared_tools(main[0].request, first.request)
    assert first.evaluation.is_first
    assert first.evaluation.lost == 0
    assert len(common_tools) >= 4
    assert first.evaluation.cached >= sum(map(len, common_tools)) / CHARACTERS_PER_TOKEN


@pytest.mark.parametrize("version", [NATIVE, pytest.param(JAVASCRIPT, marks=SENDS_NO_AGENT_ID)])
async def test_a_sub_agents_later_turns_extend_its_first(tiny_model: Path, tmp_path: Path, version: str) -> None:
    main, subagent = await played(version, "general-purpose", tiny_model, tmp_path)

    assert len(subagent) == 2
    assert [asked.evaluation.difference for asked in (*main, *subagent)] == [""] * (len(main) + 2)


def shared_tools(one: ChatRequest, other: ChatRequest) -> list[str]:
    """Return the descriptions of the tools both prompts begin with."""
    pairs = zip(one.body.tools, other.body.tools, strict=False)
    common = itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)
    return [tool.function.description for tool, _ in common]
