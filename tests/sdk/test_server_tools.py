"""A web search without a provider, as the official SDK gets it."""

from pathlib import Path

import pytest
from anthropic.types import (
    BashCodeExecutionToolResultBlock,
    BashCodeExecutionToolResultError,
    ServerToolUseBlock,
    TextBlock,
    ToolUnionParam,
    WebSearchTool20250305Param,
    WebSearchToolResultBlock,
    WebSearchToolResultError,
)
from tests.parts.chat_reply import reply, say
from tests.parts.chat_script import always
from tests.sdk.clients import HELLO, MODEL, sdk_setup

CODE: ToolUnionParam = {"type": "code_execution_20250825", "name": "code_execution"}
SEARCH: WebSearchTool20250305Param = {"type": "web_search_20250305", "name": "web_search"}


@pytest.mark.parametrize("is_streamed", [True, False])
async def test_it_is_an_error_of_the_tool_and_nothing_that_a_model_made_up(tmp_path: Path, is_streamed: bool) -> None:
    async with sdk_setup(tmp_path, always(reply(say("Released in May 2031.")))) as setup:
        messages = setup.client.messages
        content: list[object]
        if is_streamed:
            async with messages.stream(model=MODEL, max_tokens=50, messages=HELLO, tools=[SEARCH]) as stream:
                content = [*(await stream.get_final_message()).content]
        else:
            whole = await messages.create(model=MODEL, max_tokens=50, messages=HELLO, tools=[SEARCH])
            content = [*whole.content]

    call, result, text = content
    assert isinstance(call, ServerToolUseBlock)
    assert isinstance(result, WebSearchToolResultBlock)
    assert isinstance(result.content, WebSearchToolResultError)
    assert result.content.error_code == "unavailable"
    assert result.tool_use_id == call.id
    assert call.input
    assert isinstance(text, TextBlock)
    assert "2031" not in text.text
    assert not setup.server.requests


async def test_a_program_that_is_not_run_is_an_error_too(tmp_path: Path) -> None:
    async with sdk_setup(tmp_path, always(reply(say("It printed 42.")))) as setup:
        stream = setup.client.messages.stream(model=MODEL, max_tokens=50, messages=HELLO, tools=[CODE])
        async with stream as events:
            call, result, text = (await events.get_final_message()).content

    assert isinstance(call, ServerToolUseBlock)
    assert isinstance(result, BashCodeExecutionToolResultBlock)
    assert isinstance(result.content, BashCodeExecutionToolResultError)
    assert isinstance(text, TextBlock)
    assert "42" not in text.text
    assert not setup.server.requests
