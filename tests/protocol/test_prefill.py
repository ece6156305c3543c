"""The fields that a prefill request may have, and the reply to it."""

import pytest

from anyclaude.errors import InvalidRequest
from anyclaude.protocol.events import Message, TextContent, Usage
from anyclaude.protocol.json_values import JsonValue
from anyclaude.protocol.messages_request import request_from
from anyclaude.protocol.prefill import check_prefill, is_prefill, prefilled

REQUEST: dict[str, JsonValue] = {
    "model": "m",
    "max_tokens": 0,
    "messages": [{"role": "user", "content": "Hello"}],
    "tools": [{"name": "Read", "input_schema": {"type": "object"}}],
}

CONTRADICTIONS: list[dict[str, JsonValue]] = [
    {"stream": True},
    {"thinking": {"type": "enabled", "budget_tokens": 1024}},
    {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}}},
    {"tool_choice": {"type": "any"}},
    {"tool_choice": {"type": "tool", "name": "Read"}},
]

COMPATIBLE: list[dict[str, JsonValue]] = [
    {},
    {"stream": False},
    {"thinking": {"type": "adaptive"}},
    {"output_config": {"effort": "high"}},
    {"tool_choice": {"type": "auto"}},
]


@pytest.mark.parametrize("more", CONTRADICTIONS)
def test_a_prefill_request_with_a_field_that_requires_a_reply_is_rejected_as_by_the_api(
    more: dict[str, JsonValue],
) -> None:
    with pytest.raises(InvalidRequest, match=f"max_tokens: 0 .*{next(iter(more))}"):
        check_prefill(request_from({**REQUEST, **more}))


@pytest.mark.parametrize("more", [*CONTRADICTIONS, *COMPATIBLE])
def test_a_request_for_a_reply_may_have_any_of_these_fields(more: dict[str, JsonValue]) -> None:
    check_prefill(request_from({**REQUEST, "max_tokens": 1, **more}))


@pytest.mark.parametrize("more", COMPATIBLE)
def test_a_prefill_request_may_have_fields_that_do_not_require_a_reply(more: dict[str, JsonValue]) -> None:
    request = request_from({**REQUEST, **more})
    check_prefill(request)

    assert is_prefill(request)


def test_the_token_that_a_server_generates_anyway_is_not_passed_on() -> None:
    reply = Message("msg_1", "m", content=(TextContent("H"),), stop_reason="end_turn", usage=Usage(3, 1, 9))

    assert prefilled(reply) == Message("msg_1", "m", content=(), stop_reason="max_tokens", usage=Usage(3, 0, 9))
