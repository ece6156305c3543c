"""The questions for a prompt's tokens, and their answers; the trials ask a real engine."""

import pytest
from hypothesis import given
from msgspec.structs import replace
from tests.dialects.openai_chat.conversations import asked
from tests.parts.requests import Json, bodies

from anyclaude.dialects import WireRequest
from anyclaude.dialects.openai_chat import OpenAiChat, OpenAiChatTokenizer
from anyclaude.errors import InvalidRequest
from anyclaude.profiles import EMBEDDED, PROFILES, profile_named
from anyclaude.protocol.json_values import JsonObject, decode_json, encode_json
from anyclaude.protocol.messages_request import request_from

SCHEMA: JsonObject = {"type": "object", "properties": {}}
EMPTY = WireRequest("/chat/completions", b"{}")
TOKENIZER = OpenAiChatTokenizer(EMBEDDED)


def test_a_request_is_rendered_as_it_is_sent() -> None:
    question = TOKENIZER.encode_rendering(EMPTY)

    assert question is not None
    assert (question.path, question.body, question.at_root) == ("/apply-template", b"{}", True)


def test_special_tokens_are_read_as_the_engine_reads_them() -> None:
    question = TOKENIZER.encode_tokenizing("<|im_start|>")

    assert question is not None
    assert question.path == "/tokenize"
    assert question.body == b'{"content":"<|im_start|>","add_special":true,"parse_special":true}'


@pytest.mark.parametrize("name", ["ollama", "vllm", "generic", "openrouter"])
def test_servers_that_show_no_template_are_not_asked(name: str) -> None:
    tokenizer = OpenAiChatTokenizer(profile_named(name))

    assert tokenizer.encode_rendering(EMPTY) is None
    assert tokenizer.encode_tokenizing("text") is None


def test_answers_are_decoded_and_other_content_is_none() -> None:
    assert TOKENIZER.decode_rendering(b'{"prompt": "text", "more": 1}') == "text"
    assert TOKENIZER.decode_tokenizing(b'{"tokens": [1, 2]}') == (1, 2)
    for answer in (b"", b"{}", b"[]", b'{"prompt": 1, "tokens": "x"}', b"\xff"):
        assert TOKENIZER.decode_rendering(answer) is None
        assert TOKENIZER.decode_tokenizing(answer) is None


@pytest.mark.parametrize(
    ("name", "path", "at_root"),
    [("llamacpp", "/chat/completions/input_tokens", False), ("vllm", "/tokenize", True)],
)
def test_tokens_are_counted_of_the_prompt_that_is_sent(name: str, path: str, at_root: bool) -> None:
    profile = profile_named(name)
    request = asked(
        system="be good",
        tools=[{"name": "Read", "input_schema": SCHEMA}],
        tool_choice={"type": "auto", "disable_parallel_tool_use": True},
        temperature=0.5,
    )
    encoded = OpenAiChat().encode_request(request, "local", profile).request

    question = OpenAiChatTokenizer(profile).encode_token_count(encoded)

    assert question is not None
    assert (question.path, question.accept, question.at_root) == (path, "application/json", at_root)
    assert question.body == (
        b'{"model":"local","messages":[{"role":"system","content":"be good"},{"role":"user","content":"hi"}],'
        b'"tools":[{"type":"function","function":{"name":"Read","parameters":{"type":"object","properties":{}}}}],'
        b'"tool_choice":"auto","parallel_tool_calls":false}'
    )


@given(bodies)
def test_the_fields_of_a_count_are_those_of_the_request_in_the_same_order_and_bytes(raw: Json) -> None:
    try:
        request = request_from(raw)
    except InvalidRequest:
        return
    for profile in PROFILES:
        wire = OpenAiChat().encode_request(request, "local", profile).request
        question = OpenAiChatTokenizer(replace(profile, token_counting="vllm_tokenize")).encode_token_count(wire)

        sent = decode_json(wire.body)
        assert question is not None
        assert isinstance(sent, dict)
        names = ("model", "messages", "tools", "tool_choice", "parallel_tool_calls")
        assert question.body == encode_json({name: sent[name] for name in names if name in sent})


def test_a_server_without_a_route_is_not_asked_for_a_count() -> None:
    profile = profile_named("ollama")
    encoded = OpenAiChat().encode_request(asked(), "local", profile).request

    assert OpenAiChatTokenizer(profile).encode_token_count(encoded) is None


@pytest.mark.parametrize(
    ("body", "count"),
    [
        (b'{"input_tokens":61,"object":"response.input_tokens"}', 61),
        (b'{"count":7,"max_model_len":4096,"tokens":[1,2]}', 7),
        (b'{"error":"no such route"}', None),
        (b'{"count":"many"}', None),
        (b'{"count":-5}', None),
        (b'{"input_tokens":1' + b"0" * 300 + b"}", None),
        (b'{"count":7,"x":' + b"[" * 100_000, None),
        (b"[]", None),
        (b"Not Found", None),
    ],
)
def test_a_token_count_is_decoded_or_none(body: bytes, count: int | None) -> None:
    assert TOKENIZER.decode_token_count(body) == count
