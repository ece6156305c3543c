"""The referee accepts a valid stream and rejects every planted violation."""

import json
from collections.abc import Callable
from copy import deepcopy

import pytest
from tests.parts.referee import Block, Foul, judge, judge_events

Event = dict[str, object]
Events = list[Event]

MESSAGE: Event = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "local",
    "content": [],
    "stop_reason": None,
    "stop_sequence": None,
    "usage": {"input_tokens": 0, "output_tokens": 0},
}


def start(index: int, **block: object) -> Event:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int, **delta: object) -> Event:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def stop(index: int) -> Event:
    return {"type": "content_block_stop", "index": index}


def ending(reason: object, **usage: object) -> Event:
    return {
        "type": "message_delta",
        "delta": {"stop_reason": reason, "stop_sequence": None},
        "usage": {"output_tokens": 3, **usage},
    }


def valid_stream() -> Events:
    """Return a stream with a block of each kind, and two tool calls."""
    return [
        {"type": "ping"},
        {"type": "message_start", "message": deepcopy(MESSAGE)},
        start(0, type="thinking", thinking="", signature=""),
        delta(0, type="thinking_delta", thinking="hm"),
        delta(0, type="signature_delta", signature="s"),
        stop(0),
        {"type": "ping"},
        start(1, type="text", text=""),
        delta(1, type="text_delta", text="on"),
        delta(1, type="text_delta", text="e"),
        stop(1),
        start(2, type="tool_use", id="t1", name="Read", input={}),
        delta(2, type="input_json_delta", partial_json='{"a"'),
        delta(2, type="input_json_delta", partial_json=":1}"),
        stop(2),
        start(3, type="tool_use", id="t2", name="Bash", input={}),
        delta(3, type="input_json_delta", partial_json="{"),
        stop(3),
        ending("tool_use", input_tokens=7),
        {"type": "message_stop"},
    ]


def wire(events: Events) -> bytes:
    return b"".join(b"event: %s\ndata: %s\n\n" % (str(e["type"]).encode(), json.dumps(e).encode()) for e in events)


FAILED: Event = {"type": "error", "error": {"type": "api_error", "message": "gone"}}


def test_a_valid_stream_is_whole_and_yields_its_message() -> None:
    verdict = judge(wire(valid_stream()))

    assert verdict.outcome == "whole"
    assert verdict.blocks == [
        Block("thinking", pieces=["hm"], signature="s"),
        Block("text", pieces=["on", "e"]),
        Block("tool_use", "t1", "Read", ['{"a"', ":1}"]),
        Block("tool_use", "t2", "Bash", ["{"]),
    ]
    assert verdict.tool_inputs() == [("Read", '{"a":1}'), ("Bash", "{")]
    assert verdict.texts() == ["one"]
    assert verdict.texts("thinking") == ["hm"]
    assert verdict.usage == {"input_tokens": 7, "output_tokens": 3}
    assert verdict.stop_reason == "tool_use"
    assert verdict.pings == 2


def test_the_message_equals_the_body_without_streaming() -> None:
    assert judge(wire(valid_stream())).message() == {
        **MESSAGE,
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "text", "text": "one"},
            {"type": "tool_use", "id": "t1", "name": "Read", "input": {"a": 1}},
            {"type": "tool_use", "id": "t2", "name": "Bash", "input": "{"},
        ],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 7, "output_tokens": 3},
    }


@pytest.mark.parametrize("length", range(len(valid_stream())))
def test_a_stream_without_an_ending_is_cut_short(length: int) -> None:
    assert judge(wire(valid_stream()[:length])).outcome == "cut_short"


def test_a_stream_truncated_inside_an_event_is_cut_short() -> None:
    raw = wire(valid_stream())

    assert {judge(raw[:length]).outcome for length in range(len(raw))} == {"cut_short"}


@pytest.mark.parametrize("length", range(len(valid_stream())))
def test_an_error_may_end_the_stream_anywhere(length: int) -> None:
    verdict = judge(wire([*valid_stream()[:length], FAILED]))

    assert verdict.outcome == "failed"
    assert verdict.error == ("api_error", "gone")


