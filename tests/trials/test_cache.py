"""How much of the prompts of a real client's session a real engine finds in its cache, by the engine's own count."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.parts.chat_reply import Call, call, reply, say
from tests.parts.chat_request import ChatRequest
from tests.parts.chat_script import Answer, Script
from tests.parts.claude_code import ClientTask, workspace_for
from tests.parts.claude_code_versions import VERSIONS, installed_client
from tests.parts.evaluating_backend import evaluating_backend
from tests.parts.evaluation import Evaluation, evaluating_engine
from tests.parts.launched_client import Launch, run_launched
from tests.parts.work_tree import make_work_tree

from anyclaude.engine import EngineOptions

TASK = "Correct the greeting."
QUESTION = "What did you correct?"
OTHER_TASK = "Say hello."

MIN_SHARE = 0.95
"""The share of the repeatable tokens that must come from the cache."""

FILES: dict[str, str | bytes] = {"greeting.txt": "Helo, world.\n" * 40, "CLAUDE.md": "# Be kind\n"}


@dataclass(frozen=True, slots=True)
class Session:
    """The prompts of the task, of its session when continued, and of another session in the same project."""

    task: tuple[Evaluation, ...]
    continued: tuple[Evaluation, ...]
    other: tuple[Evaluation, ...]


@pytest.fixture(scope="module", params=VERSIONS)
def session(
    request: pytest.FixtureRequest, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Session]:
    """Play the sessions once for all tests of this module."""
    yield asyncio.run(play(str(request.param), tiny_model, tmp_path_factory.mktemp("cache")))


async def play(version: str, model_file: Path, folder: Path) -> Session:
    """Run the client three times, each time with a new gateway; the engine keeps running."""
    workspace = workspace_for(make_work_tree(folder / "tree", FILES), folder)
    prompts: list[tuple[Evaluation, ...]] = []
    async with (
        evaluating_engine(model_file, folder / "logs", EngineOptions(threads=1)) as (evaluator, engine),
        evaluating_backend(corrections(workspace.tree), evaluator) as backend,
    ):
        launch = Launch(
            installed_client(version), workspace, folder / "state", engine.model_name, engine.context_tokens
        )
        for task in (ClientTask(TASK), ClientTask(QUESTION, ("--continue",)), ClientTask(OTHER_TASK)):
            seen = len(backend.requests)
            run = await run_launched(launch, backend.base_url, task)
            backend.check()
            run.check()
            prompts.append(tuple(asked.evaluation for asked in backend.requests[seen:]))
    return Session(*prompts)


def corrections(tree: Path) -> Script:
    """Play a model that orders arguments unlike the client, and writes trailing blanks and numbers as strings."""
    file = f"{tree}/greeting.txt"
    edit = call("Edit", new_string="Hello", replace_all=True, old_string="Helo", file_path=file)
    count = Call("Bash", '{"description": "Count", "timeout": "5000", "command": "grep -c Hello greeting.txt"}')
    note = call("Write", content="# Notes  \n\nThe greeting is right.   \n", file_path=f"{tree}/notes.md")
    lines = (
        reply(say("I look."), call("Read", file_path=file)),
        reply(say("A letter is missing."), edit),
        reply(count),
        reply(note, call("Read", limit=2, file_path=file)),
        reply(say("The greeting is right.")),
        reply(say("Every Helo is a Hello.")),
    )

    def answer(request: ChatRequest) -> Answer:
        return reply(say("Hello.")) if OTHER_TASK in request.opening else lines[request.turns_taken]

    return answer


def test_every_prompt_of_a_session_extends_the_previous_prompt_and_reply(session: Session) -> None:
    assert len(session.task) == 5
    assert [evaluation.difference for evaluation in session.task] == [""] * 5


def test_every_turn_after_the_first_finds_the_previous_prompt_and_reply_in_the_cache(session: Session) -> None:
    for evaluation in session.task[1:]:
        assert not evaluation.is_first
        assert evaluation.cached >= MIN_SHARE * evaluation.repeatable
        assert evaluation.lost == 0


def test_a_session_continued_after_a_restart_finds_its_whole_conversation_in_the_cache(session: Session) -> None:
    (question,) = session.continued

    assert question.difference == ""
    assert question.repeatable > session.task[-1].prompt
    assert question.cached >= MIN_SHARE * question.repeatable


def test_another_session_in_the_same_project_evaluates_little_more_than_the_users_words(session: Session) -> None:
    (hello,) = session.other

    assert hello.is_first
    assert hello.cached >= MIN_SHARE * hello.prompt


async def test_two_conversations_with_a_common_prefix_do_not_evict_each_other(tiny_model: Path, tmp_path: Path) -> None:
    """As with sub-agents: the engine has one slot, and must save one conversation's state when the other runs."""
    async with evaluating_engine(tiny_model, tmp_path, EngineOptions(threads=1)) as (evaluator, _):
        for turns in (1, 2, 3):
            for name in ("ant", "bee"):
                await evaluator.evaluate(
                    "/v1/chat/completions", subagent_request(name, turns), name, reply(say("Continue."))
                )

    assert [evaluation.lost for evaluation in evaluator.evaluations if not evaluation.is_first] == [0] * 4


def subagent_request(name: str, turns: int) -> dict[str, object]:
    """Return the request for a sub-agent's next turn: the shared instructions, then its own findings."""
    messages = [{"role": "system", "content": "Search the garden with care. " * 100}]
    for turn in range(turns):
        messages.append({"role": "user", "content": f"The {name} has found leaf {turn}. " * 30})
        messages.append({"role": "assistant", "content": "Continue."})
    return {"messages": messages[:-1]}
