"""The real client in windows that its task outgrows: it compacts its conversation, and finishes the task."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.parts.chat_reply import Call, Reply, call, reply
from tests.parts.chat_request import ChatRequest
from tests.parts.chat_script import Script
from tests.parts.chat_server import CHARACTERS_PER_TOKEN, ChatServer, ServerOptions, chat_server, prompt_tokens
from tests.parts.claude_code import ClientTask, Run, workspace_for
from tests.parts.claude_code_versions import NATIVE, VERSIONS, installed_client
from tests.parts.hard_servers import (
    Overflow,
    ignored_by_lmstudio,
    in_window,
    refused_by_llamacpp,
    truncated_by_ollama,
)
from tests.parts.launched_command import run_anyclaude
from tests.parts.played_model import PlayedModel, answer_about, parts_with_words, question_about
from tests.parts.server_documents import scripted_ollama
from tests.parts.work_tree import make_work_tree

from anyclaude.protocol.json_values import JsonObject, JsonValue

WINDOWS = (32_768, 8_192)

PROMPT_TOKENS = {32_768: 4_100, 8_192: 600}
"""What a conversation begins with, by window."""

TOO_LONG = "prompt is too long"
"""The words of the 400, which the client logs, and on which it compacts."""

STEPWISE = PlayedModel()
IN_ONE_STEP = PlayedModel(singly=5)


def for_steps(window: int, version: str = NATIVE) -> dict[str, str]:
    """Return files that together have as many tokens as the window; releases in JavaScript compact much earlier."""
    return parts_with_words(*[window // 18 * CHARACTERS_PER_TOKEN] * (18 if version == NATIVE else 10))


def for_one_step(window: int) -> dict[str, str]:
    """Return files of which the last three, shortened as they are, do not fit beside the first five."""
    small, large = (window * 83 // 100 - PROMPT_TOKENS[window]) // 5, window * 3 // 16
    return parts_with_words(*[small * CHARACTERS_PER_TOKEN] * 5, *[large * CHARACTERS_PER_TOKEN] * 3)


async def read_all(
    version: str, folder: Path, files: Mapping[str, str], script: Script, options: ServerOptions, **environment: str
) -> tuple[Run, ChatServer]:
    """Let the client read the files, and report their words; `environment` has what the user has exported."""
    workspace = workspace_for(make_work_tree(folder / "tree", dict(files)), folder)
    async with chat_server(script, options) as server:
        task = ClientTask(question_about(workspace.tree, files), environment=environment)
        run = await run_anyclaude(installed_client(version), workspace, ("--backend-url", server.base_url), task)
    run.check()
    server.check()
    return run, server


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("version", VERSIONS)
async def test_a_conversation_that_outgrows_its_window_step_by_step_is_compacted(
    version: str, window: int, tmp_path: Path
) -> None:
    files = for_steps(window, version)
    script = in_window(STEPWISE, window, refused_by_llamacpp)
    run, _ = await read_all(version, tmp_path, files, script, ServerOptions(context_tokens=window))

    assert run.text == answer_about(files)
    assert run.events_of("system", "compact_boundary")


@pytest.mark.parametrize("window", WINDOWS)
async def test_a_conversation_that_outgrows_its_window_in_one_step_is_compacted(window: int, tmp_path: Path) -> None:
    files = for_one_step(window)
    script = in_window(IN_ONE_STEP, window, refused_by_llamacpp)
    run, server = await read_all(NATIVE, tmp_path, files, script, ServerOptions(context_tokens=window))

    assert run.text == answer_about(files)
    assert len(run.events_of("system", "compact_boundary")) == 1
    assert all(prompt_tokens(request) <= window for request in server.requests)


def lmstudio(window: int) -> Mapping[str, JsonValue]:
    """Return how LM Studio describes itself with a model that is loaded with this window."""
    lengths: JsonObject = {"max_context_length": 131_072, "loaded_context_length": window}
    model: JsonObject = {"id": "qwen3-8b", "type": "llm", "state": "loaded", **lengths}
    return {"/api/v0/models": {"data": [model]}, "/v1/models": {"data": [{"id": "qwen3-8b"}]}}


@pytest.mark.parametrize(
    ("options", "window", "overflow"),
    [
        (ServerOptions(context_tokens=32_768), 32_768, refused_by_llamacpp),
        (ServerOptions(context_tokens=8_192), 8_192, refused_by_llamacpp),
        (ServerOptions(documents=scripted_ollama("qwen3:8b", 32_768)), 32_768, truncated_by_ollama),
        (ServerOptions(documents=lmstudio(32_768)), 32_768, ignored_by_lmstudio),
    ],
    ids=["llama.cpp, 32,768", "llama.cpp, 8,192", "Ollama cuts silently", "LM Studio answers nothing"],
)
async def test_a_client_that_goes_beyond_the_window_is_told_that_its_prompt_is_too_long(
    options: ServerOptions, window: int, overflow: Overflow, tmp_path: Path
) -> None:
    """The user has exported a window for the client that is not the server's."""
    files = parts_with_words(*[window * 5 // 32 * CHARACTERS_PER_TOKEN] * 8)
    script = in_window(STEPWISE, window, overflow)
    run, _ = await read_all(NATIVE, tmp_path, files, script, options, CLAUDE_CODE_MAX_CONTEXT_TOKENS="200000")

    assert run.text == answer_about(files)
    assert TOO_LONG in run.log
    assert run.events_of("system", "compact_boundary")


async def test_a_window_that_the_server_hides_is_found_by_what_it_cuts(tmp_path: Path) -> None:
    """The client takes the window for twice as large."""
    files = parts_with_words(*[3_400 * CHARACTERS_PER_TOKEN] * 8)
    script = in_window(STEPWISE, 16_384, truncated_by_ollama)
    options = ServerOptions(documents=scripted_ollama("qwen3:8b", None))
    run, _ = await read_all(NATIVE, tmp_path, files, script, options)

    assert run.text == answer_about(files)
    assert TOO_LONG in run.log
    assert run.events_of("system", "compact_boundary")


_LEFT_OUT = re.compile(r'"file_path":"([^"]+)"\}[\s</>a-z-]*Result of calling the Read tool:\s*\[Left out')


def reading_again(request: ChatRequest) -> Reply:
    """Read in the end one of the files that were left out after a compaction."""
    played = STEPWISE(request)
    left_out = _LEFT_OUT.findall("\n".join(message.text for message in request.messages))
    if has_read_again(request) or not left_out or any(isinstance(part, Call) for part in played.parts):
        return played
    return reply(call("Read", file_path=left_out[0], limit=2000))


def has_read_again(request: ChatRequest) -> bool:
    """Return whether a file was read with a limit, which the model sets only for one that was left out."""
    calls = (call for message in request.messages for call in message.tool_calls)
    return any('"limit"' in call.function.arguments for call in calls)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_file_that_is_left_out_after_a_compaction_can_be_read_again(version: str, tmp_path: Path) -> None:
    window = 32_768
    script = in_window(reading_again, window, refused_by_llamacpp)
    _, server = await read_all(
        version, tmp_path, for_steps(window, version), script, ServerOptions(context_tokens=window)
    )

    assert has_read_again(server.requests[-1])
    assert "The word of part-" in server.requests[-1].tool_results[0].text
