"""Strategies for replies as deltas of every kind, and the event stream the server makes of them."""

from collections.abc import Iterable, Sequence
from itertools import count

from hypothesis import strategies as st
from tests.parts.referee import Verdict, judge

from anyclaude.errors import BackendError
from anyclaude.protocol.accumulate import Accumulator
from anyclaude.protocol.deltas import (
    CitedTextDelta,
    Delta,
    Finished,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    UsageReported,
)
from anyclaude.protocol.events import Message, StreamEvent, encode_event
from anyclaude.protocol.message_stream import MessageStream

short_text = st.text(max_size=4)
counts = st.one_of(st.none(), st.integers(0, 9))
prose = st.one_of(
    st.builds(TextDelta, short_text),
    short_text.map(lambda text: CitedTextDelta(text, ({"cited_text": text}, {}))),
    st.builds(ThinkingDelta, short_text, st.sampled_from(["", "", "sig-a", "sig-b"])),
)
call_fragments = st.builds(
    ToolCallDelta,
    slot=st.integers(0, 3),
    name=st.sampled_from(["", "Read", "Bash"]),
    arguments=st.one_of(st.sampled_from(["", "{}", '{"a":', "1}"]), st.text('{}1":,', max_size=3)),
    written=st.sampled_from(["", "", "<call>", "w"]),
)
usage_reports = st.builds(UsageReported, counts, counts, counts)
endings = st.builds(
    Finished,
    st.sampled_from(["end_turn", "max_tokens", "tool_use", "stop_sequence", "refusal"]),
    st.sampled_from([None, "</block>"]),
)

any_deltas = st.lists(st.one_of(prose, call_fragments, usage_reports, endings), max_size=24)
"""Any deltas in any order, most of them not a valid reply."""

finished_replies = st.builds(
    lambda deltas, end: [*deltas, end],
    st.lists(st.one_of(prose, call_fragments.filter(lambda fragment: fragment.name != "")), max_size=20),
    endings,
)
"""Finished replies in which each call begins with its name; late fragments still make some invalid."""


def new_stream() -> MessageStream:
    """Return a stream that has not begun, with consecutive tool use ids."""
    numbers = count(1)
    return MessageStream("msg_1", "local", lambda: f"toolu_{next(numbers)}")


def play(batches: Iterable[Sequence[Delta]]) -> list[StreamEvent]:
    """Return the events of one reply as the server sends them; an error of the backend ends the stream."""
    stream = new_stream()
    events = stream.open()
    try:
        for batch in batches:
            events += stream.feed(batch)
        return events + stream.close()
    except BackendError as error:
        return events + stream.fail(error)


def text_of(deltas: Iterable[Delta]) -> str:
    """Return the text of these deltas."""
    return "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))


def message_of(events: Iterable[StreamEvent]) -> Message:
    """Return the message that these events spell; raises what `Accumulator` raises."""
    accumulator = Accumulator()
    accumulator.take(events)
    return accumulator.message


def judged(events: Iterable[StreamEvent]) -> Verdict:
    """Return the referee's verdict on these events, encoded as for the client."""
    return judge(b"".join(map(encode_event, events)))