def drop(position: int) -> Callable[[Events], Events]:
    return lambda events: events[:position] + events[position + 1 :]


def put(position: int, event: Event) -> Callable[[Events], Events]:
    return lambda events: [*events[:position], event, *events[position:]]


def swap(position: int, event: Event) -> Callable[[Events], Events]:
    return lambda events: [*events[:position], event, *events[position + 1 :]]


def message(**changed: object) -> Event:
    return {"type": "message_start", "message": {**MESSAGE, **changed}}


FOULS: dict[str, tuple[Callable[[Events], Events], str]] = {
    "no message_start": (drop(1), "does not begin"),
    "a second message_start": (put(2, message()), "a second message_start"),
    "a message_start at the end": (put(19, message()), "a second message_start"),
    "an event before message_start": (put(0, start(0, type="text", text="")), "does not begin"),
    "a message without id": (swap(1, message(id="")), "id is not a string"),
    "a message without model": (swap(1, message(model=None)), "model is not a string"),
    "a message of another role": (swap(1, message(role="user")), "role"),
    "a message of another type": (swap(1, message(type="msg")), "type is not message"),
    "a message that begins with content": (swap(1, message(content=[{}])), "is not empty"),
    "a message with a stop reason at its start": (swap(1, message(stop_reason="end_turn")), "has a stop reason"),
    "a message without usage": (swap(1, message(usage=None)), "usage is not an object"),
    "a usage without output": (swap(1, message(usage={"input_tokens": 1})), "no output_tokens"),
    "a negative count": (swap(18, ending("tool_use", output_tokens=-1)), "not a count"),
    "a fractional count": (swap(18, ending("tool_use", output_tokens=1.5)), "not a count"),
    "a boolean count": (swap(18, ending("tool_use", output_tokens=True)), "not a count"),
    "an index used twice": (swap(7, start(0, type="text", text="")), "index should be 1"),
    "an index left out": (swap(7, start(2, type="text", text="")), "index should be 1"),
    "an index that is not an integer": (swap(7, start(True, type="text", text="")), "index should be 1"),
    "a block inside a block": (put(8, start(2, type="text", text="")), "another is open"),
    "a block never closed": (drop(10), "another is open"),
    "a delta without a block": (put(2, delta(0, type="text_delta", text="x")), "no block is open"),
    "a delta for another block": (swap(9, delta(0, type="text_delta", text="x")), "index should be 1"),
    "a delta for a block that closed": (put(6, delta(0, type="thinking_delta", thinking="x")), "no block is open"),
    "text in a thinking block": (swap(3, delta(0, type="text_delta", text="x")), "a text_delta in a thinking block"),
    "thinking in a text block": (swap(8, delta(1, type="thinking_delta", thinking="x")), "in a text block"),
    "arguments in a text block": (swap(8, delta(1, type="input_json_delta", partial_json="x")), "in a text block"),
    "a signature in a tool call": (swap(12, delta(2, type="signature_delta", signature="x")), "in a tool_use block"),
    "thinking after its signature": (put(5, delta(0, type="thinking_delta", thinking="x")), "after the signature"),
    "an unknown delta": (swap(8, delta(1, type="markdown_delta", text="x")), "unknown kind of delta"),
    "a delta without its text": (swap(8, delta(1, type="text_delta")), "text is not a string"),
    "a delta that is not an object": (swap(8, {**delta(1), "delta": "x"}), "delta is not an object"),
    "an unknown block": (swap(7, start(1, type="markdown", text="")), "unknown kind of block"),
    "a block that opens with text": (swap(7, start(1, type="text", text="o")), "open empty"),
    "input given when the block opens": (
        swap(11, start(2, type="tool_use", id="t1", name="Read", input={"a": 1})),
        "open empty",
    ),
    "a tool call without input": (swap(11, start(2, type="tool_use", id="t1", name="Read")), "open empty"),
    "a tool call without id": (swap(11, start(2, type="tool_use", id="", name="Read", input={})), "id is not"),
    "a tool call without name": (swap(11, start(2, type="tool_use", id="t1", name="", input={})), "name is not"),
    "a tool id used twice": (swap(15, start(3, type="tool_use", id="t1", name="Bash", input={})), "id is already used"),
    "a tool call whose input never comes": (drop(16), "without any input_json_delta"),
    "a stop for another block": (swap(10, stop(0)), "index should be 1"),
    "a stop without a block": (put(11, stop(1)), "no block is open"),
    "an ending while a block is open": (drop(17), "while a block is open"),
    "no message_delta": (drop(18), "without a message_delta"),
    "a second message_delta": (put(19, ending("tool_use")), "only message_stop"),
    "a block after message_delta": (put(19, start(4, type="text", text="")), "only message_stop"),
    "an unknown stop reason": (swap(18, ending("unknown")), "unknown stop reason"),
    "no stop reason": (swap(18, ending(None)), "stop_reason is not a string"),
    "end_turn after a tool call": (swap(18, ending("end_turn")), "a tool was called"),
    "an odd stop sequence": (
        swap(18, {**ending("tool_use"), "delta": {"stop_reason": "tool_use", "stop_sequence": 1}}),
        "stop_sequence",
    ),
    "a second message_stop": (put(20, {"type": "message_stop"}), "after the end"),
    "a ping after the end": (put(20, {"type": "ping"}), "after the end"),
    "an error after the end": (put(20, FAILED), "after the end"),
    "an event after an error": (put(3, FAILED), "after the end"),
    "an error without a message": (put(3, {"type": "error", "error": {"type": "api_error"}}), "message is not"),
    "an unknown event": (put(3, {"type": "message_pause"}), "unknown event"),
    "an event without a type": (put(3, {"index": 1}), "unknown event"),
}


