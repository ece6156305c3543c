"""A whole session of the real client, in two releases, through the gateway, as the client and the server see it."""

import asyncio
import base64
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.parts.chat_reply import Call
from tests.parts.chat_request import ChatMessage, ChatRequest
from tests.parts.chat_server import ChatServer, chat_server
from tests.parts.claude_code import ClientTask, Run, run_claude, workspace_for
from tests.parts.claude_code_versions import JAVASCRIPT, NATIVE, VERSIONS, installed_client
from tests.parts.gateway import running_gateway, target_at
from tests.parts.pictures import png
from tests.parts.prefix_contract import observing
from tests.parts.work_tree import files_in, make_work_tree
from tests.trials.tidy_up import (
    AFTER,
    BEFORE,
    MAIN_CUE,
    PROMPT,
    QUESTION,
    REMEMBERED,
    REPORT,
    SECRET_OF_MAIN,
    SECRET_OF_SUBAGENT,
    SUBAGENT_CUE,
    Task,
    Turn,
    task_in,
)

WHY_PROMPTS_MOVE = {
    JAVASCRIPT: "its requests do not distinguish a sub-agent from the session, and a continued session contains git's "
    "new state"
}
"""The reason, by release, why the prompts of one session do not extend each other."""


@dataclass(frozen=True, slots=True)
class Session:
    """Two runs of the client, the requests of both conversations, and the files."""

    task: Task
    run: Run
    continued: Run
    main: tuple[ChatRequest, ...]
    subagent: tuple[ChatRequest, ...]
    server: ChatServer
    files: dict[str, bytes]
    record: Mapping[str, object]
    """The journal's record of the last request."""


@pytest.fixture(scope="module", params=VERSIONS)
def session(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """Play the session once for all tests of this module; a request outside the script fails here."""
    version = str(request.param)
    with observing() as contract:
        played = asyncio.run(play(version, tmp_path_factory.mktemp("session")))
    contract.check(WHY_PROMPTS_MOVE.get(version))
    played.server.check()
    played.run.check()
    played.continued.check()
    yield played


async def play(version: str, folder: Path) -> Session:
    """Run the task, then continue the session with one question."""
    workspace = workspace_for(make_work_tree(folder / "tree", BEFORE), folder)
    task = task_in(workspace.tree, subagent_runs_in_background=version == NATIVE)
    client = installed_client(version)
    async with (
        chat_server(task.script()) as server,
        running_gateway(folder, target_at(server.base_url)) as gateway,
    ):
        run = await run_claude(client, workspace, gateway.base_url, ClientTask(PROMPT))
        files = files_in(workspace.tree)
        continued = await run_claude(client, workspace, gateway.base_url, ClientTask(QUESTION, ("--continue",)))
        record = await gateway.recorded(1)
    main, subagent = server.requests_with(MAIN_CUE), server.requests_with(SUBAGENT_CUE)
    return Session(task, run, continued, main, subagent, server, files, record)


def test_the_session_ends_well(session: Session) -> None:
    assert session.run.text == "Everything is tidy, and the helper has counted three chapters."


def test_the_files_are_exactly_right(session: Session) -> None:
    assert session.files == AFTER


def test_every_turn_costs_one_request(session: Session) -> None:
    assert len(session.main) == len(session.task.main) + 1
    assert len(session.subagent) == len(session.task.subagent)
    assert len(session.server.exchanges) == len(session.main) + len(session.subagent)
    assert session.run.events_of("system", "api_retry") == ()


def test_no_tool_declines_the_check_of_its_calls(session: Session) -> None:
    assert "eager_input_streaming" not in str(session.record["dropped"])


def test_every_call_gets_its_own_result_in_order(session: Session) -> None:
    for turn, following in (
        *answered(session.task.main, session.main),
        *answered(session.task.subagent, session.subagent),
    ):
        results = [message.text for message in following.tool_results]

        assert len(results) == len(turn.results), following.since_last_turn
        for expected, result in zip(turn.results, results, strict=True):
            assert expected in result


def test_only_the_failed_call_has_an_error_result(session: Session) -> None:
    missing = find_turn(session, "does not exist").tool_results
    failed, worked = find_turn(session, "Exit code 3").tool_results

    assert "error" in missing[0].text.lower()
    assert "error" in failed.text.lower()
    assert "error" not in worked.text.lower()


def test_a_picture_arrives_unchanged(session: Session) -> None:
    images = [image for message in session.main[7].since_last_turn for image in message.images]

    assert images == [f"data:image/png;base64,{base64.b64encode(png()).decode()}"]


def test_only_the_sub_agents_report_reaches_the_main_conversation(session: Session) -> None:
    assert not any(SECRET_OF_SUBAGENT in text for request in session.main for text in everything_in(request))
    assert not any(SECRET_OF_MAIN in text for request in session.subagent for text in everything_in(request))
    assert any(REPORT in text for text in everything_in(session.main[-2]))


def test_each_conversation_extends_its_own_earlier_requests(session: Session) -> None:
    for conversation in (session.main[:-1], session.subagent):
        for request, following in itertools.pairwise(conversation):
            assert following.raw["tools"] == request.raw["tools"]
            assert following.messages[: len(request.messages)] == request.messages


def test_the_history_holds_the_calls_as_the_model_wrote_them(session: Session) -> None:
    for turn, following in answered(session.task.main, session.main):
        written = [(part.name, part.arguments) for part in turn.reply.parts if isinstance(part, Call)]
        echoed = [(call.function.name, call.function.arguments) for call in last_reply(following).tool_calls]

        assert echoed == written


def test_almost_all_input_tokens_come_from_the_cache(session: Session) -> None:
    usage = session.run.result["usage"]

    assert isinstance(usage, dict)
    assert usage["cache_read_input_tokens"] > 5 * usage["input_tokens"]


def test_a_continued_session_knows_its_history(session: Session) -> None:
    """The system prompt is not compared: the older release writes the new state of the tree into it."""
    earlier, question = session.main[-2:]

    assert question.messages[1 : len(earlier.messages)] == earlier.messages[1:]
    assert session.continued.text == REMEMBERED
    assert session.continued.session == session.run.session
    assert QUESTION in "\n".join(message.text for message in question.since_last_turn)


def answered(turns: tuple[Turn, ...], requests: tuple[ChatRequest, ...]) -> list[tuple[Turn, ChatRequest]]:
    """Pair each turn with the request that follows it."""
    return list(zip(turns, requests[1:], strict=False))


def find_turn(session: Session, result: str) -> ChatRequest:
    """Return the request that follows the turn whose expected results include this one."""
    return next(following for turn, following in answered(session.task.main, session.main) if result in turn.results)


def last_reply(request: ChatRequest) -> ChatMessage:
    """Return the last message of the assistant."""
    return [message for message in request.messages if message.role == "assistant"][-1]


def everything_in(request: ChatRequest) -> list[str]:
    """Return the text of every message."""
    return [message.text for message in request.messages]
