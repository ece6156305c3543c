"""A client that repeats a malformed history gets a reply to every request, and the engine keeps its prefix."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.dialects.openai_chat.conversations import PROFILE, assert_extends, body_of, messages_of
from tests.parts.chat_reply import reply, say
from tests.parts.chat_request import broken_rules, read_chat_request
from tests.parts.chat_script import always
from tests.parts.chat_server import chat_server
from tests.parts.gateway import running_gateway, target_at
from tests.parts.raw_client import CLAUDE_CODE, connected, prompt, request
from tests.parts.referee import judge

from anyclaude.profiles import BackendProfile
from anyclaude.protocol.json_values import JsonObject, JsonValue

PROFILES = [
    PROFILE,
    replace(PROFILE, accepts_images=False, mid_conversation_system="system_message"),
    replace(PROFILE, written_calls="as_text", earlier_reasoning="reasoning_content"),
]

TEXT: JsonObject = {"type": "text", "text": "look"}
IMAGE: JsonObject = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
HELLO: JsonObject = {"role": "user", "content": "hello"}
MISSING = object()

ids = st.sampled_from(["t1", "t1", "t2", "", 7, None, MISSING])
names = st.sampled_from(["Read", "Read", "", None, MISSING, "a.b", "mcp__" + "x" * 80])
inputs = st.sampled_from([{}, {"a": 1}, "ls", [1], None, 5, {"__unparsedToolInput": {"raw": "{", "len": 1}}, MISSING])
texts = st.sampled_from(["look", "", " ", "\n\n"])
odd_content = st.sampled_from(
    [
        MISSING,
        None,
        "",
        "done",
        [],
        ["a", None, 3],
        {"a": 1},
        5,
        [IMAGE],
        [{"type": "text"}],
        [{"type": "x_new"}],
        [TEXT],
    ]
)


def blocks_with(**fields: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    """Return blocks of these fields, without those that are missing."""
    return st.fixed_dictionaries(fields).map(
        lambda block: {name: value for name, value in block.items() if value is not MISSING}
    )


blocks = st.one_of(
    blocks_with(type=st.just("tool_use"), id=ids, name=names, input=inputs),
    blocks_with(type=st.just("tool_result"), tool_use_id=ids, content=odd_content, is_error=st.sampled_from([True, 0])),
    blocks_with(type=st.just("text"), text=texts),
    blocks_with(type=st.just("thinking"), thinking=texts, signature=st.sampled_from(["", "s", MISSING])),
    st.sampled_from(
        [IMAGE, {"type": "redacted_thinking", "data": ""}, {"type": "x_new"}, {"type": "x_new", "text": "x"}]
    ),
)
turns = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["user", "assistant", "user", "assistant", "system", "x_role"]),
        "content": st.one_of(st.none(), texts, st.lists(blocks, max_size=4)),
    }
)
histories = st.lists(turns, min_size=1, max_size=7)


@pytest.mark.parametrize("profile", PROFILES)
@given(history=histories)
def test_a_later_turn_never_changes_the_messages_of_a_malformed_history(
    profile: BackendProfile, history: list[JsonValue]
) -> None:
    for length in range(1, len(history)):
        assert_extends(messages_of(history[:length], profile), messages_of(history[: length + 1], profile))


@given(history=histories)
def test_a_strict_server_accepts_any_malformed_history(history: list[JsonValue]) -> None:
    body = body_of(messages=[*history, HELLO], system="be good")

    assert broken_rules(read_chat_request({}, json.dumps(body).encode())) == ()


def call(**fields: object) -> dict[str, object]:
    return {"type": "tool_use", "id": "t1", "name": "Read", "input": {}, **fields}


def result(**fields: object) -> dict[str, object]:
    return {"type": "tool_result", "tool_use_id": "t1", "content": "done", **fields}


def user(*content: object) -> dict[str, object]:
    return {"role": "user", "content": list(content)}


def assistant(*content: object) -> dict[str, object]:
    return {"role": "assistant", "content": list(content)}


HISTORIES: dict[str, list[dict[str, object]]] = {
    "an input that is a text": [assistant(call(input="ls")), user(result())],
    "an input that is a list": [assistant(call(input=["ls"])), user(result())],
    "an input that is null": [assistant(call(input=None)), user(result())],
    "a call without a name": [assistant({"type": "tool_use", "id": "t1", "input": {}}), user(result())],
    "a call with an empty name": [assistant(call(name="")), user(result())],
    "a call without an id": [assistant({"type": "tool_use", "name": "Read"}), user({"type": "tool_result"})],
    "a name of 87 characters": [assistant(call(name="m" * 87)), user(result())],
    "two calls with one id": [assistant(call(), call()), user(result(), result())],
    "a result without a call": [user(result())],
    "a result two turns later": [assistant(call()), user(TEXT), assistant(TEXT), user(result())],
    "a text before the result": [assistant(call()), user(TEXT, result())],
    "a result of unknown blocks": [assistant(call()), user(result(content=[{"type": "x_new", "x": 1}]))],
    "a result of plain values": [assistant(call()), user(result(content=["a", 1, None]))],
    "a result that is an object": [assistant(call()), user(result(content={"a": 1}))],
    "an image in a result": [assistant(call()), user(result(content=[IMAGE]))],
    "an unknown block of the assistant": [assistant({"type": "x_new"}, TEXT), user(TEXT)],
    "only unknown blocks of the assistant": [assistant({"type": "x_new"}), user(TEXT)],
    "thinking without a signature": [assistant({"type": "thinking", "thinking": "hm"}, TEXT), user(TEXT)],
    "empty texts": [assistant({"type": "text", "text": ""}, TEXT), user({"type": "text", "text": ""})],
    "an assistant of whitespace": [assistant({"type": "text", "text": "\n\n"}), user(TEXT)],
    "an assistant that says nothing": [assistant(), user(TEXT)],
    "an assistant whose content is null": [{"role": "assistant", "content": None}, user(TEXT)],
    "two turns of the assistant": [assistant(TEXT), assistant(TEXT, call()), user(result())],
    "instructions between call and result": [
        assistant(call()), {"role": "system", "content": "rule"}, user(result())
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", HISTORIES)
@pytest.mark.parametrize("begins", [[HELLO], []], ids=["", "assistant first"])
async def test_a_session_with_a_malformed_history_goes_on(tmp_path: Path, name: str, begins: list[JsonObject]) -> None:
    history = [*begins, *HISTORIES[name]]
    async with (
        chat_server(always(reply(say("Hi.")))) as server,
        running_gateway(tmp_path, target_at(server.base_url)) as gateway,
        connected(gateway.base_url) as client,
    ):
        for now in (history, [*history, assistant(TEXT), user(TEXT)]):
            await client.send(request("POST", "/v1/messages", prompt(messages=now), CLAUDE_CODE))
            response = await client.response()
            assert judge(response.body).outcome == "whole", response.body
