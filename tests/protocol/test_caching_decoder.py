"""Requests that repeat what earlier ones contained."""

import json
from sys import getsizeof
from weakref import ref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.errors import InvalidRequest
from anyclaude.kept_values import ENTRY_BYTES
from anyclaude.memory_budget import MemoryBudget
from anyclaude.protocol.caching_decoder import DERIVED_BYTES, MAX_SHARE, CachingDecoder, DecodeCache
from anyclaude.protocol.content import TextBlock
from anyclaude.protocol.json_values import MAX_DEPTH, JsonValue
from anyclaude.protocol.memory_size import memory_size
from anyclaude.protocol.messages_request import MessagesRequest, Turn, decode_request

Json = dict[str, object]

texts = st.text(max_size=8)
scalars = st.one_of(st.none(), st.booleans(), st.integers(-9, 9), texts)
objects = st.dictionaries(st.sampled_from(["a", "b", "cache_control"]), scalars, max_size=2)
blocks = st.one_of(
    st.builds(lambda text, extra: {"type": "text", "text": text, **extra}, texts, objects),
    st.builds(lambda id, input: {"type": "tool_use", "id": id, "name": "Read", "input": input}, texts, objects),
    st.builds(lambda id, content: {"type": "tool_result", "tool_use_id": id, "content": content}, texts, texts),
    objects,
)
contents = st.one_of(texts, st.lists(blocks, max_size=3))
turns = st.builds(
    lambda role, content: {"role": role, "content": content}, st.sampled_from(["user", "assistant"]), contents
)
tools = st.builds(
    lambda name, description, schema: {"name": name, "description": description, "input_schema": schema},
    st.sampled_from(["Read", "Bash"]),
    scalars,
    objects,
)
bodies = st.fixed_dictionaries(
    {"model": st.just("m"), "max_tokens": st.one_of(st.just(9), scalars), "messages": st.lists(turns, max_size=4)},
    optional={
        "system": st.one_of(contents, scalars),
        "tools": st.one_of(st.lists(tools, max_size=3), scalars),
        "stream": st.booleans(),
        "metadata": st.one_of(objects, scalars),
        "new_field": scalars,
    },
)


def written(body: object, separators: tuple[str, str] = (",", ":")) -> bytes:
    return json.dumps(body, separators=separators).encode()


def conversation(*texts: str, **fields: object) -> bytes:
    """Write a request of one user turn for each text, the last with the cache marker that moves along."""
    messages: list[Json] = [{"role": "user", "content": [{"type": "text", "text": text}]} for text in texts]
    last = {"type": "text", "text": texts[-1], "cache_control": {"type": "ephemeral"}}
    return written(
        {"model": "m", "max_tokens": 9, "messages": [*messages[:-1], {"role": "user", "content": [last]}], **fields}
    )


def outcome(decode: object, body: bytes) -> MessagesRequest | str:
    """Return the request, or the text of the error that the client gets."""
    assert callable(decode)
    try:
        request = decode(body)
    except InvalidRequest as error:
        return str(error)
    assert isinstance(request, MessagesRequest)
    return request


@given(st.lists(st.one_of(bodies, scalars).map(written), max_size=8), st.integers(1, 20_000), st.integers(0, 20_000))
def test_any_sequence_of_requests_is_decoded_like_each_request_alone(
    requests: list[bytes], max_bytes: int, limit: int
) -> None:
    budget = MemoryBudget(limit)
    decoder = CachingDecoder(budget, max_bytes, max_bytes)

    for body in [*requests, *requests]:
        assert outcome(decoder.decode, body) == outcome(decode_request, body)
        budget.enforce()
        assert sum(budget.kept.values()) <= limit


class Decoded:
    """A value that can be referred to weakly."""

    def __init__(self, text: bytes) -> None:
        self.text = text


@given(st.lists(st.binary(max_size=12)), st.integers(1, 20_000))
def test_the_values_that_a_cache_keeps_alive_never_exceed_its_limit(texts: list[bytes], max_bytes: int) -> None:
    budget = MemoryBudget()
    decode = DecodeCache(Decoded, "parts", budget, max_bytes)
    made: dict[bytes, ref[Decoded]] = {}
    for text in texts:
        value = decode(text)
        assert value.text == text
        made[text] = ref(value)
        del value

        alive = [text for text, weak in made.items() if weak() is not None]
        assert budget.kept["parts"] == sum(map(counted, alive)) <= max_bytes


def counted(text: bytes) -> int:
    """Return what is counted for a part."""
    return ENTRY_BYTES + getsizeof(text) + memory_size(Decoded(text)) + DERIVED_BYTES


