"""The real client on servers that refuse much of what Chat Completions can say: it finishes its work, and the next
launch begins with what the server accepts."""

import itertools
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.parts.chat_reply import Refusal
from tests.parts.chat_request import ChatRequest
from tests.parts.chat_server import CHARACTERS_PER_TOKEN, ChatServer, ServerOptions, chat_server
from tests.parts.claude_code import ClientTask, Workspace, workspace_for
from tests.parts.claude_code_versions import JAVASCRIPT, NATIVE, installed_client
from tests.parts.hard_servers import CALLS_WITHOUT_PARSER, breaking_off, refusing
from tests.parts.json_at import at
from tests.parts.launched_command import run_anyclaude
from tests.parts.played_model import PlayedModel, answer_about, parts_with_words, question_about
from tests.parts.prefix_contract import prompt_of
from tests.parts.refusing_backend import REFUSALS, Refused
from tests.parts.server_documents import scripted_vllm
from tests.parts.work_tree import make_work_tree

from anyclaude.protocol.json_values import JsonValue

WINDOW = 32_768
FILES = parts_with_words(*[WINDOW // 18 * CHARACTERS_PER_TOKEN] * 14)
"""Files that do not fit beside the client's prompt: the session includes a compaction, with its own forms."""

TURNS_BEFORE_COMPACTION = 5
"""The requests of the first turns, which both releases send before they compact."""

LLAMACPP = ServerOptions(context_tokens=WINDOW)
WITHOUT_PARSER = ServerOptions(documents=scripted_vllm("m", WINDOW))

SERVERS: Mapping[str, tuple[ServerOptions, tuple[Refused, ...]]] = {
    "a strict one": (
        LLAMACPP,
        tuple(REFUSALS[name] for name in ("stream_options", "system role", "schema keywords", "user after tool")),
    ),
    "one without tools": (
        LLAMACPP,
        tuple(REFUSALS[name] for name in ("stream_options", "tools", "system role", "prefill")),
    ),
    "vLLM without a parser": (WITHOUT_PARSER, (REFUSALS["stream_options"], CALLS_WITHOUT_PARSER)),
}
"""Servers, and what they refuse of that which the gateway says to them."""


async def launch(version: str, workspace: Workspace, name: str, port: int = 0) -> ChatServer:
    """Let the client read the files; the server breaks off one reply."""
    options, refused = SERVERS[name]
    async with chat_server(refusing(breaking_off(PlayedModel(), turn=2), refused), options, port) as server:
        task = ClientTask(question_about(workspace.tree, FILES), environment={"ANYCLAUDE_PREWARM": "0"})
        run = await run_anyclaude(installed_client(version), workspace, ("--backend-url", server.base_url), task)
    run.check()
    server.check()
    assert run.text == answer_about(FILES)
    assert run.events_of("system", "compact_boundary")
    return server


@pytest.mark.parametrize(
    ("version", "name"), [*((NATIVE, name) for name in SERVERS), (JAVASCRIPT, "one without tools")]
)
async def test_a_session_is_finished_and_the_next_launch_is_refused_nothing(
    version: str, name: str, tmp_path: Path
) -> None:
    workspace = workspace_for(make_work_tree(tmp_path / "tree", dict(FILES)), tmp_path)
    first = await launch(version, workspace, name)
    second = await launch(version, workspace, name, int(first.origin.rpartition(":")[2]))

    assert refusals(first) == {refused.words for refused in SERVERS[name][1]}
    assert refusals(second) == set()
    until_compacted = [request for request in second.requests[:TURNS_BEFORE_COMPACTION] if not continues(request)]
    for before, after in itertools.pairwise(until_compacted):
        assert prompt_of(after.raw).startswith(prompt_of(before.raw))


def refusals(server: ChatServer) -> set[JsonValue]:
    """Return the server's words for what it has refused."""
    answers = [exchange.answer for exchange in server.exchanges]
    return {at(answer.body, "error", "message") for answer in answers if isinstance(answer, Refusal)}


def continues(request: ChatRequest) -> bool:
    """Return whether a request is for the rest of a reply that has broken off."""
    return request.messages[-1].role == "assistant" or "<begun>" in request.messages[-1].text
