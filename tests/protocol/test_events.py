"""Each event is encoded as one server-sent event that names its type."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.parts.referee import judge

from anyclaude.errors import BackendTimeout, BackendUnavailable, InvalidRequest
from anyclaude.protocol.events import (
    BlockDelta,
    BlockStart,
    BlockStop,
    Ending,
    InputJsonFragment,
    Message,
    MessageDelta,
    MessageStart,
    MessageStop,
    Ping,
    SignatureFragment,
    StreamEvent,
    TextContent,
    TextFragment,
    ThinkingContent,
    ThinkingFragment,
    ToolUseContent,
    Usage,
    encode_event,
    encode_events,
    encode_failure,
    encode_message,
    failure,
)
from anyclaude.protocol.sse import ServerSentEvent, SseDecoder
from anyclaude.shown_text import shown

EVENTS: list[tuple[StreamEvent, str, object]] = [
    (
        MessageStart(Message("m", "local")),
        "message_start",
        {
            "message": {
                "type": "message",
                "id": "m",
                "role": "assistant",
                "model": "local",
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "diagnostics": None,
                "usage": {
                    "input_tokens": 0,
                    "output_tokens": 0,
                    "cache_read_input_tokens": 0,
                    "cache_creation_input_tokens": 0,
                },
            }
        },
    ),
    (
        BlockStart(0, TextContent()),
        "content_block_start",
        {"index": 0, "content_block": {"type": "text", "text": ""}},
    ),
    (
        BlockStart(1, ThinkingContent()),
        "content_block_start",
        {"index": 1, "content_block": {"type": "thinking", "thinking": "", "signature": ""}},
    ),
    (
        BlockStart(2, ToolUseContent("t", "Read")),
        "content_block_start",
        {"index": 2, "content_block": {"type": "tool_use", "id": "t", "name": "Read", "input": {}}},
    ),
    (
        BlockDelta(0, TextFragment("x")),
        "content_block_delta",
        {"index": 0, "delta": {"type": "text_delta", "text": "x"}},
    ),
    (
        BlockDelta(1, ThinkingFragment("x")),
        "content_block_delta",
        {"index": 1, "delta": {"type": "thinking_delta", "thinking": "x"}},
    ),
    (
        BlockDelta(1, SignatureFragment("x")),
        "content_block_delta",
        {"index": 1, "delta": {"type": "signature_delta", "signature": "x"}},
    ),
    (
        BlockDelta(2, InputJsonFragment("{")),
        "content_block_delta",
        {"index": 2, "delta": {"type": "input_json_delta", "partial_json": "{"}},
    ),
    (BlockStop(2), "content_block_stop", {"index": 2}),
    (
        MessageDelta(Ending("stop_sequence", "X"), Usage(1, 2, 3, 4)),
        "message_delta",
        {
            "delta": {"stop_reason": "stop_sequence", "stop_sequence": "X"},
            "usage": {
                "input_tokens": 1,
                "output_tokens": 2,
                "cache_read_input_tokens": 3,
                "cache_creation_input_tokens": 4,
            },
        },
    ),
    (MessageStop(), "message_stop", {}),
    (Ping(), "ping", {}),
    (
        failure(BackendTimeout("slow"), "req_1"),
        "error",
        {"error": {"type": "timeout_error", "message": "slow"}, "request_id": "req_1"},
    ),
]


def text_event(text: str) -> StreamEvent:
    return BlockDelta(0, TextFragment(text))


@pytest.mark.parametrize(("event", "name", "fields"), EVENTS, ids=[name for _, name, _ in EVENTS])
def test_an_event_has_the_wire_shape_of_the_api(event: StreamEvent, name: str, fields: dict[str, object]) -> None:
    head, data, *rest = encode_event(event).split(b"\n")

    assert head == b"event: " + name.encode()
    assert data.startswith(b"data: ")
    assert json.loads(data.removeprefix(b"data: ")) == {"type": name, **fields}
    assert rest == [b"", b""]


@given(st.lists(st.one_of(st.sampled_from([event for event, _, _ in EVENTS]), st.builds(text_event, st.text()))))
def test_events_encoded_together_have_the_bytes_of_each_event(events: list[StreamEvent]) -> None:
    assert encode_events(events) == b"".join(map(encode_event, events))


@given(st.text())
def test_any_text_survives_encoding(text: str) -> None:
    (event,) = SseDecoder().feed(encode_event(BlockDelta(3, TextFragment(text))))

    assert event == ServerSentEvent(event.data, "content_block_delta")
    assert json.loads(event.data)["delta"]["text"] == text


@given(st.text().map(shown).filter(bool))
def test_the_text_of_an_error_survives_encoding(text: str) -> None:
    assert judge(encode_event(failure(InvalidRequest(text)))).error == ("invalid_request_error", text)


def test_an_error_has_the_anthropic_envelope() -> None:
    body = json.loads(encode_failure(failure(BackendUnavailable("the circuit is open", 3.0), "req_1")))

    assert body == {
        "type": "error",
        "error": {"type": "overloaded_error", "message": "the circuit is open"},
        "request_id": "req_1",
    }


def test_a_message_is_encoded_with_its_blocks_in_order() -> None:
    message = Message(
        "m", "local", (ThinkingContent("h", "s"), TextContent("x"), ToolUseContent("t", "Read", {"a": 1}))
    )

    assert json.loads(encode_message(message))["content"] == [
        {"type": "thinking", "thinking": "h", "signature": "s"},
        {"type": "text", "text": "x"},
        {"type": "tool_use", "id": "t", "name": "Read", "input": {"a": 1}},
    ]
