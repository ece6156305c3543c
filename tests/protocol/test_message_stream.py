"""Whatever deltas a backend sends, the client gets a message that follows the grammar and loses nothing."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.parts.referee import Verdict
from tests.parts.replies import any_deltas, endings, finished_replies, judged, new_stream, play, usage_reports
from tests.parts.splits import any_split

from anyclaude.errors import BackendError, BackendGarbled, BackendTimeout, BackendTruncated, ProtocolMisuse
from anyclaude.protocol.deltas import (
    CitedTextDelta,
    Delta,
    Finished,
    StopReason,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    UsageReported,
)
from anyclaude.protocol.events import (
    AppliedClearing,
    BlockDelta,
    BlockStart,
    BlockStop,
    CitationFragment,
    ContextManagement,
    InputJsonFragment,
    MessageDelta,
    MessageStart,
    MessageStop,
    TextContent,
    TextFragment,
    ThinkingFragment,
    ToolUseContent,
    Usage,
    encode_event,
)
from anyclaude.protocol.message_stream import MessageStream, merge_reports, usage_of
from anyclaude.protocol.provider_fields import ProviderFields

DONE = Finished("end_turn")
SIGNATURE = "signature"


def received(*deltas: Delta) -> Verdict:
    """Return the verdict on the message that the client gets for these deltas."""
    return judged(play([deltas]))


def prose_sent(deltas: list[Delta]) -> list[tuple[str, str]]:
    """Return all prose, letter by letter, each with its kind; a signature is one letter."""
    letters: list[tuple[str, str]] = []
    for delta in deltas:
        if isinstance(delta, TextDelta | CitedTextDelta):
            letters += [("text", letter) for letter in delta.text]
        elif isinstance(delta, ThinkingDelta):
            letters += [("thinking", letter) for letter in delta.text]
            letters += [(SIGNATURE, delta.signature)] if delta.signature else []
    return letters


def prose_received(verdict: Verdict) -> list[tuple[str, str]]:
    letters: list[tuple[str, str]] = []
    for block in verdict.blocks:
        if block.kind != "tool_use":
            letters += [(block.kind, letter) for letter in block.text]
            letters += [(SIGNATURE, block.signature)] if block.signature else []
    return letters


def calls_sent(deltas: list[Delta]) -> Counter[tuple[str, str, str]]:
    """Return each call's name, arguments and written form; a fragment without any of them is not a call."""
    calls: dict[int, tuple[str, str, str]] = {}
    for delta in deltas:
        if isinstance(delta, ToolCallDelta) and (delta.name or delta.arguments or delta.written):
            name, arguments, written = calls.get(delta.slot, ("", "", ""))
            calls[delta.slot] = (name or delta.name, arguments + delta.arguments, written + delta.written)
    return Counter((name, arguments or "{}", written) for name, arguments, written in calls.values())


# Any deltas at all


@given(st.one_of(any_deltas, finished_replies))
def test_the_referee_accepts_every_stream(deltas: list[Delta]) -> None:
    verdict = judged(play([deltas]))

    assert verdict.outcome in {"whole", "failed"}


@given(st.one_of(any_deltas, finished_replies))
def test_a_complete_message_holds_everything_that_was_sent_and_no_more(deltas: list[Delta]) -> None:
    verdict = judged(play([deltas]))

    if verdict.outcome == "whole":
        assert prose_received(verdict) == prose_sent(deltas)
        assert Counter(verdict.tool_inputs()) == Counter(
            (name, text) for name, text, _ in calls_sent(deltas).elements()
        )


@given(finished_replies)
def test_the_written_form_of_each_call_is_available_by_its_id(deltas: list[Delta]) -> None:
    stream = new_stream()
    events = stream.open()
    with suppress(BackendError):
        events += stream.feed(deltas)
        events += stream.close()
    verdict = judged(events)

    if verdict.outcome == "whole":
        calls = [block for block in verdict.blocks if block.kind == "tool_use"]
        written = stream.written_calls
        assert Counter((call.name, call.text, written.get(call.id, "")) for call in calls) == calls_sent(deltas)
        assert all(written.values())


@given(finished_replies)
def test_the_written_form_of_a_call_changes_no_event(deltas: list[Delta]) -> None:
    without = [replace(delta, written="") if isinstance(delta, ToolCallDelta) else delta for delta in deltas]

    assert play([deltas]) == play([without])