@given(bodies.map(written), st.data())
def test_damaged_requests_are_rejected_with_the_same_message(body: bytes, data: st.DataObject) -> None:
    decoder = CachingDecoder()
    outcome(decoder.decode, body)
    start = data.draw(st.integers(0, len(body)))
    end = data.draw(st.integers(start, min(len(body), start + 3)))
    damaged = body[:start] + data.draw(st.binary(max_size=3)) + body[end:]

    assert outcome(decoder.decode, damaged) == outcome(decode_request, damaged)


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"a","model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}]}',
        b'{"x":"\xff","x":1,"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}]}',
        b'{"model":"m","max_tokens":9,"messages":[{"role":"user","role":"assistant","content":"x"}]}',
        b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"half \\ud83d of it"}]}',
        b'{"model":"m\\ud83d","max_tokens":9,"messages":[{"role":"user","content":"x"}],"system":"\\udc00"}',
        b'{"mod\\u0065l":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}]}',
        b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}],"tools":null,"system":null}',
        b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}],"tools":{},"system":[]}',
        b'{"model":"m","max_tokens":9,"messages":null}',
        b'{"model":"m","max_tokens":9,"messages":[]}',
        b'{"model":"m","max_tokens":9}',
        b" {} ",
        b"{}",
        b"[]",
        b"",
    ],
)
def test_unusual_requests_are_decoded_as_without_a_cache(body: bytes) -> None:
    assert outcome(CachingDecoder().decode, body) == outcome(decode_request, body)


@pytest.mark.parametrize("place", ["turn", "tool", "system", "metadata"])
@pytest.mark.parametrize("depth", range(MAX_DEPTH - 8, MAX_DEPTH + 3))
def test_the_nesting_limit_is_that_of_the_whole_body(place: str, depth: int) -> None:
    deep: JsonValue = "x"
    for _ in range(depth):
        deep = {"a": deep}
    block = {"type": "unknown", "deep": deep}
    places: dict[str, Json] = {
        "turn": {"messages": [{"role": "user", "content": [block]}]},
        "tool": {"tools": [{"name": "Read", "input_schema": deep}]},
        "system": {"system": [block]},
        "metadata": {"metadata": deep},
    }
    minimal: Json = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
    body = written({**minimal, **places[place]})

    assert outcome(CachingDecoder().decode, body) == outcome(decode_request, body)


def test_a_repeated_part_is_returned_as_the_same_object() -> None:
    decoder = CachingDecoder()
    fixed: Json = {"tools": [{"name": "Read", "input_schema": {}}], "system": [{"type": "text", "text": "Be brief."}]}
    before = decoder.decode(conversation("one", "two", **fixed))
    after = decoder.decode(conversation("one", "two", "three", **fixed))

    assert after.messages[0] is before.messages[0]
    assert after.tools[0] is before.tools[0]
    assert after.system[0] is before.system[0]


def test_a_turn_without_its_former_cache_marker_is_decoded_again() -> None:
    decoder = CachingDecoder()
    before = decoder.decode(conversation("one", "two"))
    after = decoder.decode(conversation("one", "two", "three"))

    assert before.messages[1].content == (TextBlock("two", {"cache_control": {"type": "ephemeral"}}),)
    assert after.messages[1].content == (TextBlock("two"),)


def test_repeated_parts_stay_cached_and_others_are_evicted() -> None:
    tool = {"tools": [{"name": "Read", "input_schema": {}}]}
    budget = MemoryBudget()
    decoder = CachingDecoder(budget, max_turn_bytes=20_000)
    first = decoder.decode(conversation("always", "0", **tool))
    seen: list[ref[Turn]] = []
    for number in range(100):
        last = decoder.decode(conversation("always", str(number), **tool))
        seen += map(ref, last.messages)
    alive = {id(turn) for weak in seen if (turn := weak()) is not None}

    assert last.messages[0] is first.messages[0]
    assert len(alive) * DERIVED_BYTES <= budget.kept["turns"] <= 20_000


def test_a_part_that_would_take_most_of_the_cache_is_not_cached() -> None:
    decoder = CachingDecoder(max_turn_bytes=40_000)
    small = ref(decoder.decode(conversation("x")).messages[0])
    large = ref(decoder.decode(conversation("x" * (40_000 // MAX_SHARE))).messages[0])

    assert small() is not None
    assert large() is None


def test_a_request_with_whitespace_between_its_parts_is_decoded_without_the_cache() -> None:
    decoder = CachingDecoder()
    body = json.loads(conversation("one"))

    assert decoder.decode(written(body, (", ", ": "))) == decoder.decode(written(body))
