"""A refusal names the field and what is allowed; `tests/server/test_compatibility.py` has the decisions."""

import json

import pytest
from hypothesis import given
from tests.parts.requests import Json, bodies

from anyclaude.errors import InvalidRequest
from anyclaude.protocol.messages_request import MessagesRequest, decode_request
from anyclaude.protocol.request_checks import check_request

READ: Json = {"name": "Read", "input_schema": {}}


def decoded(body: Json) -> MessagesRequest:
    return decode_request(json.dumps(body).encode())


def content(*blocks: Json) -> Json:
    return {"messages": [{"role": "user", "content": list(blocks)}]}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"temperature": 2}, "temperature: should be from 0 to 1, not 2"),
        ({"top_p": -0.5}, "top_p: should be from 0 to 1, not -0.5"),
        ({"top_k": -1}, "top_k: should be 0 or more, not -1"),
        ({"stop_sequences": ["a"] * 257}, "stop_sequences: should have at most 256 entries, not 257"),
        ({"stop_sequences": ["a" * 6_000] * 2}, "stop_sequences: should have at most 10,000 characters in all"),
        ({"tools": [{"name": "t"}] * 2_001}, "tools: should have at most 2,000 entries, not 2,001"),
        ({"tools": [{"name": "t" * 1_025}]}, "tools.0.name: should have at most 1,024 characters, not 1,025"),
        ({"stop_sequences": ["a", ""]}, "stop_sequences.1: should have at least one character"),
        (
            {"messages": [{"role": "bot", "content": "hi"}]},
            "messages.0.role: should be user, assistant, system or developer, not 'bot'",
        ),
        ({"messages": [{"role": "user", "content": []}]}, "messages.0.content: should not be empty"),
        (
            {"messages": [{"role": "user", "content": " "}]},
            "messages.0.content: text should contain more than whitespace",
        ),
        (
            content({"type": "text", "text": ""}),
            "messages.0.content.0: text should contain more than whitespace",
        ),
        (
            content({"type": "hologram"}),
            "messages.0.content.0.type: should be text, image, document, tool_result or another type of the Messages "
            "API, not 'hologram'",
        ),
        (
            content({"type": "tool_use", "name": "Read", "input": {}}),
            "messages.0.content.0.id: field required, and not empty",
        ),
        (
            content({"type": "tool_use", "id": "a", "name": "Read"}),
            "messages.0.content.0.input: should be an object, not null",
        ),
        (content({"type": "tool_result"}), "messages.0.content.0.tool_use_id: field required, and not empty"),
        (
            content({"type": "image", "source": {"type": "base64", "media_type": "image/bmp", "data": "AAAA"}}),
            "messages.0.content.0.source.media_type: should be image/jpeg, image/png, image/gif or image/webp, "
            "not 'image/bmp'",
        ),
        (
            content({"type": "image", "source": {"type": "text", "data": "AAAA"}}),
            "messages.0.content.0.source.type: should be base64, url or file, not 'text'",
        ),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 64}},
            "thinking.budget_tokens: should be less than max_tokens, which is 64, not 64",
        ),
        ({"tools": [{"name": "Read"}]}, "tools.0.input_schema: field required"),
        ({"tools": [READ, READ]}, "tools.1.name: should be unique, but 'Read' is the name of two tools"),
        ({"tool_choice": {"type": "any"}}, "tool_choice: any requires tools, and there are none"),
        (
            {"tools": [READ], "tool_choice": {"type": "tool", "name": "Write"}},
            "tool_choice.name: should be the name of a tool, not 'Write'",
        ),
        ({"system": [{"type": "x_new"}]}, "system.0.type: should be text"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_refusal_names_the_field_and_what_is_allowed(change: Json, reason: str) -> None:
    request = decoded({"model": "m", "max_tokens": 64, "messages": [{"role": "user", "content": "hi"}], **change})

    with pytest.raises(InvalidRequest) as error:
        check_request(request, is_claude_code=False, interleaves_thinking=False)

    assert str(error.value) == reason


@given(bodies.filter(lambda body: "stop_sequences" not in body and "temperature" not in body))
def test_whatever_its_form_a_request_of_claude_code_is_accepted(body: Json) -> None:
    check_request(decoded(body), is_claude_code=True, interleaves_thinking=False)


@given(bodies)
def test_what_is_refused_is_refused_with_the_path_of_a_field(body: Json) -> None:
    try:
        check_request(decoded(body), is_claude_code=False, interleaves_thinking=False)
    except InvalidRequest as error:
        field = str(error).partition(":")[0].split(".")[0]
        assert field in {*body, "max_tokens"}
