"""Hypothesis strategies for nearly valid and for arbitrary bytes."""

import copy
import json

from hypothesis import strategies as st

JsonStrategy = st.SearchStrategy[object]

scalars: JsonStrategy = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=6),
    st.sampled_from(["\ud800", "\x00", "1e999", "user", "assistant", "tool_use", "text", "end_turn"]),
)

values: JsonStrategy = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)),
    max_leaves=6,
)

BLOCKS: tuple[dict[str, object], ...] = (
    {"type": "text", "text": "Hello", "cache_control": {"type": "ephemeral"}},
    {"type": "thinking", "thinking": "Hm", "signature": "s"},
    {"type": "redacted_thinking", "data": "x"},
    {"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {"a": 1}},
    {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "ok"}], "is_error": False},
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
    {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}, "title": "t"},
    {"type": "search_result", "source": "s", "title": "t", "content": []},
    {"type": "from_the_future", "field": [1]},
)

REQUEST: dict[str, object] = {
    "model": "claude-opus-5-5",
    "max_tokens": 16,
    "system": [{"type": "text", "text": "Be brief."}],
    "messages": [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": [BLOCKS[0], BLOCKS[3]]},
        {"role": "user", "content": [BLOCKS[4], BLOCKS[5], BLOCKS[6]]},
        {"role": "system", "content": "A reminder."},
        {"role": "user", "content": "And?"},
    ],
    "tools": [
        {"name": "Read", "description": "Reads", "input_schema": {"type": "object", "properties": {}}},
        {"type": "web_search_20250305", "name": "web_search"},
    ],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    "stop_sequences": ["</x>"],
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 4,
    "stream": True,
    "metadata": {"user_id": "u"},
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "output_config": {"effort": "high", "format": {"type": "json_schema", "schema": {}}},
}

CHUNK: dict[str, object] = {
    "id": "x",
    "choices": [
        {
            "index": 0,
            "delta": {
                "role": "assistant",
                "content": "Hé",
                "reasoning_content": "hm",
                "tool_calls": [{"index": 0, "id": "c", "function": {"name": "Read", "arguments": '{"a"'}}],
            },
            "finish_reason": None,
        }
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 2}},
    "timings": {"cache_n": 1, "prompt_n": 2, "prompt_ms": 1.5, "predicted_n": 1, "predicted_ms": 2.0},
}


@st.composite
def mutated(draw: st.DrawFn, whole: dict[str, object]) -> dict[str, object]:
    """Draw a document with one to three of its parts, at any depth, replaced or removed."""
    document = copy.deepcopy(whole)
    for _ in range(draw(st.integers(1, 3))):
        _mutate(draw, document)
    return document


def _mutate(draw: st.DrawFn, node: dict[str, object] | list[object]) -> None:
    keys: list[str] | list[int] = list(node) if isinstance(node, dict) else list(range(len(node)))
    if not keys:
        return
    key = draw(st.sampled_from(keys))
    inner = node[key]  # type: ignore[index,call-overload]
    if isinstance(inner, dict | list) and inner and draw(st.integers(0, 3)):
        _mutate(draw, inner)
    elif draw(st.booleans()):
        node[key] = copy.deepcopy(draw(st.one_of(values, st.sampled_from(BLOCKS))))  # type: ignore[index,call-overload]
    else:
        del node[key]  # type: ignore[arg-type]


def as_json(value: object) -> bytes:
    """Encode a value as JSON, including what Python writes and JSON does not allow: NaN, lone surrogates."""
    return json.dumps(value).encode("utf-8", "surrogatepass")


@st.composite
def corrupted(draw: st.DrawFn, whole: bytes) -> bytes:
    """Draw the bytes with a range of them removed, repeated or replaced."""
    start, end = sorted((draw(st.integers(0, len(whole))), draw(st.integers(0, len(whole)))))
    return whole[:start] + draw(st.one_of(st.binary(max_size=8), st.just(whole[start:end] * 2))) + whole[end:]


requests: st.SearchStrategy[bytes] = st.one_of(
    st.binary(max_size=200),
    values.map(as_json),
    mutated(REQUEST).map(as_json),
    corrupted(as_json(REQUEST)),
    st.integers(1, 100_000).map(lambda depth: b'{"model":' + b"[" * depth),
    st.integers(1, 2_000).map(
        lambda depth: b'{"model":"m","max_tokens":1,"messages":' + b"[" * depth + b"]" * depth + b"}"
    ),
)
"""Request bodies, some of them valid."""

events = st.one_of(
    st.one_of(mutated(CHUNK), values).map(lambda value: b"data: " + as_json(value) + b"\n\n"),
    st.sampled_from(
        [
            b"data: [DONE]\n\n",
            b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n',
            b'data: {"choices":[{"delta":{"content":"x"}}]}\n\n',
            b'event: error\ndata: {"error":{"message":"no"}}\n\n',
            b": comment\n\n",
            b"\r\n\r\n",
        ]
    ),
    st.binary(max_size=40),
    st.binary(max_size=20).map(lambda noise: b"data: " + noise + b"\n\n"),
)

replies: st.SearchStrategy[bytes] = st.one_of(
    st.lists(events, max_size=8).map(b"".join),
    st.binary(max_size=200),
    mutated({**CHUNK, "choices": [{"message": {"content": "Hi", "role": "assistant"}, "finish_reason": "stop"}]}).map(
        as_json
    ),
)
"""Bodies of a backend's replies."""
