"""How the rest of a reply is asked for, and that what comes back proves itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.parts.splits import any_split

from anyclaude.exchange.resume import MAX_CHARACTERS, OVERLAP_CHARACTERS, Continuation, Said, continuation_of
from anyclaude.profiles import BackendProfile, profile_named
from anyclaude.protocol.content import TextBlock
from anyclaude.protocol.deltas import Delta, Finished, TextDelta, ThinkingDelta, ToolCallDelta, UsageReported
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.protocol.splice import Diverged

REQUEST = MessagesRequest(model="m", max_tokens=9, messages=(Turn("user", "Hello"),))
GOES_ON = [profile_named("llamacpp"), profile_named("vllm"), profile_named("embedded")]
STARTS_ANEW = profile_named("ollama")
DONE = Finished("end_turn")

pieces = st.text("ab \n🙂", min_size=1, max_size=6)
fragments = st.lists(pieces, max_size=30)
long_enough = st.lists(pieces, min_size=20, max_size=40).map(lambda later: ["The", *later])
"""Always to be gone on with: behind the first word, which comes never again, there is an overlap."""


def texts(*fragments: str) -> list[Delta]:
    return [TextDelta(fragment) for fragment in fragments]


def prefill_of(continuation: Continuation) -> str:
    """Return the text the server is to go on with, empty where the same request is sent again."""
    if continuation.request == REQUEST:
        return ""
    *before, last = continuation.request.messages
    assert continuation.request == replace(REQUEST, messages=(*before, last))
    assert tuple(before) == REQUEST.messages
    assert last.role == "assistant"
    assert isinstance(last.content, tuple)
    (block,) = last.content
    assert isinstance(block, TextBlock)
    return block.text


def text_of(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))


@given(fragments, fragments, st.sampled_from([*GOES_ON, STARTS_ANEW]), st.data())
def test_a_server_that_does_as_it_is_asked_completes_the_reply(
    said: list[str], rest: list[str], profile: BackendProfile, data: st.DataObject
) -> None:
    whole = "".join([*said, *rest])
    continuation = continuation_of(REQUEST, texts(*said), profile)

    answer = whole.removeprefix(prefill_of(continuation))
    fresh = continuation.splice.feed([*texts(*data.draw(any_split(answer))), DONE])

    assert "".join(said) + text_of(fresh) == whole


@given(long_enough, fragments, st.sampled_from(GOES_ON))
def test_a_server_that_begins_anew_or_says_the_beginning_again_is_never_believed(
    said: list[str], rest: list[str], profile: BackendProfile
) -> None:
    continuation = continuation_of(REQUEST, texts(*said), profile)
    assert prefill_of(continuation)

    with pytest.raises(Diverged):
        continuation.splice.feed([*texts(*said, *rest), DONE])


@given(fragments, st.sampled_from(GOES_ON))
def test_the_server_goes_on_from_between_two_fragments_and_never_from_whitespace(
    said: list[str], profile: BackendProfile
) -> None:
    kept = prefill_of(continuation_of(REQUEST, texts(*said), profile))

    assert kept == kept.rstrip()
    assert kept in {"".join(said[:count]) for count in range(len(said) + 1)}
    assert not kept or len("".join(said)) - len(kept) >= OVERLAP_CHARACTERS


def test_text_that_is_long_enough_is_gone_on_with() -> None:
    said = texts("The", " sea", " is", " a", " vast", " and", " mysterious", " realm")

    continuation = continuation_of(REQUEST, [*said, UsageReported(3)], GOES_ON[0])

    assert prefill_of(continuation) == "The sea is a vast and"


def test_text_that_only_repeats_itself_is_asked_for_again_for_its_overlap_would_prove_nothing() -> None:
    continuation = continuation_of(REQUEST, texts(*["----"] * 20), GOES_ON[0])

    assert continuation.request == REQUEST


@pytest.mark.parametrize(
    "said",
    [
        [ThinkingDelta("Let me see, this is quite long."), *texts("And here is more text, in", " two fragments.")],
        [*texts("Here is a long text, which", " precedes a call."), ToolCallDelta(0, "Read", '{"a')],
        texts("One single fragment that is long enough by itself"),
        texts("short"),
        [],
    ],
    ids=["thinking", "a tool call", "one fragment", "too short", "nothing"],
)
def test_whatever_a_message_cannot_say_halfway_is_asked_for_again_from_the_start(said: list[Delta]) -> None:
    continuation = continuation_of(REQUEST, said, GOES_ON[0])

    assert continuation.request == REQUEST
    assert not [delta for delta in continuation.splice.feed(said) if not isinstance(delta, UsageReported)]
    assert continuation.splice.is_joined


def test_a_request_that_ends_in_a_prefill_of_its_own_is_asked_again_as_it_is() -> None:
    request = replace(REQUEST, messages=(*REQUEST.messages, Turn("assistant", "I think")))

    continuation = continuation_of(request, texts(" that", " this", " is", " a", " fine", " day"), GOES_ON[0])

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
def test_what_was_said_is_remembered_whatever_it_was_and_however_long(
    said: list[Delta], rest: list[Delta], times: int
) -> None:
    remembered = Said()
    for _ in range(times):
        remembered.add(said)
    deltas = remembered.deltas()
    assert deltas is not None

    continuation = continuation_of(REQUEST, deltas, STARTS_ANEW)
    fresh = continuation.splice.feed([*said * times, *rest])

    kept = [delta for delta in fresh if not isinstance(delta, UsageReported)]
    assert kept == [delta for delta in rest if not isinstance(delta, UsageReported)]


def test_the_last_fragments_of_a_long_text_are_still_apart() -> None:
    said = Said()
    for number in range(10_000):
        said.add([TextDelta(f" word{number}")])
    deltas = said.deltas()
    assert deltas is not None

    assert prefill_of(continuation_of(REQUEST, deltas, GOES_ON[0])).endswith(" word9997")


def test_a_reply_that_has_run_away_is_forgotten() -> None:
    said = Said()
    for _ in range(MAX_CHARACTERS // 1000 + 300):
        said.add([TextDelta("x" * 1000)])

    assert said.deltas() is None
