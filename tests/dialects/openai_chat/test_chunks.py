"""A field of an unexpected type never ends a stream."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.parts.requests import json_values

from anyclaude.dialects.openai_chat.chunks import decode_chunks
from anyclaude.dialects.openai_chat.wire import Chunk
from anyclaude.errors import BackendGarbled, BackendRejected
from anyclaude.protocol.json_values import JsonObject

WHOLE: JsonObject = {
    "choices": [
        {
            "index": 0,
            "delta": {
                "content": "a",
                "reasoning_content": "b",
                "tool_calls": [{"index": 0, "id": "x", "function": {"name": "Read", "arguments": "{}"}}],
            },
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 1}},
    "timings": {"cache_n": 1, "prompt_n": 2, "prompt_ms": 1.5, "predicted_n": 2, "predicted_ms": 2.5},
}
irregular = json_values.filter(lambda value: value is not None)


def decode_chunk(data: bytes) -> Chunk:
    (found,) = decode_chunks(data)
    return found


def chunk(**fields: object) -> Chunk:
    return decode_chunk(msgspec.json.encode({**WHOLE, **fields}))


@given(st.sampled_from(["usage", "timings", "created", "model", "service_tier"]), irregular)
def test_an_irregular_value_beside_the_reply_does_not_affect_the_reply(name: str, value: object) -> None:
    assert chunk(**{name: value}).choices == chunk().choices


@given(st.sampled_from(["refusal", "function_call", "reasoning", "thinking", "audio", "annotations"]), irregular)
def test_an_irregular_value_in_a_delta_does_not_affect_the_text(name: str, value: object) -> None:
    delta = chunk(choices=[{"delta": {"content": "a", name: value}}]).choices[0].delta

    assert delta is not None
    assert delta.content == "a"


def test_a_chunk_read_field_by_field_equals_the_chunk_read_in_one_pass() -> None:
    assert chunk(usage={**WHOLE["usage"], "prompt_tokens": "3"}) == chunk()  # type: ignore[dict-item]


@pytest.mark.parametrize("data", [b"", b"[]", b'"text"', b"{", b'{"choices":[}'])
def test_anything_but_a_json_object_is_garbled(data: bytes) -> None:
    with pytest.raises(BackendGarbled, match="not a chat completion"):
        decode_chunk(data)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b'{"choices":[{"delta":{"content":"a\tb"}}]}', "a\tb"),
        (b'{"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":NaN}}', "a"),
        (b'{"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":1e999}}', "a"),
    ],
)
def test_an_oddity_without_a_meaning_does_not_end_the_reply(data: bytes, text: str) -> None:
    delta = decode_chunk(data).choices[0].delta

    assert delta is not None
    assert delta.content == text


def test_half_a_character_in_a_call_is_replaced() -> None:
    function = r'{"name":"Read\ud83d","arguments":{"a":"\ud83d"}}'
    data = rf'{{"choices":[{{"delta":{{"tool_calls":[{{"id":"\ud83d","function":{function}}}]}}}}]}}'
    delta = decode_chunk(data.encode()).choices[0].delta

    assert delta is not None
    assert delta.tool_calls is not None
    (call,) = delta.tool_calls
    assert call.function is not None
    assert call.function.name == "Read\ufffd"
    assert "\ufffd" in str(call.function.arguments)
    assert call.id == "\ufffd"


def test_half_a_character_in_an_error_is_replaced() -> None:
    with pytest.raises(BackendRejected, match="no \ufffd"):
        decode_chunk(rb'{"error":{"message":"no \ud83d"}}')


def test_only_the_beginning_of_undecodable_bytes_is_quoted() -> None:
    with pytest.raises(BackendGarbled) as caught:
        decode_chunk(b"x" * 100_000)

    assert len(str(caught.value)) < 400