@given(any_deltas)
def test_a_message_is_never_complete_unless_the_backend_finished(deltas: list[Delta]) -> None:
    events = play([[delta for delta in deltas if not isinstance(delta, Finished)]])

    assert MessageStop() not in events
    assert judged(events).outcome == "failed"


@given(st.one_of(any_deltas, finished_replies), st.data())
def test_any_batching_of_deltas_gives_the_same_events(deltas: list[Delta], data: st.DataObject) -> None:
    one_by_one = play([delta] for delta in deltas)
    batched = play(data.draw(any_split(deltas)))

    if judged(one_by_one).outcome == "whole":
        assert batched == one_by_one
    else:
        assert batched[:-1] == one_by_one[: len(batched) - 1]
        assert batched[-1] == one_by_one[-1]


@given(any_deltas, st.integers(0, 24))
def test_a_failure_ends_the_stream_wherever_it_happens(deltas: list[Delta], after: int) -> None:
    stream = new_stream()
    events = stream.open()
    for delta in deltas[:after]:
        try:
            events += stream.feed([delta])
        except BackendError:
            break
    events += stream.fail(BackendTimeout("the backend was silent for 300 seconds"))
    verdict = judged(events)

    assert verdict.error == ("timeout_error", "the backend was silent for 300 seconds")
    assert stream.fail(BackendTimeout("again")) == []


@given(finished_replies)
def test_calls_that_begin_with_their_name_are_all_received(deltas: list[Delta]) -> None:
    verdict = judged(play([deltas]))

    if verdict.outcome != "whole":
        assert verdict.error is not None
        assert ("continued after" if calls_sent(deltas) else "a tool call that is not in it") in verdict.error[1]


@given(finished_replies)
def test_each_tool_use_has_an_id_of_the_generator_and_each_id_is_used_once(deltas: list[Delta]) -> None:
    verdict = judged(play([deltas]))
    ids = [block.id for block in verdict.blocks if block.kind == "tool_use"]

    assert ids == [f"toolu_{number}" for number in range(1, len(ids) + 1)]


@given(
    st.builds(lambda reply, reports, end: [*reply, *reports, end], finished_replies, st.lists(usage_reports), endings)
)
def test_usage_and_stop_sequence_are_the_last_reported_ones(deltas: list[Delta]) -> None:
    verdict = judged(play([deltas]))
    reports = [delta for delta in deltas if isinstance(delta, UsageReported)]
    outputs = [report.output_tokens for report in reports if report.output_tokens is not None]

    if verdict.outcome == "whole":
        assert verdict.usage["output_tokens"] == (outputs[-1] if outputs else 0)
        assert verdict.stop_sequence == [delta.stop_sequence for delta in deltas if isinstance(delta, Finished)][-1]


# Well-formed replies with calls


@st.composite
def call_fragments(draw: st.DrawFn, slot: int, name: str, whole: str) -> list[ToolCallDelta]:
    """Draw one call in pieces; its name comes with any of them, and again with some that follow."""
    pieces = draw(any_split(whole))
    named_at = draw(st.integers(0, len(pieces) - 1))
    names = [name if at == named_at or (at > named_at and draw(st.booleans())) else "" for at in range(len(pieces))]
    return [ToolCallDelta(slot, sent, piece) for sent, piece in zip(names, pieces, strict=True)]


@st.composite
def interleaved(draw: st.DrawFn) -> tuple[list[Delta], list[tuple[str, str]]]:
    """Draw calls whose fragments interleave with each other and with prose, and what each should amount to."""
    documents = ['{"path":"/x/ü","n":1}', '{"cmd":"echo {}"}', "{}", '{"a":{"b":[]}}', ""]
    sent = {f"Tool{slot}": draw(st.sampled_from(documents)) for slot in range(draw(st.integers(1, 4)))}
    deltas: list[Delta] = []
    queues = [draw(call_fragments(slot, name, whole)) for slot, (name, whole) in enumerate(sent.items())]
    has_prose = draw(st.booleans())
    while queues:
        queue = draw(st.sampled_from(queues))
        deltas.append(queue.pop(0))
        queues = [queue for queue in queues if queue]
        if has_prose:
            deltas += draw(st.lists(st.sampled_from([TextDelta("t"), ThinkingDelta("h"), TextDelta("")]), max_size=2))
    return [*deltas, DONE], sorted((name, whole or "{}") for name, whole in sent.items())


