"""How the rest of a reply is requested, and how its beginning is verified."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.parts.replies import text_of
from tests.parts.splits import any_split

from anyclaude.exchange.resume import (
    MAX_TRANSCRIPT_BYTES,
    OVERLAP_CHARACTERS,
    Continuation,
    ReplyTranscript,
    continuation_of,
)
from anyclaude.profiles import BackendProfile, profile_named
from anyclaude.protocol.content import TextBlock
from anyclaude.protocol.deltas import Delta, Finished, TextDelta, ThinkingDelta, ToolCallDelta, UsageReported
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.protocol.splice import Diverged

REQUEST = MessagesRequest(model="m", max_tokens=9, messages=(Turn("user", "Hello"),))
CONTINUING = [profile_named("llamacpp"), profile_named("vllm"), profile_named("embedded")]
CANNOT_CONTINUE = profile_named("ollama")
DONE = Finished("end_turn")

pieces = st.text("ab \n🙂", min_size=1, max_size=6)
fragments = st.lists(pieces, max_size=30)
long_enough = st.lists(pieces, min_size=20, max_size=40).map(lambda later: ["The", *later])
"""Texts that can always be continued: the first word occurs only once, so there is an overlap."""


def texts(*fragments: str) -> list[Delta]:
    return [TextDelta(fragment) for fragment in fragments]


def prefill_of(continuation: Continuation) -> str:
    """Return the prefill that the server continues; empty if the same request is sent again."""
    if continuation.request == REQUEST:
        return ""
    *before, last = continuation.request.messages
    assert replace(continuation.request, max_tokens=REQUEST.max_tokens) == replace(REQUEST, messages=(*before, last))
    assert tuple(before) == REQUEST.messages
    assert last.role == "assistant"
    assert isinstance(last.content, tuple)
    (block,) = last.content
    assert isinstance(block, TextBlock)
    return block.text


@given(fragments, fragments, st.sampled_from([*CONTINUING, CANNOT_CONTINUE]), st.data())
def test_a_server_that_continues_completes_the_reply(
    received: list[str], rest: list[str], profile: BackendProfile, data: st.DataObject
) -> None:
    whole = "".join([*received, *rest])
    continuation = continuation_of(REQUEST, texts(*received), profile)

    rest_of_reply = whole.removeprefix(prefill_of(continuation))
    fresh = continuation.splice.feed([*texts(*data.draw(any_split(rest_of_reply))), DONE])

    assert "".join(received) + text_of(fresh) == whole


@given(long_enough, fragments, st.sampled_from(CONTINUING))
def test_a_server_that_starts_over_is_detected(received: list[str], rest: list[str], profile: BackendProfile) -> None:
    continuation = continuation_of(REQUEST, texts(*received), profile)
    assert prefill_of(continuation)

    with pytest.raises(Diverged):
        continuation.splice.feed([*texts(*received, *rest), DONE])


@given(fragments, st.sampled_from(CONTINUING))
def test_the_prefill_ends_between_two_fragments_and_not_in_whitespace(
    received: list[str], profile: BackendProfile
) -> None:
    prefill = prefill_of(continuation_of(REQUEST, texts(*received), profile))

    assert prefill == prefill.rstrip()
    assert prefill in {"".join(received[:count]) for count in range(len(received) + 1)}
    assert not prefill or len("".join(received)) - len(prefill) >= OVERLAP_CHARACTERS


def test_text_that_is_long_enough_is_continued() -> None:
    received = texts("The", " sea", " is", " a", " vast", " and", " mysterious", " realm")

    continuation = continuation_of(REQUEST, [*received, UsageReported(3)], CONTINUING[0])

    assert prefill_of(continuation) == "The sea is a vast and"


@given(long_enough, st.integers(1, 60))
def test_the_whole_reply_keeps_within_the_tokens_that_were_requested(received: list[str], requested: int) -> None:
    request = replace(REQUEST, max_tokens=requested)

    continuation = continuation_of(request, texts(*received), CONTINUING[0])

    overlap = "".join(received).removeprefix(prefill_of(continuation))
    kept = next(count for count in range(len(received)) if "".join(received[count:]) == overlap)
    assert continuation.request.max_tokens == max(1, requested - kept)


def test_repetitive_text_is_requested_again_from_the_start() -> None:
    continuation = continuation_of(REQUEST, texts(*["----"] * 20), CONTINUING[0])

    assert continuation.request == REQUEST


@pytest.mark.parametrize(
    "received",
    [
        [ThinkingDelta("Let me see, this is quite long."), *texts("And here is more text, in", " two fragments.")],
        [*texts("Here is a long text, which", " precedes a call."), ToolCallDelta(0, "Read", '{"a')],
        texts("One single fragment that is long enough on its own"),
        texts("short"),
        [],
    ],
    ids=["thinking", "a tool call", "one fragment", "too short", "nothing"],
)
def test_content_other_than_text_is_requested_again_from_the_start(received: list[Delta]) -> None:
    continuation = continuation_of(REQUEST, received, CONTINUING[0])

    assert continuation.request == REQUEST
    assert not [delta for delta in continuation.splice.feed(received) if not isinstance(delta, UsageReported)]
    assert continuation.splice.is_joined


def test_a_server_that_refuses_a_reply_that_has_begun_gets_the_request_again() -> None:
    profile = replace(CONTINUING[0], prefill="in_question")

    continuation = continuation_of(REQUEST, texts("The", " sea", " is", " a", " vast", " and", " deep realm"), profile)

    assert continuation.request == REQUEST


def test_a_request_that_ends_in_a_prefill_is_sent_again_unchanged() -> None:
    request = replace(REQUEST, messages=(*REQUEST.messages, Turn("assistant", "I think")))

    continuation = continuation_of(request, texts(" that", " this", " is", " a", " fine", " day"), CONTINUING[0])

    assert continuation.request == request


anything = st.lists(
    st.one_of(
        st.builds(TextDelta, st.sampled_from("ab")),
        st.builds(ThinkingDelta, st.sampled_from("ab"), st.sampled_from(["", "", "sig"])),
        st.builds(
            ToolCallDelta,
            st.integers(0, 1),
            st.sampled_from(["", "Read"]),
            st.sampled_from("ab"),
            st.sampled_from(["", "w", "<call>"]),
        ),
        st.just(UsageReported(3)),
    ),
    max_size=12,
)


@given(anything, anything, st.integers(1, 80))
def test_a_transcript_holds_every_delta(received: list[Delta], rest: list[Delta], times: int) -> None:
    transcript = ReplyTranscript()
    for _ in range(times):
        transcript.add(received)
    deltas = transcript.deltas()
    assert deltas is not None

    continuation = continuation_of(REQUEST, deltas, CANNOT_CONTINUE)
    fresh = continuation.splice.feed([*received * times, *rest])

    kept = [delta for delta in fresh if not isinstance(delta, UsageReported)]
    assert kept == [delta for delta in rest if not isinstance(delta, UsageReported)]


def test_a_transcript_does_not_join_the_last_fragments() -> None:
    transcript = ReplyTranscript()
    for number in range(10_000):
        transcript.add([TextDelta(f" word{number}")])
    deltas = transcript.deltas()
    assert deltas is not None

    assert prefill_of(continuation_of(REQUEST, deltas, CONTINUING[0])).endswith(" word9997")


def test_the_transcript_of_a_runaway_reply_is_dropped() -> None:
    transcript = ReplyTranscript()
    for _ in range(MAX_TRANSCRIPT_BYTES // 1000 + 300):
        transcript.add([TextDelta("x" * 1000)])

    assert transcript.deltas() is None
