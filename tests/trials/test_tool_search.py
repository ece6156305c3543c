"""Tools that the real client loads while it works join at the end, and stay there when the gateway is another one."""

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
    """Play a model that looks for two tools, one after the other, the later of them the earlier in the alphabet."""
    searched = ("WebFetch", "NotebookEdit")
    if request.turns_taken < len(searched):
        return reply(call("ToolSearch", query=f"select:{searched[request.turns_taken]}", max_results=1))
    return reply(say("Found."))


@pytest.mark.moves_prefix(reason="templates show the tools before the conversation, so a tool that joins moves it")
async def test_tools_that_were_searched_for_are_appended_and_stay_after_a_restart(tmp_path: Path) -> None:
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