@given(interleaved())
def test_interleaved_calls_keep_their_own_arguments_with_prose_among_them(
    reply: tuple[list[Delta], list[tuple[str, str]]],
) -> None:
    deltas, sent = reply
    verdict = judged(play([deltas]))

    assert verdict.outcome == "whole"
    assert sorted(verdict.tool_inputs()) == sent
    assert prose_received(verdict) == prose_sent(deltas)


def test_text_and_a_following_call_are_two_blocks_with_their_own_indexes() -> None:
    events = play([[TextDelta("I will look."), ToolCallDelta(0, "Read", "{}"), DONE]])

    assert [event for event in events if isinstance(event, BlockStart)] == [
        BlockStart(0, TextContent()),
        BlockStart(1, ToolUseContent("toolu_1", "Read")),
    ]
    assert judged(events).stop_reason == "tool_use"


def test_parallel_calls_become_blocks_one_after_the_other() -> None:
    verdict = received(
        ToolCallDelta(0, "Read", '{"x'),
        ToolCallDelta(1, "Bash", "{"),
        ToolCallDelta(0, "Read", '":1}'),
        ToolCallDelta(1, arguments="}"),
        DONE,
    )

    assert verdict.tool_inputs() == [("Read", '{"x":1}'), ("Bash", "{}")]


def test_prose_between_complete_calls_stays_between_them() -> None:
    verdict = received(ToolCallDelta(0, "Read", "{}"), TextDelta("and"), ToolCallDelta(1, "Bash", "{}"), DONE)

    assert [block.kind for block in verdict.blocks] == ["tool_use", "text", "tool_use"]


def test_prose_that_arrives_while_a_call_is_incomplete_waits_for_it() -> None:
    verdict = received(
        ToolCallDelta(0, "Read", '{"x":'), TextDelta("late"), ThinkingDelta("hm"), ToolCallDelta(0, "", "1}"), DONE
    )

    assert [block.kind for block in verdict.blocks] == ["tool_use", "text", "thinking"]
    assert verdict.tool_inputs() == [("Read", '{"x":1}')]


def test_a_call_without_its_name_holds_back_text_and_thinking_in_their_order() -> None:
    verdict = received(
        TextDelta("a"),
        ToolCallDelta(0, "", '{"x":'),
        ThinkingDelta("b"),
        TextDelta("c"),
        ToolCallDelta(0, "Read", "1}"),
        DONE,
    )

    assert [(block.kind, block.text) for block in verdict.blocks] == [
        ("text", "a"),
        ("tool_use", '{"x":1}'),
        ("thinking", "b"),
        ("text", "c"),
    ]


def test_empty_prose_neither_opens_a_block_nor_ends_a_call() -> None:
    verdict = received(
        TextDelta(""), ToolCallDelta(0, "Read", "{}"), TextDelta(""), ThinkingDelta(""), ToolCallDelta(0, "", " "), DONE
    )

    assert verdict.tool_inputs() == [("Read", "{} ")]
    assert len(verdict.blocks) == 1


@pytest.mark.parametrize(("pieces", "received_as"), [([], "{}"), ([""], "{}"), ([" ", "\n"], " \n{}")])
def test_a_call_without_arguments_gets_an_empty_object(pieces: list[str], received_as: str) -> None:
    verdict = received(ToolCallDelta(0, "Read"), *(ToolCallDelta(0, "", piece) for piece in pieces), DONE)

    assert verdict.tool_inputs() == [("Read", received_as)]
    assert [block.input for block in verdict.blocks] == [{}]


def test_a_repeated_name_counts_once() -> None:
    verdict = received(ToolCallDelta(0, "Read", "{"), ToolCallDelta(0, "Read", "}"), ToolCallDelta(0, "Write"), DONE)

    assert verdict.tool_inputs() == [("Read", "{}")]


def test_the_first_name_counts_for_a_waiting_call_too() -> None:
    verdict = received(
        ToolCallDelta(0, "Read", "{"),
        ToolCallDelta(1, "Bash", "{"),
        ToolCallDelta(1, "Write", "}"),
        ToolCallDelta(0, "", "}"),
        DONE,
    )

    assert verdict.tool_inputs() == [("Read", "{}"), ("Bash", "{}")]


