"""The real client after a failure of the model server: it continues, and no partial reply stays in its history."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.parts.chat_reply import Refusal, Reset, Usage, call, refuse, reply, say
from tests.parts.chat_request import ChatRequest
from tests.parts.chat_script import Answer, Script, one_by_one
from tests.parts.chat_server import ChatServer, chat_server
from tests.parts.claude_code import ClientTask, Run, run_claude, workspace_for
from tests.parts.claude_code_versions import NATIVE, VERSIONS, installed_client
from tests.parts.gateway import running_gateway, target_at
from tests.parts.work_tree import make_work_tree

from anyclaude.profiles import BackendName
from anyclaude.protocol.json_values import JsonObject

WINDOW = 32_768
"""The client's prompt takes more than half of this, by the played server's count, and less than all."""

TOO_LONG: JsonObject = {
    "error": {
        "code": 400,
        "message": "request (70000 tokens) exceeds the available context size (65536 tokens), try increasing it",
        "type": "exceed_context_size_error",
        "n_prompt_tokens": 70000,
        "n_ctx": 65536,
    }
}


async def run(
    version: str, folder: Path, script: Script, kind: BackendName = "llamacpp", context_tokens: int | None = None
) -> tuple[Run, ChatServer]:
    """Run one prompt through a gateway and a played server."""
    workspace = workspace_for(make_work_tree(folder / "tree", {"notes.txt": "Remember the milk.\n"}), folder)
    async with (
        chat_server(script) as server,
        running_gateway(folder, replace(target_at(server.base_url, kind), context_tokens=context_tokens)) as gateway,
    ):
        return await run_claude(
            installed_client(version), workspace, gateway.base_url, ClientTask("Read the notes.")
        ), server


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_broken_reply_is_requested_again_and_its_partial_text_is_dropped(version: str, tmp_path: Path) -> None:
    """The gateway may ask the server to continue the partial reply; the continuation does not match."""
    partial, mismatch = (
        reply(say("The notes say that half of this"), Reset()),
        reply(say("Something else altogether.")),
    )
    whole = reply(say("The notes are read."))
    script = one_by_one(partial, lambda request: mismatch if request.messages[-1].role == "assistant" else whole, whole)

    done, server = await run(version, tmp_path, script)

    done.check()
    server.check()
    assert done.text == "The notes are read."
    assert server.requests[-1].messages == server.requests[0].messages


async def test_a_model_that_is_still_loading_is_waited_for(tmp_path: Path) -> None:
    loading = refuse(503, "Loading model", "unavailable_error")
    done, server = await run(NATIVE, tmp_path, one_by_one(loading, loading, reply(say("The notes are read."))))

    done.check()
    server.check()
    assert done.text == "The notes are read."
    assert done.events_of("system", "api_retry") == ()


COMPACTS = pytest.mark.moves_prefix(
    reason="the client drops the turn that was too long, and replaces the others by a summary"
)


@COMPACTS
async def test_a_prompt_that_is_too_long_makes_the_client_compact_and_continue(tmp_path: Path) -> None:
    done, server = await run(NATIVE, tmp_path, small_window(tmp_path / "tree" / "notes.txt", Refusal(400, TOO_LONG)))

    done.check()
    server.check()
    assert done.text == "They are about milk."
    assert len(done.events_of("system", "compact_boundary")) == 1


@COMPACTS
async def test_a_prompt_that_the_server_truncates_silently_makes_the_client_compact_and_continue(
    tmp_path: Path,
) -> None:
    cut = reply(say("Which notes?"), usage=Usage(prompt_tokens=WINDOW // 2 + 2, completion_tokens=3))
    script = small_window(tmp_path / "tree" / "notes.txt", cut)

    done, server = await run(NATIVE, tmp_path, script, "ollama", WINDOW)

    done.check()
    server.check()
    assert done.text == "They are about milk."
    assert len(done.events_of("system", "compact_boundary")) == 1


def small_window(notes: Path, when_full: Answer) -> Script:
    """Play a model whose window is full after two turns; compaction needs at least one earlier turn."""
    turns = (
        reply(say("I read."), call("Read", file_path=str(notes))),
        reply(say("Once more."), call("Bash", command="cat notes.txt", description="Read")),
        when_full,
    )

    def answer(request: ChatRequest) -> Answer:
        if "Respond with TEXT ONLY" in request.since_last_turn[-1].text:
            return reply(say("<analysis>Little.</analysis><summary>The notes are about milk.</summary>"))
        if "being continued" in request.opening:
            assert "The notes are about milk." in request.opening
            return reply(say("They are about milk."))
        return turns[request.turns_taken]

    return answer
