"""Tools the real client loads during a session are appended, and keep their position after the gateway restarts."""

from pathlib import Path

import pytest
from tests.parts.chat_reply import call, reply, say
from tests.parts.chat_request import ChatRequest
from tests.parts.chat_script import Answer
from tests.parts.chat_server import chat_server
from tests.parts.claude_code import ClientTask, run_claude, workspace_for
from tests.parts.claude_code_versions import NATIVE, installed_client
from tests.parts.gateway import running_gateway, target_at
from tests.parts.work_tree import make_work_tree

WITH_SEARCH = {"ENABLE_TOOL_SEARCH": "true"}


def searching(request: ChatRequest) -> Answer:
    """Play a model that searches for two tools in turn, in reverse alphabetical order."""
    searched = ("WebFetch", "NotebookEdit")
    if request.turns_taken < len(searched):
        return reply(call("ToolSearch", query=f"select:{searched[request.turns_taken]}", max_results=1))
    return reply(say("Found."))


@pytest.mark.moves_prefix(reason="templates show the tools before the conversation, so an added tool moves it")
async def test_tools_found_by_a_search_are_appended_and_keep_their_position_after_a_restart(tmp_path: Path) -> None:
    workspace = workspace_for(make_work_tree(tmp_path / "tree", {"greeting.txt": "Hello.\n"}), tmp_path)
    client = installed_client(NATIVE)
    async with chat_server(searching) as server:
        for arguments in ((), ("--continue",)):
            async with running_gateway(tmp_path, target_at(server.base_url)) as gateway:
                run = await run_claude(
                    client, workspace, gateway.base_url, ClientTask("Search.", arguments, WITH_SEARCH)
                )
            server.check()
            run.check()

    tools = [request.tool_names for request in server.requests]
    assert len(tools) == 4
    assert tools[1] == (*tools[0], "WebFetch")
    assert tools[2:] == [(*tools[0], "WebFetch", "NotebookEdit")] * 2