def test_a_name_may_come_after_the_arguments() -> None:
    verdict = received(ToolCallDelta(0, "", '{"a"'), ToolCallDelta(0, "", ":1}"), ToolCallDelta(0, "Read"), DONE)

    assert verdict.tool_inputs() == [("Read", '{"a":1}')]


def test_a_fragment_without_name_and_arguments_does_not_begin_a_call() -> None:
    stream = new_stream()
    stream.open()
    stream.feed([ToolCallDelta(0), ToolCallDelta(7)])
    at_once = stream.feed([TextDelta("on")])
    stream.feed([DONE])

    assert BlockDelta(0, TextFragment("on")) in at_once
    assert stream.close()[-1] == MessageStop()


def test_a_call_without_a_name_is_an_error_of_the_backend() -> None:
    verdict = received(ToolCallDelta(3, "", "{}"), DONE)

    assert verdict.error == ("api_error", "tool call 3 does not name its tool")


def test_arguments_for_a_call_that_is_closed_are_an_error_of_the_backend() -> None:
    stream = new_stream()
    stream.open()
    stream.feed([ToolCallDelta(0, "Read", "{}"), TextDelta("done")])

    with pytest.raises(BackendGarbled, match="tool call 0 continued"):
        stream.feed([ToolCallDelta(0, "", "1")])


@pytest.mark.parametrize("late", [ToolCallDelta(0), ToolCallDelta(0, "Read"), ToolCallDelta(0, "Read", " \n")])
def test_a_late_fragment_without_new_arguments_is_ignored(late: ToolCallDelta) -> None:
    verdict = received(ToolCallDelta(0, "Read", "{}"), TextDelta("done"), late, DONE)

    assert verdict.tool_inputs() == [("Read", "{}")]


@pytest.mark.parametrize("written", ['{"a":', "null", "[1]", '"x"', "not json", "1"])
def test_arguments_that_are_not_an_object_are_passed_on_unchanged(written: str) -> None:
    assert received(ToolCallDelta(0, "Read", written), DONE).tool_inputs() == [("Read", written)]


def test_the_raw_arguments_of_each_complete_call_are_available_by_its_id() -> None:
    stream = new_stream()
    stream.open()
    stream.feed([ToolCallDelta(0, "Read", '{ "a"'), ToolCallDelta(1, "Bash"), ToolCallDelta(0, "", ": 1}")])
    before = dict(stream.raw_arguments)
    stream.feed([DONE])
    stream.close()

    assert before == {}
    assert stream.raw_arguments == {"toolu_1": '{ "a": 1}', "toolu_2": ""}


def test_the_raw_arguments_of_a_repaired_call_are_the_models_and_the_client_gets_the_repaired_ones() -> None:
    stream = new_stream()
    events = stream.open()
    events += stream.feed(
        [ToolCallDelta(0, "Read", '{"file_path":1}', raw_arguments='{"path"'), ToolCallDelta(0, raw_arguments=":1}")]
    )
    events += stream.feed([ToolCallDelta(1, "Bash", "{}"), DONE])
    events += stream.close()

    assert judged(events).tool_inputs() == [("Read", '{"file_path":1}'), ("Bash", "{}")]
    assert stream.raw_arguments == {"toolu_1": '{"path":1}', "toolu_2": "{}"}
    assert stream.repaired_arguments == {"toolu_1": '{"file_path":1}'}


def test_a_call_can_be_written_before_it_is_named() -> None:
    stream = new_stream()
    events = stream.open()
    events += stream.feed(
        [ToolCallDelta(0, written="<call>"), TextDelta("after"), ToolCallDelta(0, "Read", "{}"), DONE]
    )
    events += stream.close()

    assert [block.kind for block in judged(events).blocks] == ["tool_use", "text"]
    assert stream.written_calls == {"toolu_1": "<call>"}


def test_a_call_can_be_written_to_its_end_after_it_is_closed() -> None:
    stream = new_stream()
    stream.open()
    stream.feed([ToolCallDelta(0, "Read", "{}", "<call>"), TextDelta("after"), ToolCallDelta(0, written="</call>")])

    assert stream.written_calls == {"toolu_1": "<call></call>"}
    assert stream.raw_arguments == {"toolu_1": "{}"}


