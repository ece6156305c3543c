"""The requests of the benchmark have the shape of those the gateway receives."""

import pytest
from benchmarks.gateway.bodies import LARGE_BYTES, LARGE_TOOLS, SMALL_BYTES, SMALL_TOOLS, request_body

from anyclaude.protocol.content import ToolResultBlock, ToolUseBlock
from anyclaude.protocol.messages_request import decode_request


@pytest.mark.parametrize(("size", "tools"), [(SMALL_BYTES, SMALL_TOOLS), (LARGE_BYTES, LARGE_TOOLS)])
def test_a_body_has_the_requested_size_and_tools(size: int, tools: int) -> None:
    body = request_body(size, tools, "stream-00007")

    assert 0.98 * size < len(body) < 1.02 * size
    assert len(decode_request(body).tools) == tools


def test_every_tool_use_in_a_body_has_its_result_in_the_next_turn() -> None:
    messages = decode_request(request_body(LARGE_BYTES, LARGE_TOOLS)).messages

    blocks = [block for turn in messages for block in turn.content]
    calls = [block.id for block in blocks if isinstance(block, ToolUseBlock)]
    results = [block.tool_use_id for block in blocks if isinstance(block, ToolResultBlock)]
    assert calls == results
    assert len(calls) > 10


def test_the_tag_is_in_the_last_message() -> None:
    body = request_body(LARGE_BYTES, LARGE_TOOLS, "stream-00007")

    assert b"stream-00007" in body[body.rindex(b'"role"') :]
