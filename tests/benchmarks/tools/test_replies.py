"""How a reply is read from its events and judged."""

import json

import pytest
from benchmarks.tools.replies import Block, Reply, ReplyReader, verdict
from benchmarks.tools.tasks import Call, Task

from anyclaude.protocol.json_values import JsonObject

TASK = Task("files", "What is in /etc/hostname?", [Call("Read", {"file_path": "/etc/hostname"})])
RIGHT = Block("tool_use", '{"file_path": "/etc/hostname"}', "Read")


def reply(*blocks: Block, stop_reason: str = "tool_use") -> Reply:
    """Return a reply with these blocks."""
    return Reply(blocks, stop_reason, 10, 1.0)


def test_a_right_call_is_valid_and_right() -> None:
    judged = verdict(TASK, reply(Block("text", "Let me look."), RIGHT))

    assert (judged.is_valid, judged.is_right, judged.invalid, judged.not_offered) == (True, True, 0, 0)


def test_a_call_with_other_arguments_is_valid_and_not_right() -> None:
    judged = verdict(TASK, reply(Block("tool_use", '{"file_path": "/etc/passwd"}', "Read")))

    assert (judged.is_valid, judged.is_right) == (True, False)


@pytest.mark.parametrize(
    "written",
    ["", "{", "[]", '"/etc/hostname"', '{"path": "/etc/hostname"}', '{"file_path": 1}', '{"file_path": "a", "x": 1}'],
)
def test_arguments_that_do_not_fit_the_schema_are_invalid(written: str) -> None:
    judged = verdict(TASK, reply(Block("tool_use", written, "Read")))

    assert (judged.is_valid, judged.is_right, judged.invalid) == (False, False, 1)


@pytest.mark.parametrize("tool", ["WebFetch", "read", "nothing"])
def test_a_call_to_a_tool_that_was_not_offered_spoils_the_reply(tool: str) -> None:
    judged = verdict(TASK, reply(RIGHT, Block("tool_use", RIGHT.text, tool)))

    assert (judged.is_valid, judged.is_right, judged.not_offered, judged.invalid) == (False, False, 1, 0)


def test_text_that_only_describes_a_call_is_none() -> None:
    judged = verdict(TASK, reply(Block("text", '{"name": "Read", "arguments": {}}'), stop_reason="max_tokens"))

    assert (judged.is_valid, judged.is_right, judged.is_cut) == (False, False, True)


def test_a_reply_is_put_together_from_its_events() -> None:
    events: list[JsonObject] = [
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "I "}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "look."}},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "name": "Read"}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": RIGHT.text}},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 7}},
    ]
    reader = ReplyReader()

    reader.read(events[:2])
    reader.read(events[2:])

    assert reader.reply(2.0, None) == Reply((Block("text", "I look."), RIGHT), "tool_use", 7, 2.0)
    assert json.loads(RIGHT.text) == {"file_path": "/etc/hostname"}


def test_an_error_in_the_stream_is_raised() -> None:
    with pytest.raises(ValueError, match="overloaded"):
        ReplyReader().read([{"type": "error", "error": {"type": "overloaded_error"}}])
