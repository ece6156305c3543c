"""Calls that Anthropic's servers have run, and their results, as the model reads them."""

import pytest
from anthropic.types.beta import BetaContentBlockParam
from hypothesis import given
from pydantic import TypeAdapter
from tests.parts.requests import json_objects

from anyclaude.protocol.content import TextBlock, ToolUseBlock, UnknownBlock, decode_block, encode_block
from anyclaude.protocol.detached_data import MIN_DATA_BYTES, RequestBody
from anyclaude.protocol.json_values import JsonObject, JsonValue, decode_json, encode_json
from anyclaude.protocol.remote_calls import remote_call, remote_result
from anyclaude.protocol.server_tools import ServerToolResult

MCP_CALL: JsonObject = {
    "type": "mcp_tool_use",
    "id": "mcptoolu_1",
    "name": "echo",
    "server_name": "example",
    "input": {"text": "hello"},
}
RAN: JsonObject = {
    "type": "code_execution_result",
    "stdout": "4\n",
    "stderr": "slow\n",
    "return_code": 0,
    "content": [{"type": "code_execution_output", "file_id": "file_1"}],
}
RUN = "4\nslow\n[return code 0]"
FILE = '\n[a file, left on Anthropic\'s servers: {"type":"code_execution_output","file_id":"file_1"}]'
SHELL_RAN: JsonObject = {**RAN, "type": "bash_code_execution_result", "content": []}


def result(kind: str, content: JsonValue, **fields: JsonValue) -> JsonObject:
    return {"type": kind, "tool_use_id": "id_1", "content": content, **fields}


def test_a_call_of_an_mcp_server_has_the_name_that_claude_code_gives_it() -> None:
    assert remote_call(decode_block(MCP_CALL, "block")) == ToolUseBlock(
        "mcptoolu_1", "mcp__example__echo", {"text": "hello"}
    )
    without = {name: value for name, value in MCP_CALL.items() if name != "server_name"}
    assert remote_call(decode_block(without, "block")) == ToolUseBlock("mcptoolu_1", "echo", {"text": "hello"})


def test_code_is_a_call() -> None:
    block = UnknownBlock("server_tool_use", {"id": "s", "name": "code_execution", "input": {"code": "2 + 2"}})

    assert remote_call(block) == ToolUseBlock("s", "code_execution", {"code": "2 + 2"})


@pytest.mark.parametrize(
    ("block", "text", "is_error"),
    [
        (result("mcp_tool_result", "hello"), "hello", False),
        (result("mcp_tool_result", [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]), "a\n\nb", False),
        (result("mcp_tool_result", [], is_error=True), "[]", True),
        (result("code_execution_tool_result", RAN), RUN + FILE, False),
        (result("bash_code_execution_tool_result", SHELL_RAN), RUN, False),
        (
            result(
                "text_editor_code_execution_tool_result",
                {"type": "text_editor_code_execution_view_result", "file_type": "text", "content": "x = 1"},
            ),
            "x = 1",
            False,
        ),
        (
            result(
                "text_editor_code_execution_tool_result",
                {"type": "text_editor_code_execution_str_replace_result", "lines": ["-a", "+b"]},
            ),
            "-a\n+b",
            False,
        ),
        (
            result(
                "code_execution_tool_result", {"type": "code_execution_tool_result_error", "error_code": "unavailable"}
            ),
            '{"type":"code_execution_tool_result_error","error_code":"unavailable"}',
            True,
        ),
        (
            result(
                "code_execution_tool_result",
                {
                    "type": "encrypted_code_execution_result",
                    "encrypted_stdout": "Eq==",
                    "stderr": "",
                    "return_code": 1,
                    "content": [],
                },
            ),
            "[its output is encrypted]\n[return code 1]",
            False,
        ),
    ],
)
def test_a_result_is_what_the_model_can_read_of_it(block: JsonObject, text: str, is_error: bool) -> None:
    TypeAdapter(BetaContentBlockParam).validate_python(block)
    assert remote_result(decode_block(block, "block")) == ServerToolResult("id_1", text, is_error)


def test_a_marker_that_moves_from_turn_to_turn_moves_no_text() -> None:
    marked: JsonValue = {"type": "ephemeral"}
    for block in (result("mcp_tool_result", "hello"), result("code_execution_tool_result", RAN), MCP_CALL):
        plain, moved = decode_block(block, "block"), decode_block({**block, "cache_control": marked}, "block")
        assert (remote_call(plain), remote_result(plain)) == (remote_call(moved), remote_result(moved))


def test_data_is_no_text() -> None:
    body = encode_json(result("x_tool_result", {"data": "A" * MIN_DATA_BYTES}))
    json, _ = RequestBody((body,)).detached()

    found = remote_result(decode_block(decode_json(json), "block"))

    assert found is not None
    assert found.text == "[omitted: it has no text]"


def test_other_blocks_are_neither() -> None:
    for block in (TextBlock("a"), UnknownBlock("mcp_tool_use", {"id": 1}), UnknownBlock("x_tool_result", {})):
        assert remote_call(block) is None
        assert remote_result(block) is None


@given(json_objects, json_objects)
def test_any_value_can_be_read_and_is_kept_as_it_was(fields: JsonObject, content: JsonObject) -> None:
    for kind in ("mcp_tool_use", "server_tool_use", "mcp_tool_result", "code_execution_tool_result"):
        raw: JsonObject = {"id": "i", "name": "n", "tool_use_id": "i", "content": content, **fields, "type": kind}
        block = decode_block(raw, "block")
        remote_call(block)
        remote_result(block)
        assert encode_block(block) == raw
