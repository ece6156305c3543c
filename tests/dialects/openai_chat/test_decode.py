"""Whatever a server streams, its deltas spell a message, and an end is only heard where there was one."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dialects.openai_chat.heard import deltas_of, hear
from tests.parts.replies import judged, play
from tests.parts.requests import json_values
from tests.parts.splits import any_split

from anyclaude.dialects.openai_chat.decode import DocumentDecoder, StreamDecoder
from anyclaude.errors import BackendGarbled, BackendRejected
from anyclaude.protocol.deltas import TextDelta
from anyclaude.protocol.sse import DEFAULT_MAX_EVENT_BYTES

Json: TypeAlias = Mapping[str, object]

texts = st.one_of(st.none(), st.text(max_size=5))
functions = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from([None, "", "Read", "Bash"]),
        "arguments": st.sampled_from([None, "", "{}", '{"a":', "1}", {"a": 1}]),
    },
)
calls = st.fixed_dictionaries(
    {},
    optional={
        "index": st.sampled_from([None, 0, 1, 2]),
        "id": st.sampled_from([None, "", "a", "b"]),
        "function": functions,
    },
)
said = st.fixed_dictionaries(
    {},
    optional={
        "role": st.just("assistant"),
        "content": texts,
        "reasoning_content": texts,
        "tool_calls": st.one_of(st.none(), st.lists(calls, max_size=2)),
        "function_call": functions,
    },
)
choices = st.fixed_dictionaries(
    {"index": st.just(0), "delta": said},
    optional={
        "message": said,
        "finish_reason": st.sampled_from([None, "", "stop", "length", "tool_calls", "abort"]),
    },
)
chunks: st.SearchStrategy[Json] = st.fixed_dictionaries(
    {"choices": st.lists(choices, max_size=1)}, optional={"usage": json_values}
)
FINISH: Json = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}


def names_its_calls(message: Json) -> bool:
    calls = message.get("tool_calls") or []
    assert isinstance(calls, list)
    return all(call.get("function", {}).get("name") for call in calls)


def event(chunk: object) -> bytes:
    return b"data: " + msgspec.json.encode(chunk) + b"\n\n"


def stream(said: Sequence[Json]) -> bytes:
    return b"".join(map(event, said)) + b"data: [DONE]\n\n"


@given(st.lists(chunks, max_size=12))
def test_any_chunks_make_a_stream_the_client_takes(said: list[Json]) -> None:
    deltas, _ = deltas_of([stream(said)])

    assert judged(play([deltas])).outcome in {"whole", "failed"}


@given(st.lists(chunks, max_size=6).map(stream).flatmap(any_split))
def test_any_split_of_any_chunks_gives_the_same_deltas(pieces: list[bytes]) -> None:
    deltas, failure = deltas_of(pieces)
    together, same_failure = deltas_of([b"".join(pieces)])

    assert deltas == together
    assert repr(failure) == repr(same_failure)


@given(st.lists(st.tuples(st.text(max_size=4), st.text(max_size=4)), max_size=8))
def test_no_text_is_lost_altered_or_misfiled(pieces: list[tuple[str, str]]) -> None:
    said = [{"choices": [{"delta": {"reasoning_content": thought, "content": text}}]} for thought, text in pieces]

    heard = hear([stream([*said, FINISH])])

    assert heard.thinking == "".join(thought for thought, _ in pieces)
    assert heard.text == "".join(text for _, text in pieces)


@given(st.binary(max_size=60))
def test_any_bytes_at_all_either_fail_or_end(raw: bytes) -> None:
    heard = hear([raw])

    assert heard.failure is not None or heard.end is not None


@given(said.filter(names_its_calls), st.sampled_from([None, "stop", "length"]))
def test_a_whole_document_is_understood_as_the_stream_that_says_the_same(message: Json, reason: str | None) -> None:
    document = {"choices": [{"index": 0, "message": message, "finish_reason": reason}]}
    chunk = {"choices": [{"index": 0, "delta": message, "finish_reason": reason}]}

    assert hear([msgspec.json.encode(document)]) == hear([stream([chunk])])


def test_what_came_before_an_error_is_handed_on_before_the_error_is_raised() -> None:
    decoder = StreamDecoder()
    text = event({"choices": [{"delta": {"content": "a"}}]})

    deltas = decoder.feed(text + event({"error": {"message": "gone"}}) + text)

    assert deltas == [TextDelta("a")]
    with pytest.raises(BackendRejected, match="gone"):
        decoder.feed(text)


def test_an_event_without_end_is_refused_before_it_fills_the_memory() -> None:
    decoder = StreamDecoder()

    with pytest.raises(BackendGarbled, match="cannot be followed"):
        decoder.feed(b"data: {" + b" " * (DEFAULT_MAX_EVENT_BYTES + 1))


def test_a_document_without_end_is_refused_before_it_fills_the_memory() -> None:
    decoder = DocumentDecoder()
    decoder.feed(b"{" + b" " * (DEFAULT_MAX_EVENT_BYTES - 1))

    with pytest.raises(BackendGarbled, match="larger than"):
        decoder.feed(b" ")


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 5, "completion_tokens": -1}, (5, None, None)),
        ({"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}}, (5, None, 4)),
        ({"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": None}}, (5, None, None)),
        ({"prompt_tokens": True, "completion_tokens": 10**400}, (None, None, None)),
    ],
)
def test_counts_that_cannot_be_are_as_good_as_not_said(usage: object, expected: tuple[int | None, ...]) -> None:
    heard = hear([stream([FINISH, {"choices": [], "usage": usage}])])

    assert (heard.usage.input_tokens, heard.usage.output_tokens, heard.usage.cached_tokens) == expected


def test_the_engines_own_timings_win_over_the_usage() -> None:
    timings = {"cache_n": 30, "prompt_n": 4, "prompt_ms": 500.0, "predicted_n": 2, "predicted_ms": 250.0}

    heard = hear([stream([FINISH, {"choices": [], "usage": {"prompt_tokens": 9}, "timings": timings}])])

    assert heard.usage.input_tokens == 34
    assert heard.usage.cached_tokens == 30
    assert heard.usage.output_tokens == 2
    assert (heard.usage.prefill_seconds, heard.usage.generation_seconds) == (0.5, 0.25)
