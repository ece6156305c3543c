"""A request is decoded without losing anything, and rejected only with an error that names the field."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.parts.requests import Json, bodies, damaged, json_objects, json_values

from anyclaude.errors import InvalidRequest
from anyclaude.protocol.content import TextBlock, ToolResultBlock, UnknownBlock
from anyclaude.protocol.json_values import JsonObject, JsonValue
from anyclaude.protocol.messages_request import (
    MessagesRequest,
    ToolChoice,
    Turn,
    decode_request,
    encode_request,
    request_from,
)

MINIMAL: Json = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "hi"}]}


def encoded(body: object) -> bytes:
    return json.dumps(body).encode()


def decoded(**fields: object) -> MessagesRequest:
    return decode_request(encoded({**MINIMAL, **fields}))


# Nothing is lost


@given(bodies)
def test_a_decoded_request_is_encoded_as_it_was_received(body: Json) -> None:
    assert json.loads(encode_request(decode_request(encoded(body)))) == body


@given(bodies, st.data())
def test_an_encoded_request_is_decoded_to_the_same_request(body: Json, data: st.DataObject) -> None:
    absent = {name: data.draw(st.sampled_from(forms)) for name, forms in SAME_AS_ABSENT.items() if name not in body}
    request = decode_request(encoded({**body, **absent}))

    assert request == decode_request(encoded(body))
    assert decode_request(encode_request(request)) == request


SAME_AS_ABSENT: dict[str, list[object]] = {
    "system": [None, ""],
    "tools": [None, []],
    "tool_choice": [None],
    "stop_sequences": [None, []],
    "temperature": [None],
    "top_p": [None],
    "top_k": [None],
    "stream": [None, False],
    "metadata": [None],
    "diagnostics": [None],
    "thinking": [None],
    "output_config": [None],
    "context_management": [None],
    "service_tier": [None],
}
"""For each optional field, the values that mean the same as omitting it."""


def test_a_string_stays_a_string_and_a_list_stays_a_list() -> None:
    request = decoded(
        system=[{"type": "text", "text": "s"}],
        messages=[
            {"role": "user", "content": "hi"},
            {"role": "user", "content": [{"type": "text", "text": "hi"}]},
            {"role": "user", "content": []},
        ],
    )

    assert [turn.content for turn in request.messages] == ["hi", (TextBlock("hi"),), ()]
    assert request.system == (TextBlock("s"),)


def test_the_order_of_keys_in_schemas_and_inputs_is_preserved() -> None:
    schema = '{"type":"object","properties":{"z":{"b":1,"a":2},"a":{}},"required":["z"]}'
    given_input = '{"z":1,"a":{"y":2,"b":3}}'
    body = (
        f'{{"model":"m","max_tokens":1,"tools":[{{"name":"Read","input_schema":{schema}}}],"messages":[{{"role":"user",'
        f'"content":[{{"type":"tool_use","id":"t","name":"Read","input":{given_input}}}]}}]}}'
    )
    text = encode_request(decode_request(body.encode())).decode()

    assert schema in text
    assert given_input in text


def test_a_request_of_the_real_client_is_typed_field_by_field() -> None:
    request = decoded(
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "t", "is_error": True, "content": "no"},
                    {"type": "text", "text": "go on", "cache_control": {"type": "ephemeral"}},
                ],
            },
            {"role": "system", "content": "mid-conversation"},
        ],
        system=[{"type": "text", "text": "You are"}, {"type": "text", "text": "helpful"}],
        tools=[
            {"name": "Read", "description": "reads", "input_schema": {"type": "object"}, "defer_loading": True},
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 8},
        ],
        tool_choice={"type": "tool", "name": "Read", "disable_parallel_tool_use": True},
        stop_sequences=["</block>"],
        temperature=1,
        stream=True,
        thinking={"type": "adaptive"},
        safeguards={"new": True},
    )

    assert request.messages == (
        Turn(
            "user",
            (ToolResultBlock("t", "no", True), TextBlock("go on", {"cache_control": {"type": "ephemeral"}})),
        ),
        Turn("system", "mid-conversation"),
    )
    assert [(tool.name, tool.is_server_tool, tool.defer_loading) for tool in request.tools] == [
        ("Read", False, True),
        ("web_search", True, False),
    ]
    assert request.tools[1].extra == {"max_uses": 8}
    assert request.tool_choice == ToolChoice("tool", "Read", True)
    assert request.stop_sequences == ("</block>",)
    assert request.temperature == 1.0
    assert request.stream
    assert request.thinking == {"type": "adaptive"}
    assert request.extra == {"safeguards": {"new": True}}


def test_max_tokens_of_a_prefill_request_is_zero() -> None:
    assert decoded(max_tokens=0).max_tokens == 0


def test_max_tokens_may_be_omitted_where_a_default_is_given() -> None:
    body: JsonObject = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}

    assert request_from(body, max_tokens=1).max_tokens == 1
    assert request_from({**body, "max_tokens": 7}, max_tokens=1).max_tokens == 7
    with pytest.raises(InvalidRequest, match=r"max_tokens: field required"):
        request_from(body)


# No other error is raised


@given(st.one_of(st.binary(max_size=60), json_values.map(encoded), json_objects.map(encoded)))
def test_any_bytes_and_any_json_are_rejected_as_an_invalid_request(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        decode_request(body)


@given(damaged(bodies))
def test_a_damaged_request_is_rejected_or_decoded_without_loss(body: object) -> None:
    try:
        request = decode_request(encoded(body))
    except InvalidRequest as error:
        assert ": " in str(error)
    else:
        assert decode_request(encode_request(request)) == request


@given(bodies, st.data())
def test_a_truncated_request_is_rejected(body: Json, data: st.DataObject) -> None:
    whole = encoded(body)
    length = data.draw(st.integers(0, len(whole) - 1))

    with pytest.raises(InvalidRequest, match="not valid JSON"):
        decode_request(whole[:length])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"\xef\xbb\xbf" + encoded(MINIMAL),
        encoded(MINIMAL) + b"x",
        encoded({**MINIMAL, "x": "VALUE"}).replace(b'"VALUE"', b"NaN"),
        encoded({**MINIMAL, "x": "VALUE"}).replace(b'"VALUE"', b"-Infinity"),
        encoded({**MINIMAL, "x": "VALUE"}).replace(b'"VALUE"', b"1e999"),
        encoded({**MINIMAL, "x": "VALUE"}).replace(b'"VALUE"', b"1" * 5000),
        encoded({**MINIMAL, "x": "VALUE"}).replace(b"VALUE", b"\xff\xfe"),
        encoded({**MINIMAL, "x": "VALUE"}).replace(b"VALUE", b"\xed\xa0\xbd"),
        encoded({**MINIMAL, "x": "VALUE"}).replace(b'"VALUE"', b"[" * 200 + b"]" * 200),
        encoded({**MINIMAL, "x": "VALUE"}).replace(b'"VALUE"', b"[" * 200_000 + b"]" * 200_000),
        encoded({**MINIMAL, "x": "VALUE"}).replace(b'"VALUE"', b'{"a":' * 200_000 + b"1" + b"}" * 200_000),
        b"[" * 1_000_000,
        json.dumps(MINIMAL).encode("utf-16"),
    ],
    ids=lambda body: repr(body[-60:][:24]),
)
def test_invalid_json_is_rejected(body: bytes) -> None:
    with pytest.raises(InvalidRequest, match="not valid JSON"):
        decode_request(body)


def test_of_duplicate_keys_the_last_counts() -> None:
    body = b'{"max_tokens":1,"max_tokens":2,"model":"m","messages":[{"role":"user","content":"hi"}]}'

    assert decode_request(body).max_tokens == 2


def test_a_huge_integer_is_preserved_to_its_last_digit() -> None:
    assert decoded(x=10**400).extra == {"x": 10**400}


TURN = {"role": "user", "content": "hi"}


def turn(*content: JsonValue) -> Json:
    return {"messages": [TURN, {"role": "user", "content": list(content)}]}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"model": None}, "model: should be a string, not null"),
        ({"model": 1}, "model: should be a string, not an integer"),
        ({"max_tokens": "1"}, "max_tokens: should be an integer, not a string"),
        ({"max_tokens": True}, "max_tokens: should be an integer, not a boolean"),
        ({"max_tokens": 1.5}, "max_tokens: should be an integer, not a number"),
        ({"max_tokens": -1}, "max_tokens: should be 0 or more, not -1"),
        ({"messages": []}, "messages: at least one message is required"),
        ({"messages": {}}, "messages: should be a list, not an object"),
        ({"messages": ["hi"]}, "messages.0: should be an object, not a string"),
        ({"messages": [TURN, {"content": "hi"}]}, "messages.1.role: field required"),
        ({"messages": [TURN, {"role": "user"}]}, "messages.1.content: field required"),
        (
            {"messages": [{"role": "user", "content": 1}]},
            "messages.0.content: should be a string or a list of content blocks, not an integer",
        ),
        (turn("hi"), "messages.1.content.0: should be an object, not a string"),
        (turn({}), "messages.1.content.0.type: field required"),
        (turn({"type": "text"}), "messages.1.content.0.text: field required"),
        (turn({"type": "text", "text": 1}), "messages.1.content.0.text: should be a string, not an integer"),
        (turn({"type": "image"}), "messages.1.content.0.source: should be an object, not null"),
        (turn({"type": "image", "source": {"type": "url"}}), "messages.1.content.0.source.url: field required"),
        (turn({"type": "thinking"}), "messages.1.content.0.thinking: field required"),
        ({"system": 1}, "system: should be a string or a list of content blocks, not an integer"),
        ({"system": [{"type": "text"}]}, "system.0.text: field required"),
        ({"tools": {}}, "tools: should be a list, not an object"),
        ({"tools": [{"name": "a"}, {}]}, "tools.1.name: field required"),
        ({"tools": [{"name": "a", "input_schema": []}]}, "tools.0.input_schema: should be an object, not a list"),
        ({"tool_choice": "auto"}, "tool_choice: should be an object, not a string"),
        ({"tool_choice": {"type": "some"}}, "tool_choice.type: should be auto, any, tool or none, not 'some'"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name: field required"),
        ({"stop_sequences": ["a", 1]}, "stop_sequences.1: should be a string, not an integer"),
        ({"temperature": "1"}, "temperature: should be a number, not a string"),
        ({"temperature": True}, "temperature: should be a number, not a boolean"),
        ({"temperature": 10**400}, "temperature: the number is too large"),
        ({"stream": 1}, "stream: should be a boolean, not an integer"),
        ({"thinking": []}, "thinking: should be an object, not a list"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_error_names_the_field_and_the_reason(change: Json, reason: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        decoded(**change)

    assert str(error.value) == reason


@pytest.mark.parametrize("name", MINIMAL)
def test_a_missing_required_field_is_named(name: str) -> None:
    body = {kept: value for kept, value in MINIMAL.items() if kept != name}

    with pytest.raises(InvalidRequest, match=f"{name}: field required"):
        decode_request(encoded(body))


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3), st.lists(st.integers(), max_size=2)))
def test_a_body_that_is_not_an_object_is_rejected_as_a_whole(body: object) -> None:
    with pytest.raises(InvalidRequest, match=r"request: should be an object, not (null|an? .*)"):
        decode_request(encoded(body))


def test_unknown_blocks_and_roles_are_accepted() -> None:
    request = decoded(messages=[{"role": "critic", "content": [{"type": "hologram", "beam": [1]}], "mood": "good"}])

    assert request.messages == (
        Turn("critic", (UnknownBlock("hologram", {"type": "hologram", "beam": [1]}),), {"mood": "good"}),
    )


def test_a_turn_whose_content_is_null_is_empty() -> None:
    assert decoded(messages=[{"role": "assistant", "content": None}]).messages == (Turn("assistant", ""),)


def test_a_set_of_server_tools_needs_no_name() -> None:
    tool = {"type": "mcp_toolset", "mcp_server_name": "files"}
    body = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}], "tools": [tool]}
    request = decode_request(json.dumps(body).encode())

    assert request.tools[0].is_server_tool
    assert json.loads(encode_request(request))["tools"] == [tool]