def test_a_call_whose_arguments_are_all_the_model_wrote_has_no_written_form() -> None:
    stream = new_stream()
    stream.open()
    stream.feed([ToolCallDelta(0, "Read", "{}"), ToolCallDelta(1, "Bash", "{}", "<call>"), DONE])
    before = dict(stream.written_calls)
    stream.close()

    assert before == {}
    assert stream.written_calls == {"toolu_2": "<call>"}


def test_a_call_that_streams_before_an_earlier_one_is_completed_first() -> None:
    verdict = received(ToolCallDelta(1, "", "{}"), ToolCallDelta(0, "Read"), DONE, ToolCallDelta(1, "Bash"))

    assert verdict.tool_inputs() == [("Read", "{}"), ("Bash", "{}")]


# What is streamed at once


def test_prose_and_the_arguments_of_the_first_call_are_streamed_at_once() -> None:
    stream = new_stream()
    stream.open()

    assert stream.feed([ThinkingDelta("h")])[-1] == BlockDelta(0, ThinkingFragment("h"))
    assert stream.feed([TextDelta("a")])[-1] == BlockDelta(1, TextFragment("a"))
    assert stream.feed([TextDelta("b")]) == [BlockDelta(1, TextFragment("b"))]
    assert stream.feed([ToolCallDelta(0, "Read", '{"x"')])[-1] == BlockDelta(2, InputJsonFragment('{"x"'))
    assert stream.feed([ToolCallDelta(1, "Bash", "{}")]) == []
    assert stream.feed([ToolCallDelta(0, "", ":1}")]) == [BlockDelta(2, InputJsonFragment(":1}"))]


def test_the_message_opens_before_the_first_delta() -> None:
    (event,) = new_stream().open()

    assert isinstance(event, MessageStart)
    assert (event.message.id, event.message.model) == ("msg_1", "local")


# Signatures


def test_a_signature_closes_its_block_and_signs_nothing_else() -> None:
    verdict = received(ThinkingDelta("a", "s1"), ThinkingDelta("b"), ThinkingDelta("", "s2"), TextDelta("c"), DONE)

    assert [(block.text, block.signature) for block in verdict.blocks] == [("a", "s1"), ("b", "s2"), ("c", "")]


def test_a_signature_without_text_is_a_separate_thinking_block() -> None:
    verdict = received(TextDelta("a"), ThinkingDelta("", "s"), DONE)

    assert [(block.kind, block.signature) for block in verdict.blocks] == [("text", ""), ("thinking", "s")]


# The end of the message


@pytest.mark.parametrize(
    ("reported", "expected"),
    [
        ("end_turn", "end_turn"),
        ("max_tokens", "max_tokens"),
        ("stop_sequence", "stop_sequence"),
        ("pause_turn", "pause_turn"),
        ("refusal", "refusal"),
        ("model_context_window_exceeded", "model_context_window_exceeded"),
    ],
)
def test_without_a_call_the_stop_reason_is_the_reported_one(reported: StopReason, expected: StopReason) -> None:
    assert received(TextDelta("x"), Finished(reported)).stop_reason == expected


@pytest.mark.parametrize("before", [(), (TextDelta("x"),), (ThinkingDelta("x"),)])
def test_a_reply_that_ended_for_a_call_without_one_is_never_whole(before: tuple[Delta, ...]) -> None:
    verdict = judged(play([[*before, Finished("tool_use")]]))

    assert verdict.outcome == "failed"
    assert verdict.error == ("api_error", "the backend ended its reply for a tool call that is not in it")


@pytest.mark.parametrize(
    ("reported", "expected"),
    [
        ("end_turn", "tool_use"),
        ("tool_use", "tool_use"),
        ("max_tokens", "max_tokens"),
        ("stop_sequence", "stop_sequence"),
        ("refusal", "refusal"),
        ("model_context_window_exceeded", "model_context_window_exceeded"),
    ],
)
def test_with_a_call_the_stop_reason_is_never_end_turn(reported: StopReason, expected: StopReason) -> None:
    stream = new_stream()
    stream.open()
    stream.feed([ToolCallDelta(0, "Read", "{}"), Finished(reported)])
    verdict = received(ToolCallDelta(0, "Read", "{}"), Finished(reported))

    assert verdict.stop_reason == expected
    assert stream.stop_reason == expected


