"""A reply that is not streamed is the fold of the same reply's stream."""

import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.parts.replies import any_deltas, finished_replies, judged, message_of, play
from tests.parts.splits import any_split

from anyclaude.errors import BackendTruncated, ProtocolMisuse
from anyclaude.protocol.accumulate import Accumulator
from anyclaude.protocol.deltas import CitedTextDelta, Delta, Finished, TextDelta, ToolCallDelta
from anyclaude.protocol.events import (
    BlockStop,
    Ending,
    Message,
    MessageDelta,
    Ping,
    StreamEvent,
    TextContent,
    ToolUseContent,
    Usage,
    encode_message,
)
from anyclaude.protocol.json_bounds import MAX_CONTAINERS
from anyclaude.protocol.json_values import JsonValue


def body_of(events: list[StreamEvent]) -> object:
    body: object = json.loads(encode_message(message_of(events)))
    return body


@given(st.one_of(finished_replies, any_deltas))
def test_the_accumulated_message_is_the_one_that_the_stream_spells(deltas: list[Delta]) -> None:
    events = play([deltas])
    verdict = judged(events)

    if verdict.outcome == "whole":
        assert body_of(events) == verdict.message()
    else:
        with pytest.raises(BackendTruncated):
            message_of(events)


@given(finished_replies, st.data())
def test_any_batching_of_the_events_gives_the_same_message(deltas: list[Delta], data: st.DataObject) -> None:
    events = play([deltas])
    assume(judged(events).outcome == "whole")
    accumulator = Accumulator()
    for batch in data.draw(any_split(events)):
        accumulator.take(batch)

    assert accumulator.message == message_of(events)


@given(finished_replies, st.data())
def test_a_stream_without_its_end_is_rejected_as_truncated(deltas: list[Delta], data: st.DataObject) -> None:
    events = play([deltas])
    length = data.draw(st.integers(0, len(events) - 1))

    with pytest.raises(BackendTruncated):
        message_of(events[:length])


def test_pings_do_not_change_the_message() -> None:
    events = play([[TextDelta("hello"), Finished("end_turn")]])
    pinged = [event for pair in zip([Ping()] * len(events), events, strict=True) for event in pair]

    assert message_of(pinged) == message_of(events)


def test_a_failed_stream_raises_its_own_error_message() -> None:
    events = play([[ToolCallDelta(5, "", "{}"), Finished("end_turn")]])

    with pytest.raises(BackendTruncated, match="tool call 5 does not name its tool"):
        message_of(events)


MANY_PARTS = '{"a":[' + "[]," * MAX_CONTAINERS + "1]}"


@pytest.mark.parametrize(
    ("written", "input_"),
    [
        ('{"b": [1, {"c": null}], "a": 2}', {"b": [1, {"c": None}], "a": 2}),
        ("", {}),
        (" ", {}),
        ('{"a":', '{"a":'),
        ("null", "null"),
        ("[1]", "[1]"),
        ('"x"', '"x"'),
        ("{" * 1000, "{" * 1000),
        (MANY_PARTS, MANY_PARTS),
        ('{"a":' * 1000 + "1" + "}" * 1000, '{"a":' * 1000 + "1" + "}" * 1000),
    ],
)
def test_a_tools_input_is_an_object_or_the_text_the_model_wrote(written: str, input_: JsonValue) -> None:
    message = message_of(play([[ToolCallDelta(0, "Read", written), Finished("tool_use")]]))

    assert message.content == (ToolUseContent("toolu_1", "Read", input_),)


def test_a_tools_input_keeps_the_order_of_its_keys() -> None:
    events = play([[ToolCallDelta(0, "Read", '{"b": 1, "a": 2, "c": 3}'), Finished("tool_use")]])

    assert b'"input":{"b":1,"a":2,"c":3}' in encode_message(message_of(events))


def test_the_body_has_the_wire_shape_of_the_api() -> None:
    events = play([[TextDelta("hi"), Finished("stop_sequence", "</x>")]])

    assert body_of(events) == {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "model": "local",
        "content": [{"type": "text", "text": "hi"}],
        "stop_reason": "stop_sequence",
        "stop_sequence": "</x>",
        "diagnostics": None,
        "usage": {
            "input_tokens": 0,
            "output_tokens": 0,
            "cache_read_input_tokens": 0,
            "cache_creation_input_tokens": 0,
        },
    }


@pytest.mark.parametrize("event", [BlockStop(0), MessageDelta(Ending("end_turn"), Usage())])
def test_events_that_cannot_begin_a_stream_are_a_protocol_misuse(event: StreamEvent) -> None:
    with pytest.raises(ProtocolMisuse):
        message_of([event])


def test_the_message_is_available_only_when_it_is_complete() -> None:
    events = play([[TextDelta("hi"), Finished("end_turn")]])
    accumulator = Accumulator()
    accumulator.take(events[:-1])

    with pytest.raises(BackendTruncated):
        _ = accumulator.message
    accumulator.take(events[-1:])
    assert accumulator.message == Message("msg_1", "local", (TextContent("hi"),), "end_turn", None, Usage())


def test_a_cited_block_has_its_citations_and_others_have_none() -> None:
    citation = {"cited_text": "b"}

    message = message_of(play([[TextDelta("a"), CitedTextDelta("b", (citation,)), Finished("end_turn")]]))

    assert message.content == (TextContent("a"), TextContent("b", (citation,)))
