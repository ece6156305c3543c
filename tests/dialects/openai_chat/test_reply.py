"""The chunks of a reply add up to it wherever a server puts its parts, and a broken reply is no reply."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dialects.openai_chat.decoded import assembled, decoded
from tests.parts.chat_reply import sse

from anyclaude.dialects import EarlierReplies, EngineProgress
from anyclaude.dialects.openai_chat import OpenAiChat
from anyclaude.errors import BackendTruncated
from anyclaude.protocol.deltas import Finished, TextDelta, UsageReported
from anyclaude.protocol.json_values import JsonObject, JsonValue

FINISH: JsonObject = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
READ: JsonObject = {"name": "Read", "arguments": '{"path":"/a"}'}
CALL: JsonObject = {"index": 0, "id": "a", "type": "function", "function": READ}


def stream(*chunks: JsonValue) -> bytes:
    return b"".join(map(sse, chunks)) + b"data: [DONE]\n\n"


messages_with_a_call = st.sampled_from(
    [
        {"tool_calls": [CALL]},
        {"tool_calls": CALL},
        {"tool_calls": {"0": CALL}},
        {"tool_calls": [{"id": "a", **READ}]},
        {"tool_calls": [{**CALL, "function": {**READ, "arguments": {"path": "/a"}}}]},
        {"function_call": READ},
    ]
)


@given(
    messages_with_a_call,
    st.sampled_from(["delta", "message", "both"]),
    st.integers(0, 2),
    st.sampled_from(["tool_calls", "function_call", "stop", None]),
    st.booleans(),
)
def test_a_call_is_found_wherever_it_stands(
    message: JsonObject, field: str, place: int, reason: str | None, is_in_the_last_chunk: bool
) -> None:
    parts: JsonObject = {"delta": {}, "message": message} if field == "both" else {field: message}
    choices: list[dict[str, JsonValue]] = [{"index": index, "delta": {}} for index in range(3)]
    choices[place] = {"index": place, **parts}
    if is_in_the_last_chunk:
        choices[0]["finish_reason"] = reason
    end: list[JsonObject] = (
        [] if is_in_the_last_chunk else [{"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}]
    )

    reply = decoded([stream({"choices": choices}, *end)])

    assert reply.calls == (("Read", '{"path":"/a"}'),)
    assert reply.fault == ""
    assert reply.end is not None


@given(st.lists(st.text(max_size=4), min_size=1, max_size=5), st.integers(1, 2), st.booleans())
def test_the_text_of_a_later_choice_counts_if_the_first_has_none(pieces: list[str], place: int, is_whole: bool) -> None:
    field = "message" if is_whole else "delta"
    texts = ["".join(pieces)] if is_whole else pieces
    chunks: list[JsonObject] = [
        {"choices": [{"index": index, field: {"content": text if index == place else ""}} for index in range(3)]}
        for text in texts
    ]

    assert decoded([stream(*chunks, FINISH)]).text == "".join(pieces)


def test_of_two_choices_with_text_the_first_counts() -> None:
    chunk: JsonObject = {"choices": [{"index": index, "delta": {"content": text}} for index, text in enumerate("ab")]}

    assert decoded([stream(chunk, chunk, FINISH)]).text == "aa"


def test_reasoning_and_text_may_be_in_two_choices() -> None:
    chunks: list[JsonObject] = [
        {"choices": [{"index": 0, "delta": {"reasoning_content": "Hm."}}, {"index": 1, "delta": {"content": "Yes"}}]},
        {"choices": [{"index": 0, "delta": {}}, {"index": 1, "delta": {"content": "."}, "finish_reason": "stop"}]},
    ]

    reply = decoded([stream(*chunks)])

    assert (reply.thinking, reply.text, reply.end) == ("Hm.", "Yes.", Finished("end_turn"))


def test_an_end_for_a_call_is_accepted_if_the_call_may_stand_in_the_text() -> None:
    text: JsonObject = {"choices": [{"delta": {"content": "<tool_call>"}, "finish_reason": "tool_calls"}]}

    assert decoded([stream(text)]).end == Finished("tool_use")


@pytest.mark.parametrize("reason", ["tool_calls", "function_call", "TOOL_CALLS", "tool_use"])
@pytest.mark.parametrize("calls", [None, [], [{}], [{"index": 0, "id": "a"}], [{"function": {"name": ""}}]])
def test_an_end_for_a_call_that_is_not_there_is_a_bad_sample(reason: str, calls: JsonValue) -> None:
    chunk: JsonObject = {"choices": [{"delta": {"content": "", "tool_calls": calls}, "finish_reason": reason}]}

    assert decoded([stream(chunk)]).fault.startswith("BadSample: the backend ended its reply for a tool call")


def with_id(reply_id: str | int | None, text: str) -> bytes:
    return sse({"id": reply_id, "choices": [{"delta": {"content": text}}]})


def text_after(earlier: EarlierReplies, *chunks: bytes) -> str:
    """Return the text of a reply to the server whose earlier replies these are.  Raises `BackendError`."""
    decoder = OpenAiChat().decoder("", (), earlier)
    deltas = [delta for chunk in (*chunks, sse(FINISH)) for delta in decoder.feed(chunk)] + decoder.finish()
    return assembled(deltas).text


def test_a_chunk_of_an_earlier_reply_ends_a_reply_wherever_it_stands() -> None:
    earlier = EarlierReplies()
    text_after(earlier, with_id("a", "one"))

    with pytest.raises(BackendTruncated, match="another request's reply"):
        text_after(earlier, with_id("a", "two"), with_id("b", "three"))
    with pytest.raises(BackendTruncated, match="another request's reply"):
        text_after(earlier, with_id("c", "two"), with_id("a", "one"))
    assert text_after(earlier, with_id("d", "four")) == "four"


@given(st.lists(st.sampled_from(["x", "y", "", 0, 7, None]), min_size=1, max_size=4))
def test_a_reply_may_give_every_chunk_another_id_or_none(ids: list[str | int | None]) -> None:
    earlier = EarlierReplies()
    text_after(earlier, with_id("a", "one"))

    assert text_after(earlier, *(with_id(reply_id, "b") for reply_id in ids)) == "b" * len(ids)


@pytest.mark.parametrize("reply_id", ["chatcmpl-0", "chatcmpl-123", "0", "", 0, 7, None])
def test_a_server_with_one_id_for_all_replies_is_asked_again_at_most_once(reply_id: str | int | None) -> None:
    earlier = EarlierReplies()
    refused = 0
    for _ in range(20):
        try:
            assert text_after(earlier, with_id(reply_id, "a"), with_id(reply_id, "b")) == "ab"
        except BackendTruncated:
            refused += 1

    assert refused <= 1


TEXT: JsonObject = {"index": 0, "delta": {"content": "Hello"}, "finish_reason": None}
OPENING: JsonObject = {"index": 0, "delta": {"role": "assistant", "content": None}, "finish_reason": None}
AT_HALF: JsonObject = {"total": 400, "cache": 200, "processed": 300, "time_ms": 900}
OF_A_TOKEN: JsonObject = {"cache_n": 200, "prompt_n": 200, "prompt_ms": 9.0, "predicted_n": 30, "predicted_ms": 2000.0}
AT_THE_END: JsonObject = {**OF_A_TOKEN, "predicted_n": 31}


def test_how_far_the_prompt_is_evaluated_is_no_part_of_the_reply() -> None:
    decoder = OpenAiChat().decoder("")
    evaluating = sse({"choices": [OPENING], "prompt_progress": AT_HALF, "timings": {**OF_A_TOKEN, "predicted_n": 0}})

    assert decoder.feed(evaluating) == []
    assert decoder.engine_progress == EngineProgress(400, 300, 200, 0, 2.0)


def test_counts_that_come_with_each_token_are_progress_and_those_at_the_end_are_reported() -> None:
    decoder = OpenAiChat().decoder("")
    first = decoder.feed(sse({"choices": [TEXT], "timings": OF_A_TOKEN}))
    progress = decoder.engine_progress
    last = decoder.feed(stream(FINISH, {"choices": [], "timings": AT_THE_END}))

    assert first == [TextDelta("Hello")]
    assert (progress.output_tokens, progress.generation_seconds) == (30, 2.0)
    assert [delta.output_tokens for delta in last if isinstance(delta, UsageReported)] == [31]


@pytest.mark.parametrize("reason", ["stop", "length"])
def test_counts_beside_the_reason_of_the_end_are_reported(reason: str) -> None:
    finish: JsonObject = {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}], "timings": AT_THE_END}

    assert decoded([stream({"choices": [TEXT]}, finish)]).usage.output_tokens == 31


@pytest.mark.parametrize("progress", [{}, {"total": "400", "processed": -1}, "soon", [], None])
def test_progress_in_an_odd_shape_ends_nothing(progress: JsonValue) -> None:
    reply = decoded([stream({"choices": [OPENING], "prompt_progress": progress}, {"choices": [TEXT]}, FINISH)])

    assert (reply.text, reply.failure) == ("Hello", None)


def test_a_chunk_of_many_choices_is_no_reply() -> None:
    empty: list[JsonObject] = [{"index": index, "delta": {}} for index in range(17)]
    few: JsonObject = {"choices": empty[:16]}
    many: JsonObject = {"choices": empty}

    assert decoded([stream({"choices": [{"delta": {"content": "Hi"}}]}, few)]).fault == ""
    assert "17 choices" in decoded([stream(many)]).fault


def test_an_id_of_any_length_takes_no_memory_of_later_replies() -> None:
    earlier = EarlierReplies()
    long_id: JsonObject = {"id": "x" * 300, "choices": [{"delta": {"content": "Hi"}}]}
    for _ in range(2):
        decoder = OpenAiChat().decoder("text/event-stream", earlier_replies=earlier)
        assert decoder.feed(sse(long_id)) == [TextDelta("Hi")]