def test_a_call_that_waited_until_the_end_makes_the_stop_reason_tool_use() -> None:
    deltas: list[Delta] = [ToolCallDelta(0, "", "{}"), DONE, ToolCallDelta(0, "Read")]

    assert judged(play([deltas])).stop_reason == "tool_use"


def test_the_stop_sequence_is_passed_on() -> None:
    assert received(TextDelta("x"), Finished("stop_sequence", "</block>")).stop_sequence == "</block>"


def test_an_empty_reply_is_a_complete_message_without_blocks() -> None:
    verdict = received(DONE)

    assert verdict.outcome == "whole"
    assert verdict.blocks == []


@pytest.mark.parametrize(
    ("estimate", "reported", "start", "end"),
    [
        (None, UsageReported(), (0, 0), (0, 0)),
        (100, UsageReported(), (100, 0), (100, 0)),
        (100, UsageReported(output_tokens=3), (100, 0), (100, 0)),
        (100, UsageReported(input_tokens=12, cached_tokens=4), (100, 0), (8, 4)),
        (100, UsageReported(cached_tokens=40), (100, 0), (60, 40)),
        (100, UsageReported(cached_tokens=140), (100, 0), (0, 140)),
    ],
)
def test_an_estimate_stands_where_the_engine_has_not_counted_the_input(
    estimate: int | None, reported: UsageReported, start: tuple[int, int], end: tuple[int, int]
) -> None:
    stream = MessageStream("msg_1", "m", lambda: "toolu_1", estimated_input_tokens=estimate)

    (opening,) = stream.open()
    is_estimated_at_first = stream.has_estimated_input
    closing = [*stream.feed([TextDelta("x"), reported, DONE]), *stream.close()][-2]

    assert isinstance(opening, MessageStart)
    assert isinstance(closing, MessageDelta)
    usages = [opening.message.usage, closing.usage]
    assert [(usage.input_tokens, usage.cache_read_input_tokens) for usage in usages] == [start, end]
    assert is_estimated_at_first == (estimate is not None)
    assert stream.has_estimated_input == (estimate is not None and reported.input_tokens is None)
    assert stream.reported == reported


def test_usage_reported_after_the_finish_counts() -> None:
    verdict = received(TextDelta("x"), DONE, UsageReported(input_tokens=10, output_tokens=2, cached_tokens=4))

    assert verdict.usage == {
        "input_tokens": 6,
        "output_tokens": 2,
        "cache_read_input_tokens": 4,
        "cache_creation_input_tokens": 0,
    }


def test_the_reported_end_of_the_reply_is_available() -> None:
    stream = new_stream()
    stream.open()
    before = (stream.is_finished, stream.stop_reason, stream.reported)
    stream.feed([UsageReported(input_tokens=3), DONE])

    assert before == (False, None, UsageReported())
    assert (stream.is_finished, stream.stop_reason, stream.reported) == (
        True,
        "end_turn",
        UsageReported(input_tokens=3),
    )


def test_a_reply_without_its_finish_cannot_be_closed() -> None:
    stream = new_stream()
    stream.open()
    stream.feed([TextDelta("half a sen")])

    with pytest.raises(BackendTruncated):
        stream.close()


def test_a_stream_that_failed_before_it_opened_is_only_its_error() -> None:
    assert judged(new_stream().fail(BackendTimeout("slow"))).outcome == "failed"


def unopened() -> MessageStream:
    return new_stream()


def opened() -> MessageStream:
    stream = new_stream()
    stream.open()
    return stream


def closed() -> MessageStream:
    stream = opened()
    stream.feed([DONE])
    stream.close()
    return stream


def failed() -> MessageStream:
    stream = opened()
    stream.fail(BackendTimeout("slow"))
    return stream


@pytest.mark.parametrize(
    ("make", "step"),
    [
        (unopened, lambda stream: stream.feed([])),
        (unopened, MessageStream.close),
        (opened, MessageStream.open),
        (closed, MessageStream.open),
        (closed, lambda stream: stream.feed([])),
        (closed, MessageStream.close),
        (failed, MessageStream.open),
        (failed, lambda stream: stream.feed([])),
        (failed, MessageStream.close),
    ],
)
def test_a_call_out_of_order_is_a_protocol_misuse(
    make: Callable[[], MessageStream], step: Callable[[MessageStream], object]
) -> None:
    stream = make()

    with pytest.raises(ProtocolMisuse):
        step(stream)