@pytest.mark.parametrize(("plant", "reason"), FOULS.values(), ids=FOULS)
def test_a_planted_foul_is_reported_with_its_reason(plant: Callable[[Events], Events], reason: str) -> None:
    events = plant(valid_stream())

    with pytest.raises(Foul, match=reason):
        judge_events(events)


def test_tool_use_without_a_tool_is_a_foul() -> None:
    events = valid_stream()[:11] + valid_stream()[18:]

    with pytest.raises(Foul, match="no tool was called"):
        judge_events(events)


@pytest.mark.parametrize("reason", ["max_tokens", "refusal", "stop_sequence", "pause_turn"])
def test_a_reply_with_calls_may_stop_for_another_reason(reason: str) -> None:
    events = swap(18, ending(reason))(valid_stream())

    assert judge_events(events).stop_reason == reason


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b'data: {"type": "ping"}\n\n', "one event line"),
        (b"event: ping\n\n", "one event line"),
        (b'event: ping\r\ndata: {"type": "ping"}\r\n\r\n\n\n', "one event line"),
        (b'event:ping\ndata: {"type": "ping"}\n\n', "one event line"),
        (b': comment\nevent: ping\ndata: {"type": "ping"}\n\n', "one event line"),
        (b'event: ping\ndata: {"type":\ndata: "ping"}\n\n', "one event line"),
        (b'\nevent: ping\ndata: {"type": "ping"}\n\n', "one event line"),
        (b'event: ping\ndata: {"type": "message_stop"}\n\n', "is named 'ping'"),
        (b"event: ping\ndata: {\n\n", "not JSON"),
        (b"event: ping\ndata: []\n\n", "not an object"),
        (b'event: ping\ndata: {"type": "ping", "x": "\xff"}\n\n', "not JSON in UTF-8"),
        (b'event: ping\ndata: {"type": "ping", "type": "ping"}\n\n', "occurs twice"),
        (b'event: ping\ndata: {"type": "ping", "x": NaN}\n\n', "NaN is not JSON"),
        (wire(valid_stream()) + b"x", "after the end"),
        (wire([FAILED]) + b": bye\n", "after the end"),
    ],
)
def test_malformed_bytes_are_a_foul(raw: bytes, reason: str) -> None:
    with pytest.raises(Foul, match=reason):
        judge(raw)
