"""The real client in sessions of 200 steps, with results as large as it allows, in small and large windows."""

import itertools
from pathlib import Path

import pytest
from tests.parts.chat_request import ChatRequest
from tests.parts.chat_server import ServerOptions, chat_server, prompt_tokens
from tests.parts.claude_code import ClientTask, workspace_for
from tests.parts.claude_code_versions import NATIVE, installed_client
from tests.parts.hard_servers import in_window, refused_by_llamacpp
from tests.parts.launched_command import run_anyclaude
from tests.parts.long_session import LongSession, files_to_read, mcp_configuration, tokens_of
from tests.parts.played_model import COMPACTION
from tests.parts.prefix_contract import prompt_of
from tests.parts.work_tree import make_work_tree

from anyclaude.claude_code import REMINDER_END
from anyclaude.protocol.json_values import encode_json

STEPS = 200
TASK = "Work through all steps."

MOST_COMPACTIONS = {8_192: 80, 16_384: 60, 32_768: 50, 131_072: 30}
"""By window; measured with Claude Code 2.1.332: 56, 42, 37 and 22."""


@pytest.mark.parametrize("window", MOST_COMPACTIONS)
async def test_a_session_of_200_steps_reaches_its_end(window: int, tmp_path: Path) -> None:
    workspace = workspace_for(make_work_tree(tmp_path / "tree", files_to_read()), tmp_path)
    session = LongSession(workspace.tree, STEPS)
    script = in_window(session, window, refused_by_llamacpp, tokens_of)
    tools = ("--mcp-config", encode_json(mcp_configuration()).decode())
    async with chat_server(script, ServerOptions(context_tokens=window, tokens_of=tokens_of)) as server:
        task = ClientTask(TASK, tools, timeout_seconds=500)
        run = await run_anyclaude(installed_client(NATIVE), workspace, ("--backend-url", server.base_url), task)
    run.check()
    server.check()

    assert run.text == session.final_text
    assert 0 < len(run.events_of("system", "compact_boundary")) <= MOST_COMPACTIONS[window]
    assert all(prompt_tokens(request, tokens_of) <= window for request in server.requests)
    assert all(extends(later, earlier) for earlier, later in itertools.pairwise(server.requests))
    # After a compaction the client may add a note on a file to the last of its instructions.
    beginning = prompt_of(server.requests[0].raw).partition(TASK)[0].removesuffix(f"\n{REMINDER_END}\n\n")
    assert all(prompt_of(request.raw).startswith(beginning) for request in server.requests)


def extends(later: ChatRequest, earlier: ChatRequest) -> bool:
    """Return whether a prompt extends the one before; a summary's does not, and what follows it begins anew."""
    if is_compaction(earlier) or is_compaction(later):
        return True
    return prompt_of(later.raw).startswith(prompt_of(earlier.raw))


def is_compaction(request: ChatRequest) -> bool:
    """Return whether the client asks for a summary."""
    return any(COMPACTION in message.text for message in request.since_last_turn)
