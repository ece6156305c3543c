"""The long session knows its step by what it reads, and the tool server answers as it is asked."""

import json
import subprocess
import sys
from pathlib import Path

from tests.parts import mcp_server
from tests.parts.chat_reply import Call, Say
from tests.parts.chat_request import ChatRequest, read_chat_request
from tests.parts.long_session import LongSession, tokens_of
from tests.parts.played_model import COMPACTION

from anyclaude.protocol.json_values import JsonObject, JsonValue, encode_json

SESSION = LongSession(Path("/tree"), 20)


def request(*texts: str) -> ChatRequest:
    messages: list[JsonValue] = [{"role": "user", "content": text} for text in texts]
    body: JsonObject = {"model": "m", "messages": messages, "max_tokens": 4_000}
    return read_chat_request({}, encode_json(body))


def test_the_next_step_follows_from_a_summary() -> None:
    first, last = SESSION(request("Begin.")).parts[0], SESSION(request("Step 6. is done.")).parts

    assert first == Say("Step 1.")
    assert last[0] == Say("Step 7.")
    assert len([part for part in last if isinstance(part, Call)]) == 8


def test_a_summary_names_the_last_step_and_the_session_ends_after_all_steps() -> None:
    assert "Step 6." in str(SESSION(request("Step 6.", COMPACTION)).parts[0])
    assert SESSION(request("Step 20.")).parts == (Say(SESSION.final_text),)


def test_a_long_text_is_no_longer_than_a_reply_may_be() -> None:
    (text,) = (part.text for part in LongSession(Path("/tree"), 99)(request("Step 44.")).parts if isinstance(part, Say))

    assert 2_000 < tokens_of(text) <= 4_000


def test_digits_are_tokens_of_their_own() -> None:
    assert tokens_of("1234" + "a" * 8) == 6


def test_the_tool_server_answers_each_request_with_a_line() -> None:
    requests: list[JsonObject] = [
        {"id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18"}},
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/call", "params": {"name": "text", "arguments": {"characters": 9, "digits": True}}},
    ]
    lines = "".join(json.dumps(line) + "\n" for line in requests)
    command = (sys.executable, mcp_server.__file__)
    out = subprocess.run(command, input=lines, text=True, capture_output=True, check=True, timeout=30).stdout

    first, second = (json.loads(line) for line in out.splitlines())
    assert first["result"]["protocolVersion"] == "2025-06-18"
    assert second["result"]["content"][0]["text"] == mcp_server.text_of(9, digits=True)
    assert len(mcp_server.text_of(9, digits=True)) == len(mcp_server.text_of(9, digits=False)) == 9
