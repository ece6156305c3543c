"""What is refused, from whom, and what is accepted: each row of the table in `docs/compatibility.md`."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.parts.chat_reply import reply, say
from tests.parts.chat_script import always
from tests.parts.chat_server import chat_server
from tests.parts.gateway import RunningGateway, running_gateway, target_at
from tests.parts.raw_client import CLAUDE_CODE, Response, ask

from anyclaude.protocol.json_values import JsonObject, JsonValue, encode_json

TABLE = Path(__file__).parents[2] / "docs" / "compatibility.md"

REFUSED, NOT_FROM_CLAUDE_CODE, ACCEPTED = "refused", "not from Claude Code", "accepted"

HELLO: JsonObject = {"role": "user", "content": "hello"}
TEXT: JsonObject = {"type": "text", "text": "look"}
CALL: JsonObject = {"type": "tool_use", "id": "t1", "name": "Read", "input": {}}
RESULT: JsonObject = {"type": "tool_result", "tool_use_id": "t1", "content": "done"}
READ: JsonObject = {"name": "Read", "input_schema": {"type": "object"}}
NEW: JsonObject = {"type": "x_new", "text": "new"}


def user(*content: JsonValue) -> JsonObject:
    return {"role": "user", "content": list(content)}


def assistant(*content: JsonValue) -> JsonObject:
    return {"role": "assistant", "content": list(content)}


def says(*turns: JsonValue) -> JsonObject:
    return {"messages": list(turns)}


def base64(**fields: JsonValue) -> JsonObject:
    source: JsonObject = {"type": "base64", "media_type": "image/png", "data": "AAAA", **fields}
    return {"type": "image", "source": {name: value for name, value in source.items() if value is not None}}


def without(block: JsonObject, name: str) -> JsonObject:
    return {kept: value for kept, value in block.items() if kept != name}


def thinking(**fields: JsonValue) -> JsonObject:
    return {"thinking": {"type": "enabled", **fields}}


ROWS: dict[str, list[JsonObject]] = {
    "`max_tokens` is missing, negative or no integer": [
        {"max_tokens": None}, {"max_tokens": -1}, {"max_tokens": 1.5}, {"max_tokens": "1"}
    ],
    "`messages` is missing or empty": [{"messages": None}, says()],
    "a message has no `role` or no `content`": [says({"content": "hi"}), says({"role": "user"}), says("hi")],
    "a block lacks its text, source, data or media type": [
        says(user({"type": "text"})),
        says(user({"type": "image"})),
        says(user(base64(data=None))),
        says(user(base64(media_type=None))),
        says(user({"text": "hi"})),
    ],
    'a field has another type (`stream: "yes"`, `system: 1`)': [
        {"stream": "yes"}, {"system": 1}, {"tools": {}}, {"metadata": "me"}, {"thinking": True}, {"temperature": "hot"}
    ],
    "`temperature` is not from 0 to 1": [{"temperature": 2}, {"temperature": 1.01}, {"temperature": -0.1}],
    "`top_p` is not from 0 to 1": [{"top_p": 1.5}, {"top_p": -1}],
    "`top_k` is negative": [{"top_k": -1}],
    "`tool_choice` has an unknown type, or `tool` no name": [
        {"tool_choice": {"type": "some"}, "tools": [READ]}, {"tool_choice": {"type": "tool"}, "tools": [READ]}
    ],
    "a stop sequence is empty": [{"stop_sequences": ["END", ""]}],
    "more than 256 stop sequences, or 10,000 characters in them": [
        {"stop_sequences": ["END"] * 257}, {"stop_sequences": ["a" * 10_001]}
    ],
    "more than 2,000 tools, or 1,024 characters in the name of one": [
        {"tools": [{**READ, "name": f"t{number}"} for number in range(2_001)]},
        {"tools": [{**READ, "name": "t" * 1_025}]},
    ],
    "`max_tokens` is 0 with a field that requires a reply": [{"max_tokens": 0, "stream": True}],
    "an unknown role": [says({"role": "bot", "content": "hi"}), says(HELLO, {"role": "tool", "content": "done"})],
    "an unknown kind of block in a user's turn": [says(user(NEW)), says(HELLO, assistant(TEXT), user(TEXT, NEW))],
    "a call has no `id`, no `name`, or an `input` that is no object": [
        says(HELLO, assistant(changed), user(RESULT))
        for changed in (
            *(without(CALL, name) for name in ("id", "name", "input")), {**CALL, "id": ""}, {**CALL, "input": "ls"}
        )
    ],
    "a result has no `tool_use_id`": [says(HELLO, assistant(CALL), user(without(RESULT, "tool_use_id")))],
    "a user's turn is empty, or a text in it is only whitespace": [
        says({"role": "user", "content": ""}), says(user()), says(user(TEXT, {"type": "text", "text": " \n"}))
    ],
    "an image has an unknown type of source, another media type, or no data": [
        says(user({"type": "image", "source": {"type": "x_new"}})),
        says(user(base64(media_type="image/svg+xml"))),
        says(user(base64(data=""))),
        says(user({"type": "document", "source": {"type": "x_new"}})),
    ],
    "`thinking.budget_tokens` is not less than `max_tokens`": [
        {"max_tokens": 2048, **thinking(budget_tokens=budget)} for budget in (2048, 4096)
    ],
    "a tool of the client has no name or no `input_schema`": [
        {"tools": [without(READ, "input_schema")]}, {"tools": [{**READ, "name": ""}]},
        {"tools": [{"type": "custom", "input_schema": {}}]},
    ],
    "two tools have the same name": [{"tools": [READ, READ]}],
    "`tool_choice` requires a tool that is not in `tools`": [
        {"tool_choice": {"type": "any"}}, {"tool_choice": {"type": "tool", "name": "Write"}, "tools": [READ]}
    ],
    "an image or document in `system`": [{"system": [TEXT, base64()]}],
    "unknown fields, at any depth": [
        {"x_new": 1}, {"tools": [{**READ, "x_new": 1}]}, says({**HELLO, "x_new": 1}), says(user({**TEXT, "x_new": {}}))
    ],
    "roles `system` and `developer` in mid-conversation": [
        says(HELLO, {"role": role, "content": "be brief"}) for role in ("system", "developer")
    ],
    "an unknown kind of block in an assistant's turn or in a result": [
        says(HELLO, assistant(NEW), HELLO), says(HELLO, assistant(CALL), user({**RESULT, "content": [NEW]}))
    ],
    "`mcp_tool_use`, `server_tool_use` and their results in an assistant's turn": [
        says(HELLO, assistant({"type": "mcp_tool_use", "id": "m", "name": "echo", "input": {}}), HELLO),
        says(HELLO, assistant({"type": "server_tool_use", "id": "s", "name": "code_execution", "input": {}}), HELLO),
        says(HELLO, assistant({"type": "mcp_tool_result", "tool_use_id": "m", "content": "hello"}), HELLO),
    ],
    "`compaction`": [
        says(HELLO, assistant({"type": "compaction", "content": text}, TEXT), HELLO) for text in ("one", None)
    ],
    "`search_result`, `container_upload`": [
        says(user({"type": "search_result", "title": "a", "source": "b", "content": [TEXT]})),
        says(user({"type": "container_upload", "file_id": "f"})),
    ],
    "an assistant's turn is empty": [
        says(HELLO, {"role": "assistant", "content": ""}, HELLO), says(HELLO, assistant(), HELLO)
    ],
    "a call without a result, a result without a call": [says(HELLO, assistant(CALL), HELLO), says(user(RESULT))],
    "calls in a user's turn, results in an assistant's": [
        says(user(CALL), user(RESULT)), says(assistant(CALL, RESULT))
    ],
    "turns of one role in a row, or the assistant first": [says(HELLO, HELLO), says(assistant(TEXT), HELLO)],
    "the last turn is the assistant's and ends in whitespace": [
        says(HELLO, {"role": "assistant", "content": "It is "})
    ],
    "a stop sequence is only whitespace": [{"stop_sequences": ["\n", "END"]}],
    "`thinking.budget_tokens` is under 1024, or missing": [thinking(budget_tokens=50), thinking()],
    "an unknown type of `thinking`": [{"thinking": {"type": "x_new"}}],
    "`temperature` beside `thinking`, or beside `top_p`": [
        {"temperature": 0.5, **thinking(budget_tokens=1024), "max_tokens": 2048}, {"temperature": 0.5, "top_p": 0.5}
    ],
    "`metadata.user_id` is longer than 256 characters": [{"metadata": {"user_id": "u" * 300}}],
    "tool names with other characters or more than 128": [
        {"tools": [{**READ, "name": name}]} for name in ("a.b", "x" * 200)
    ],
    "more than four `cache_control` markers": [
        says(user(*[{**TEXT, "cache_control": {"type": "ephemeral"}}] * 5))
    ],
}  # fmt: skip
"""Requests for each row, as their difference from a minimal one; `None` removes a field."""

CASES = [pytest.param(row, change, id=f"{row} {number}") for row in ROWS for number, change in enumerate(ROWS[row], 1)]


def decisions() -> dict[str, str]:
    """Return the decision of each row of the table."""
    rows = [line.strip("| \n").split(" | ") for line in TABLE.read_text().splitlines() if line.startswith("| ")]
    return {request: decision for request, decision, _ in rows[1:]}


DECISIONS = decisions()


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[RunningGateway]:
    """A gateway before a server that accepts everything."""
    async with (
        chat_server(always(reply(say("Hi.")))) as server,
        running_gateway(tmp_path, target_at(server.base_url)) as running,
    ):
        yield running


async def response_to(gateway: RunningGateway, change: JsonObject, headers: dict[str, str]) -> Response:
    body: JsonObject = {"model": "m", "max_tokens": 64, "messages": [HELLO], **change}
    body = {name: value for name, value in body.items() if value is not None}
    return await ask(gateway.base_url, "POST", "/v1/messages", encode_json(body), headers)


def test_every_row_of_the_table_has_its_requests() -> None:
    assert list(DECISIONS) == list(ROWS)
    assert set(DECISIONS.values()) == {REFUSED, NOT_FROM_CLAUDE_CODE, ACCEPTED}


@pytest.mark.parametrize(("row", "change"), CASES)
async def test_a_client_is_refused_or_accepted_as_the_table_says(
    gateway: RunningGateway, row: str, change: JsonObject
) -> None:
    response = await response_to(gateway, change, {})

    if DECISIONS[row] == ACCEPTED:
        assert response.status == 200, response.body
    else:
        assert response.status == 400
        assert response.error[0] == "invalid_request_error"


@pytest.mark.parametrize(("row", "change"), CASES)
async def test_claude_code_is_refused_or_accepted_as_the_table_says(
    gateway: RunningGateway, row: str, change: JsonObject
) -> None:
    response = await response_to(gateway, change, CLAUDE_CODE)

    assert response.status == (400 if DECISIONS[row] == REFUSED else 200), response.body


async def test_with_interleaved_thinking_the_budget_may_exceed_the_tokens_of_a_reply(gateway: RunningGateway) -> None:
    headers = {"anthropic-beta": "fine-1,interleaved-thinking-2025-05-14"}

    response = await response_to(gateway, thinking(budget_tokens=4096), headers)

    assert response.status == 200


async def test_counting_tokens_checks_the_same_except_the_budget(gateway: RunningGateway) -> None:
    async def count(change: JsonObject) -> Response:
        body = encode_json({"model": "m", "messages": [HELLO], **change})
        return await ask(gateway.base_url, "POST", "/v1/messages/count_tokens", body)

    assert (await count(says({"role": "bot", "content": "hi"}))).status == 400
    assert (await count(thinking(budget_tokens=4096))).status == 200