def test_a_failure_after_the_end_makes_no_event() -> None:
    assert closed().fail(BackendTimeout("too late")) == []


# Counting


@given(usage_reports, usage_reports)
def test_the_later_usage_report_wins_field_by_field(before: UsageReported, now: UsageReported) -> None:
    both = merge_reports(before, now)

    for name in UsageReported.__struct_fields__:
        later = getattr(now, name)
        assert getattr(both, name) == (getattr(before, name) if later is None else later)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.none() | st.integers(0, 10**6))
def test_tokens_read_from_and_written_to_the_cache_are_counted_apart_from_the_rest_of_the_prompt(
    prompt: int, cached: int, written: int | None
) -> None:
    usage = usage_of(UsageReported(input_tokens=prompt, cached_tokens=cached, cache_written_tokens=written))

    assert usage.cache_read_input_tokens == cached
    assert usage.input_tokens + usage.cache_creation_input_tokens == max(prompt - cached, 0)
    assert usage.cache_creation_input_tokens == min(written or 0, max(prompt - cached, 0))


def test_a_count_the_engine_did_not_report_is_zero() -> None:
    usage = usage_of(UsageReported())

    assert usage == Usage()


def test_the_edits_that_were_applied_are_reported_at_the_end() -> None:
    done = ContextManagement((AppliedClearing(2, 300),))
    stream = MessageStream("msg_1", "local", lambda: "toolu_1", context_management=done)

    started, ended, _ = [*stream.open(), *stream.feed([DONE]), *stream.close()]

    assert b"context_management" not in encode_event(started)
    assert (
        b'"context_management":{"applied_edits":[{"type":"clear_tool_uses_20250919","cleared_tool_uses":2,'
        b'"cleared_input_tokens":300}]}' in encode_event(ended)
    )


def test_what_the_server_wants_back_is_kept_by_the_id_of_its_call() -> None:
    first, second = ProviderFields('{"extra_content":1}'), ProviderFields(function='{"thought_signature":"s"}')
    calls = [ToolCallDelta(0, "Read", "{}"), ToolCallDelta(1, "Read", "{}"), ToolCallDelta(2, "Read", "{}")]
    late = [ToolCallDelta(0, provider_fields=first), ToolCallDelta(2, provider_fields=second)]
    stream = new_stream()
    stream.open()

    stream.feed([*calls, TextDelta("The calls are closed."), *late, DONE])
    stream.close()

    assert stream.provider_fields == {"toolu_1": first, "toolu_3": second}


def test_what_the_server_wants_back_is_not_sent_to_the_client() -> None:
    fields = ProviderFields('{"extra_content":"secret"}')

    events = play([[ToolCallDelta(0, "Read", "{}"), ToolCallDelta(0, provider_fields=fields), DONE]])

    assert events == play([[ToolCallDelta(0, "Read", "{}"), DONE]])


def test_cited_text_is_a_block_of_its_own_with_its_citations_first() -> None:
    one, two = {"cited_text": "b"}, {"cited_text": "B"}

    events = play(
        [[TextDelta("a"), CitedTextDelta("b", (one, two)), CitedTextDelta("c", (one,)), TextDelta("d"), DONE]]
    )

    assert events[1:-2] == [
        BlockStart(0, TextContent()),
        BlockDelta(0, TextFragment("a")),
        BlockStop(0),
        BlockStart(1, TextContent(citations=())),
        BlockDelta(1, CitationFragment(one)),
        BlockDelta(1, CitationFragment(two)),
        BlockDelta(1, TextFragment("b")),
        BlockStop(1),
        BlockStart(2, TextContent(citations=())),
        BlockDelta(2, CitationFragment(one)),
        BlockDelta(2, TextFragment("c")),
        BlockStop(2),
        BlockStart(3, TextContent()),
        BlockDelta(3, TextFragment("d")),
        BlockStop(3),
    ]
    assert b"citations" not in encode_event(events[1])
    assert b'"citations":[]' in encode_event(events[4])
