"""Any stream decodes to a valid message, and to an end only if it has one."""

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dialects.openai_chat.decoded import decoded, deltas_of
from tests.parts.replies import judged, play
from tests.parts.requests import json_values
from tests.parts.splits import any_split

from anyclaude.dialects import EarlierReplies
from anyclaude.dialects.openai_chat import OpenAiChat
from anyclaude.dialects.openai_chat.decode import MAX_PAGE_BYTES, DocumentDecoder, ReplyDecoder, StreamDecoder
from anyclaude.dialects.openai_chat.reply import Reply
from anyclaude.errors import BackendGarbled, BackendRejected
from anyclaude.protocol.deltas import Finished, TextDelta, ToolCallDelta, UsageReported
from anyclaude.protocol.json_bounds import MAX_CONTAINERS
from anyclaude.protocol.json_values import JsonObject, JsonValue
from anyclaude.protocol.messages_request import Tool
from anyclaude.protocol.sse import BYTE_ORDER_MARK, DEFAULT_MAX_EVENT_BYTES
from anyclaude.tool_schemas import wire_name

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
messages = st.fixed_dictionaries(
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
    {"index": st.just(0), "delta": messages},
    optional={
        "message": messages,
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


def stream(chunks: Sequence[Json]) -> bytes:
    return b"".join(map(event, chunks)) + b"data: [DONE]\n\n"


@given(st.lists(chunks, max_size=12))
def test_any_chunks_make_a_valid_stream_for_the_client(raw: list[Json]) -> None:
    deltas, _ = deltas_of([stream(raw)])

    assert judged(play([deltas])).outcome in {"whole", "failed"}


@given(st.lists(chunks, max_size=6).map(stream).flatmap(any_split))
def test_any_split_of_any_chunks_gives_the_same_deltas(pieces: list[bytes]) -> None:
    deltas, failure = deltas_of(pieces)
    together, same_failure = deltas_of([b"".join(pieces)])

    assert deltas == together
    assert repr(failure) == repr(same_failure)


@given(st.lists(st.tuples(st.text(max_size=4), st.text(max_size=4)), max_size=8))
def test_no_text_is_lost_altered_or_misfiled(pieces: list[tuple[str, str]]) -> None:
    raw = [{"choices": [{"delta": {"reasoning_content": reasoning, "content": text}}]} for reasoning, text in pieces]

    reply = decoded([stream([*raw, FINISH])])

    assert reply.thinking == "".join(reasoning for reasoning, _ in pieces)
    assert reply.text == "".join(text for _, text in pieces)


@given(st.binary(max_size=60))
def test_any_bytes_either_fail_or_end(raw: bytes) -> None:
    reply = decoded([raw])

    assert reply.failure is not None or reply.end is not None


@given(messages.filter(names_its_calls), st.sampled_from([None, "stop", "length"]))
def test_a_whole_document_decodes_as_the_stream_of_the_same_content(message: Json, reason: str | None) -> None:
    document = {"choices": [{"index": 0, "message": message, "finish_reason": reason}]}
    chunk = {"choices": [{"index": 0, "delta": message, "finish_reason": reason}]}

    assert decoded([msgspec.json.encode(document)]) == decoded([stream([chunk])])


def call_chunk(piece: bytes) -> bytes:
    return b'data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":%b}}]}}]}\n\n' % piece


@given(st.text(max_size=6), st.booleans(), st.data())
def test_a_character_of_a_call_that_is_cut_in_two_is_joined(
    text: str, is_cut_by_bytes: bool, data: st.DataObject
) -> None:
    name = event({"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"name": "Read"}}]}}]})
    arguments = json.dumps({"text": text}, ensure_ascii=False)
    if is_cut_by_bytes:
        pieces = data.draw(any_split(arguments.encode()))
        chunks = [b'"%b"' % piece.replace(b"\\", rb"\\").replace(b'"', rb"\"") for piece in pieces]
    else:
        halves = arguments.encode("utf-16-le")
        units = [int.from_bytes(halves[at : at + 2], "little") for at in range(0, len(halves), 2)]
        chunks = [as_json_text(piece, is_escaped=False) for piece in data.draw(any_split(units))]

    reply = decoded([name, *map(call_chunk, chunks), event(FINISH)])

    assert reply.fault == ""
    assert reply.calls == (("Read", arguments),)


@pytest.mark.parametrize("field", ["content", "reasoning_content"])
def test_a_character_in_two_halves_is_joined_and_a_lonely_half_is_replaced(field: str) -> None:
    halves = (rf'{{"choices":[{{"delta":{{"{field}":"{half}"}}}}]}}' for half in ("a\\ud83d", "\\ude00", "b\\ud83d"))
    reply = decoded([*(f"data: {chunk}\n\n".encode() for chunk in halves), b"data: [DONE]\n\n"])

    assert reply.text + reply.thinking == "a\U0001f600b\ufffd"
    assert reply.end is not None


FIGURES = [b"1", b'"1"', b"null", b"NaN", b"-Infinity", b"-nan(ind)", b"inf", b"1e999", b"9" * 5_000, b"{}", b"[[]]"]
STRINGS = [b'"a"', b'"\xff"', rb'"\ud83d"', rb'"\ude00"', b'"\tb\x7f\x01"', rb'"nan, \"inf\""', b"null", b"7", b"[]"]
BEFORE_AN_EVENT = [b"", b": comment\n", b"\xef\xbb\xbf", b"id: 1\n"]


def as_json_text(units: Sequence[int], *, is_escaped: bool) -> bytes:
    """Return UTF-16 units as the JSON of a string, in which nothing but line ends is escaped if it need not be."""
    raw = b"".join(unit.to_bytes(2, "little") for unit in units).decode("utf-16-le", "surrogatepass")
    return b'"' + b"".join(as_json_character(character, is_escaped=is_escaped) for character in raw) + b'"'


def as_json_character(character: str, *, is_escaped: bool) -> bytes:
    if is_escaped or character in '"\\\0\n\r' or "\ud800" <= character <= "\udfff":
        return json.dumps(character)[1:-1].encode()
    return character.encode()


@st.composite
def odd_replies(draw: st.DrawFn) -> tuple[str, list[bytes]]:
    """Draw a text, and the pieces of a stream with it whose fields have every oddity that carries no meaning."""
    text = draw(st.text(max_size=8))
    encoded = text.encode("utf-16-le")
    units = [int.from_bytes(encoded[at : at + 2], "little") for at in range(0, len(encoded), 2)]
    cuts = sorted(draw(st.lists(st.integers(0, len(units)), max_size=4)))
    stream = b""
    for start, end in itertools.pairwise([0, *cuts, len(units)]):
        content = as_json_text(units[start:end], is_escaped=draw(st.booleans()))
        figure, other, string = (draw(st.sampled_from(values)) for values in (FIGURES, FIGURES, STRINGS))
        stream += draw(st.sampled_from(BEFORE_AN_EVENT)) + (
            b'data: {"id":%b,"created":%b,"choices":[{"index":%b,"delta":{"role":%b,"content":%b},"logprobs":%b,'
            b'"finish_reason":null}],"usage":{"prompt_tokens":%b},"timings":{"prompt_ms":%b},"model":%b}\n\n'
        ) % (string, figure, other, string, content, other, figure, other, string)
    return text, draw(any_split(stream + event(FINISH)))


@given(odd_replies())
def test_an_oddity_without_a_meaning_in_any_field_leaves_the_text_as_it_is(reply: tuple[str, list[bytes]]) -> None:
    text, pieces = reply

    result = decoded(pieces)

    assert result.fault == ""
    assert result.text == text


def packed_together(chunks: list[bytes]) -> bytes:
    return b"data: %b\n\n" % b"".join(chunks)


def packed_as_a_list(chunks: list[bytes]) -> bytes:
    return b"data: [%b]\n\n" % b",".join(chunks)


def packed_without_blank_lines(chunks: list[bytes]) -> bytes:
    return b"".join(b"data: %b\n" % chunk for chunk in chunks)


def packed_as_lines(chunks: list[bytes]) -> bytes:
    return b"".join(b"%b\n" % chunk for chunk in chunks)


def packed_twice(chunks: list[bytes]) -> bytes:
    return b"".join(b"data: %b\n\n" % json.dumps(chunk.decode()).encode() for chunk in chunks)


def marked_twice(chunks: list[bytes]) -> bytes:
    return b"".join(b"data: data: %b\n\n" % chunk for chunk in chunks)


def packed_with_keep_alives(chunks: list[bytes]) -> bytes:
    return b"".join(b"data: keep-alive\n\ndata: null\n\ndata: : PING\n\ndata: %b\n\n" % chunk for chunk in chunks)


PACKED = [
    packed_together,
    packed_as_a_list,
    packed_without_blank_lines,
    packed_as_lines,
    packed_twice,
    marked_twice,
    packed_with_keep_alives,
]
ENDS = [b"", b"data: [DONE]\n\n", b"data: [done]\n\n", b'data: "[DONE]"\n\n', b"data: DONE\n\n"]


@given(st.lists(st.text(max_size=4), min_size=1, max_size=4), st.sampled_from(PACKED), st.sampled_from(ENDS), st.data())
def test_chunks_are_read_however_they_are_packed(
    texts: list[str], packed: Callable[[list[bytes]], bytes], end: bytes, data: st.DataObject
) -> None:
    raw = [*({"choices": [{"index": 0, "delta": {"content": text}}]} for text in texts), FINISH]
    end = b"" if packed is packed_as_lines else end

    reply = decoded(data.draw(any_split(packed([json.dumps(chunk).encode() for chunk in raw]) + end)))

    assert reply.fault == ""
    assert reply.text == "".join(texts)
    assert reply.end == Finished("end_turn")


READ_CALL: JsonObject = {"index": 0, "id": "c", "function": {"name": "Read", "arguments": '{"a":1}'}}
READ_PART: JsonObject = {"type": "tool_use", "id": "c", "name": "Read", "input": {"a": 1}}


@pytest.mark.parametrize(
    "choices",
    [
        [{"text": "a"}],  # the older Completions API
        [{"delta": {"content": {"type": "text", "text": "a"}}}],
        [{"delta": {"content": ["a"]}}],
        [{"delta": "a"}],
        [{"message": "a"}],
        {"delta": {"content": "a"}},
        {"0": {"message": {"content": "a"}}},
    ],
)
def test_a_text_is_read_wherever_it_stands(choices: JsonValue) -> None:
    assert decoded([stream([{"choices": choices}, FINISH])]).text == "a"


@pytest.mark.parametrize(
    "choice",
    [
        {"delta": {}, "tool_calls": [READ_CALL]},
        {"delta": {"tool_calls": json.dumps([READ_CALL])}},
        {"delta": {"content": [READ_PART]}},
        {"delta": {"tool_calls": [{"id": "c", "function": {"name": "Read", "parameters": {"a": 1}}}]}},
        {"delta": {"tool_calls": [{"id": "c", "function": {"name": "Read", "input": '{"a":1}'}}]}},
    ],
)
def test_a_call_is_read_wherever_it_stands(choice: JsonObject) -> None:
    reply = decoded([stream([{"choices": [{**choice, "finish_reason": "tool_calls"}]}])])

    assert (reply.fault, reply.calls) == ("", (("Read", '{"a":1}'),))


@pytest.mark.parametrize("end", [b"", b"data: [DONE]\n\n"])
def test_a_call_may_follow_the_end_that_announces_it(end: bytes) -> None:
    announced = event({"choices": [{"delta": {}, "finish_reason": "tool_calls"}]})
    call = event({"choices": [{"delta": {"tool_calls": [READ_CALL]}}]})

    reply = decoded([announced + call + end])

    assert (reply.fault, reply.calls, reply.end) == ("", (("Read", '{"a":1}'),), Finished("tool_use"))
    assert decoded([announced + end]).fault.startswith("BadSample")


@pytest.mark.parametrize("name", ["result", "data", "response"])
def test_a_completion_in_the_envelope_of_a_gateway_is_read(name: str) -> None:
    completion = {"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]}

    assert decoded([json.dumps({"success": True, "errors": [], name: completion}).encode()]).text == "a"


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 10, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 8}},
        {"prompt_tokens": 10, "completion_tokens": 3, "prompt_cache_hit_tokens": 8},  # DeepSeek
        {"input_tokens": 10, "output_tokens": 3, "prompt_tokens_details": {"cached_tokens": 8}},
    ],
)
@pytest.mark.parametrize("is_in_choice", [False, True])
def test_the_counts_have_several_names_and_places(usage: JsonObject, is_in_choice: bool) -> None:
    finish: JsonObject = {"index": 0, "delta": {}, "finish_reason": "stop"}
    last = {"choices": [{**finish, "usage": usage}]} if is_in_choice else {"choices": [finish], "usage": usage}

    assert decoded([stream([last])]).usage == UsageReported(input_tokens=10, output_tokens=3, cached_tokens=8)


def test_a_count_that_no_prompt_can_have_is_ignored() -> None:
    last = {"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 2**64 - 1}}

    assert decoded([stream([last])]).usage.input_tokens is None


@pytest.mark.parametrize("error", [{}, {"code": 0, "message": ""}, {"code": None, "message": None}, "", False, []])
def test_an_error_with_nothing_in_it_is_ignored(error: JsonValue) -> None:
    assert decoded([stream([{"error": error, "choices": [{"delta": {"content": "a"}}]}, FINISH])]).text == "a"


def test_the_error_of_a_choice_is_the_servers_refusal() -> None:
    choice = {"message": {"content": ""}, "finish_reason": "error", "error": {"code": 402, "message": "no credit"}}

    assert decoded([json.dumps({"choices": [choice]}).encode()]).fault == "BackendRejected: no credit"


def test_a_sentence_within_a_reply_is_a_refusal_and_a_piece_of_data_is_damage() -> None:
    begun = event({"choices": [{"delta": {"content": "a"}}]})

    assert decoded([begun + b"data: the model crashed\n\n"]).fault == "BackendRejected: the model crashed"
    assert decoded([begun + b'data: "choices":[{"delta": {}}]\n\n']).fault.startswith("BackendGarbled")


REFUSALS = [
    b'{"ok":false,"error_description":"no credit"}',
    b'{"code":1113,"msg":"no credit"}',
    b'{"detail":"no credit"}',
    b'{"message":"no credit"}',
    b'{"error":"no credit"}',
    b'{"errors":[{"message":"no credit"}]}',
    b'{"choices":null,"base_resp":{"status_code":1008,"status_msg":"no credit"}}',
    b'[{"error":{"message":"no credit"}}]',
    b'"no credit"',
    b"no credit",
    b"\xef\xbb\xbf no credit\n\n",
]


@given(st.sampled_from(REFUSALS), st.booleans(), st.booleans(), st.data())
def test_what_is_no_reply_and_has_words_is_a_refusal_with_these_words(
    body: bytes, is_in_a_stream: bool, is_done: bool, data: st.DataObject
) -> None:
    if is_in_a_stream:
        done = b"data: [DONE]\n\n" if is_done else b""
        body = b": ping\n\ndata: " + body.removeprefix(BYTE_ORDER_MARK).strip() + b"\n\n" + done

    reply = decoded(data.draw(any_split(body)))

    assert isinstance(reply.failure, BackendRejected)
    assert str(reply.failure) == "no credit"
    assert not reply.failure.is_transient


@pytest.mark.parametrize("body", [b"", b" \n", b"{}", b'{"choices":[]}', b"data: {}\n\n", b"data: [DONE]\n\n"])
def test_a_body_that_says_nothing_is_a_reply_that_was_cut(body: bytes) -> None:
    assert decoded([body]).fault.startswith("BackendTruncated")


def test_a_page_without_an_end_is_refused_before_it_fills_the_memory() -> None:
    decoder = OpenAiChat().decoder("")

    with pytest.raises(BackendGarbled, match="web page"):
        for _ in range(MAX_PAGE_BYTES):
            decoder.feed(b"<p>" * 1_000)


LONG = "mcp__plugin_tracker__" + "x" * 70


@pytest.mark.parametrize("name", [LONG, wire_name(LONG)])
@pytest.mark.parametrize("part", ["delta", "message"])
def test_a_tool_that_has_another_name_on_the_wire_is_called_by_its_own(name: str, part: str) -> None:
    call = {"index": 0, "id": "c", "function": {"name": name, "arguments": "{}"}}
    other = {**call, "index": 1, "id": "d"}
    chunk = {"choices": [{part: {"tool_calls": [call, other]}, "finish_reason": "tool_calls"}]}
    body = json.dumps(chunk).encode()
    decoder = OpenAiChat().decoder("", [Tool("Read"), Tool(LONG)])

    deltas = decoder.feed(b"data: " + body + b"\n\n" if part == "delta" else body) + decoder.finish()

    assert [delta.name for delta in deltas if isinstance(delta, ToolCallDelta) and delta.name] == [LONG, LONG]


def test_deltas_before_an_error_are_returned_before_the_error_is_raised() -> None:
    decoder = StreamDecoder(Reply({}, EarlierReplies()))
    text = event({"choices": [{"delta": {"content": "a"}}]})

    deltas = decoder.feed(text + event({"error": {"message": "gone"}}) + text)

    assert deltas == [TextDelta("a")]
    with pytest.raises(BackendRejected, match="gone"):
        decoder.feed(text)


def test_an_event_without_end_is_refused_before_it_fills_the_memory() -> None:
    decoder = StreamDecoder(Reply({}, EarlierReplies()))

    with pytest.raises(BackendGarbled, match="cannot be decoded"):
        decoder.feed(b"data: {" + b" " * (DEFAULT_MAX_EVENT_BYTES + 1))


@pytest.mark.parametrize("is_document", [True, False])
def test_data_of_more_parts_than_any_reply_are_refused_before_they_are_decoded(is_document: bool) -> None:
    body = b'{"choices": [], "usage": {"x": [' + b"[]," * MAX_CONTAINERS + b"[]]}}"
    decoder = ReplyDecoder()

    with pytest.raises(BackendGarbled, match="too many parts"):
        decoder.feed(body if is_document else b"data: " + body + b"\n\n")
        decoder.finish()


def test_a_document_without_end_is_refused_before_it_fills_the_memory() -> None:
    decoder = DocumentDecoder(Reply({}, EarlierReplies()))
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
def test_impossible_counts_are_ignored(usage: object, expected: tuple[int | None, ...]) -> None:
    reply = decoded([stream([FINISH, {"choices": [], "usage": usage}])])

    assert (reply.usage.input_tokens, reply.usage.output_tokens, reply.usage.cached_tokens) == expected


@pytest.mark.parametrize("milliseconds", [-1.0, 1e14, 1e300, "soon", True, [5]])
def test_impossible_times_are_ignored(milliseconds: JsonValue) -> None:
    timings: JsonObject = {"prompt_ms": milliseconds, "predicted_ms": milliseconds}
    reply = decoded([stream([FINISH, {"choices": [], "timings": timings}])])

    assert (reply.usage.prefill_seconds, reply.usage.generation_seconds) == (None, None)


def test_the_drafted_and_accepted_tokens_are_the_engines_own() -> None:
    reply = decoded(
        [stream([FINISH, {"choices": [], "timings": {"predicted_n": 9, "draft_n": 8, "draft_n_accepted": 6}}])]
    )

    assert (reply.usage.drafted_tokens, reply.usage.accepted_tokens) == (8, 6)


def test_the_engines_timings_take_precedence_over_the_usage() -> None:
    timings = {"cache_n": 30, "prompt_n": 4, "prompt_ms": 500.0, "predicted_n": 2, "predicted_ms": 250.0}

    reply = decoded([stream([FINISH, {"choices": [], "usage": {"prompt_tokens": 9}, "timings": timings}])])

    assert reply.usage.input_tokens == 34
    assert reply.usage.cached_tokens == 30
    assert reply.usage.output_tokens == 2
    assert (reply.usage.prefill_seconds, reply.usage.generation_seconds) == (0.5, 0.25)


SIZE = 500_000
"""Of bytes that take a second or less to decode, and hours in the square of their number."""


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": "' + b'\\"' * SIZE,
        b"data: " + b"data:" * SIZE + b"\n\n",
        b"data: {" + b" " * SIZE + b"[done\n\n",
        b'data: {"a": NaN, "b": "' + b'\\"' * SIZE + b"\n\n",
        b"{" + b" " * SIZE + b"}",
        b"data: x\n" * SIZE + b"\n",
        b"<" + b">" * SIZE,
        b"[" * SIZE,
        b'data: {"choices": [' + b"{}," * SIZE + b"{}]}\n\n",
    ],
)
def test_no_body_takes_the_square_of_its_size(body: bytes) -> None:
    assert decoded([body]).fault != ""


@pytest.mark.parametrize("blank", [b"\n", b" ", b"\xef\xbb\xbf", b"\r\n"])
def test_blanks_before_a_reply_are_not_kept(blank: bytes) -> None:
    """Kept, they take the square of their number to strip."""
    decoder = ReplyDecoder()
    for _ in range(200_000):
        assert decoder.feed(blank) == []

    assert decoder.feed(b'data: {"choices": [{"delta": {"content": "a"}}]}\n\n') == [TextDelta("a")]


@given(st.lists(st.sampled_from([b" ", b"\n", b"\xef\xbb\xbf", b"\xef", b"\xbb"]), max_size=5), st.data())
def test_blanks_before_a_reply_mean_the_same_however_they_arrive(blanks: list[bytes], data: st.DataObject) -> None:
    body = b"".join(blanks) + b'{"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]}'

    assert decoded(data.draw(any_split(body))) == decoded([body])
