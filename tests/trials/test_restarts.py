"""The real client, and a server that loads its model late, or restarts in mid-session as it was or with less."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.parts.chat_reply import ReplyFormat, call, refuse, reply
from tests.parts.chat_request import ChatRequest
from tests.parts.chat_script import Answer, Script, by_model
from tests.parts.chat_server import CHARACTERS_PER_TOKEN, ChatServer, ServerOptions, chat_server
from tests.parts.claude_code import ClientTask, Run, workspace_for
from tests.parts.claude_code_versions import NATIVE, VERSIONS, installed_client
from tests.parts.hard_servers import (
    Overflow,
    dying,
    in_window,
    refused_by_llamacpp,
    refused_by_vllm,
    truncated_by_ollama,
)
from tests.parts.json_at import at
from tests.parts.launched_command import run_anyclaude
from tests.parts.played_model import PlayedModel, answer_about, parts_with_words, question_about
from tests.parts.raw_client import ask
from tests.parts.server_documents import scripted_ollama, scripted_vllm
from tests.parts.work_tree import make_work_tree

MODEL = PlayedModel()
FILES = parts_with_words(*[3_000 * CHARACTERS_PER_TOKEN] * 6)

TURNS_BEFORE = 3
"""The turns, two of which read a file, before the server dies."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server, before or after its restart."""

    script: Script
    options: ServerOptions


def telling_the_gateway(script: Script) -> Script:
    """Let the client print the gateway's address before the model begins to read."""
    address = reply(call("Bash", command="echo $ANTHROPIC_BASE_URL", description="Print"))
    return lambda request: script(request) if request.turns_taken else address


async def read_all_over_a_restart(version: str, folder: Path, before: Server, after: Server) -> tuple[Run, ChatServer]:
    """Let the client read the files while the server dies, is away, loads, and answers as another one."""
    workspace = workspace_for(make_work_tree(folder / "tree", dict(FILES)), folder)
    task, has_died = ClientTask(question_about(workspace.tree, FILES)), asyncio.Event()
    script = dying(telling_the_gateway(before.script), TURNS_BEFORE, has_died)
    async with chat_server(script, before.options) as server:
        words = ("--backend-url", server.base_url)
        running = asyncio.create_task(run_anyclaude(installed_client(version), workspace, words, task))
        await has_died.wait()
    await refused(server.requests[1].tool_results[0].text.strip())
    async with chat_server(after.script, after.options, int(server.origin.rpartition(":")[2])) as restarted:
        run = await running
    restarted.check()
    run.check()
    return run, restarted


async def refused(gateway_url: str) -> None:
    """Wait until the gateway has been refused a connection: with each failure it asks less often."""
    failures = begun = await _failures(gateway_url)
    while failures < begun + 2:
        failures = await _failures(gateway_url)


async def _failures(gateway_url: str) -> int:
    failures = at((await ask(gateway_url, "GET", "/health")).json, "backends", 0, "circuit", "failures_in_a_row")
    assert isinstance(failures, int)
    return failures


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_server_that_loads_its_model_at_the_launch_and_in_mid_session_is_waited_for(
    version: str, tmp_path: Path
) -> None:
    workspace = workspace_for(make_work_tree(tmp_path / "tree", dict(FILES)), tmp_path)
    task = ClientTask(question_about(workspace.tree, FILES))
    async with chat_server(MODEL, ServerOptions(requests_while_loading=10)) as server:

        def unloading(request: ChatRequest) -> Answer:
            server.requests_while_loading, server.script = 2, MODEL
            return refuse(503, "Loading model", "unavailable_error")

        server.script = lambda request: unloading(request) if request.turns_taken == 2 else MODEL(request)
        run = await run_anyclaude(installed_client(version), workspace, ("--backend-url", server.base_url), task)

    run.check()
    server.check()
    assert run.text == answer_about(FILES)
    assert "is loading its model; waiting for it" in run.stderr
    assert run.events_of("system", "api_retry") == ()


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_server_that_restarts_in_mid_session_is_waited_for(version: str, tmp_path: Path) -> None:
    server = Server(MODEL, ServerOptions())
    run, _ = await read_all_over_a_restart(version, tmp_path, server, server)

    assert run.text == answer_about(FILES)
    assert run.events_of("system", "api_retry") == ()


def llamacpp(window: int) -> ServerOptions:
    return ServerOptions(context_tokens=window)


def vllm(window: int) -> ServerOptions:
    return ServerOptions(documents=scripted_vllm("m", window))


def ollama(window: int) -> ServerOptions:
    return ServerOptions(documents=scripted_ollama("m:latest", window))


@pytest.mark.parametrize(
    ("options", "overflow", "window_told"),
    [
        (llamacpp, refused_by_llamacpp, 16_384),
        (vllm, refused_by_vllm, 16_384),
        (ollama, truncated_by_ollama, 16_384),
        (ollama, truncated_by_ollama, 65_536),
    ],
    ids=["llama.cpp refuses", "vLLM refuses", "Ollama truncates", "Ollama truncates and hides it"],
)
async def test_a_server_that_restarts_with_a_smaller_window_makes_the_client_compact(
    options: Callable[[int], ServerOptions], overflow: Overflow, window_told: int, tmp_path: Path
) -> None:
    before = Server(in_window(MODEL, 65_536, overflow), options(65_536))
    after = Server(in_window(MODEL, 16_384, overflow), options(window_told))
    run, _ = await read_all_over_a_restart(NATIVE, tmp_path, before, after)

    assert run.text == answer_about(FILES)
    assert "prompt is too long" in run.log
    assert run.events_of("system", "compact_boundary")


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_server_that_restarts_with_another_model_is_asked_what_it_has(version: str, tmp_path: Path) -> None:
    def running(model: str) -> Server:
        return Server(by_model({model: MODEL}), ServerOptions(ReplyFormat(model=model)))

    run, restarted = await read_all_over_a_restart(version, tmp_path, running("old"), running("new"))

    assert run.text == answer_about(FILES)
    assert restarted.requests[-1].body.model == "new"
