"""A refusal reaches the client with the server's message, and with the status and kind on which the client acts."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dialects.openai_chat.decoded import capture
from tests.profiles.real_wordings import BAD_SAMPLES, OTHER_ERRORS, OVERFLOWS, VAGUE_OVERFLOWS

from anyclaude.dialects.openai_chat import OpenAiChat
from anyclaude.dialects.openai_chat.overflow import Figures, too_long
from anyclaude.dialects.openai_chat.rejections import (
    CODE_FIELDS,
    MESSAGE_FIELDS,
    WRAPPERS,
    rejection_in,
    rejection_of_body,
    rejection_of_event,
)
from anyclaude.errors import BackendError, BackendRejected, BadSample
from anyclaude.profiles import BackendName, profile_named
from anyclaude.protocol.json_values import JsonValue, encode_json


def refused(
    status: int, body: object, retry_after: float | None = None, backend: BackendName = "generic"
) -> BackendError:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return OpenAiChat().decode_error(status, raw, retry_after, profile_named(backend))


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "no such thing", "type": "x", "code": None}},
        {"error": {"code": 400, "message": "no such thing", "type": "invalid_request_error"}},
        {"error": "no such thing"},
        {"object": "error", "message": "no such thing", "type": "BadRequestError", "param": None, "code": 400},
        {"detail": "no such thing"},
        {"error": {"error": {"message": "no such thing"}}},
        b"no such thing",
        b"<html><head><style>p {}</style></head><body><h1>no such</h1>\n<p>thing</p></body></html>",
    ],
)
def test_the_servers_message_is_found_in_any_shape(body: object) -> None:
    error = refused(400, body)

    assert str(error) == "no such thing"
    assert (error.status, error.kind) == (400, "invalid_request_error")


def test_a_validation_error_names_the_field() -> None:
    body = {"detail": [{"loc": ["body", "tools", 0], "msg": "Field required", "type": "missing"}, "and more"]}

    assert str(refused(422, body)) == "body.tools.0: Field required; and more"


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"  \n"])
def test_an_error_without_a_message_is_reported_as_such(body: bytes) -> None:
    assert str(refused(500, body)) == "the backend answered with HTTP status 500 and no message"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (402, "billing_error"),
        (404, "not_found_error"),
        (408, "timeout_error"),
        (409, "invalid_request_error"),
        (413, "request_too_large"),
        (422, "invalid_request_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (502, "api_error"),
        (503, "api_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ],
)
def test_a_status_is_kept_under_its_anthropic_kind(status: int, kind: str) -> None:
    error = refused(status, {"error": "no"}, retry_after=3.0)

    assert (error.status, error.kind) == (status, kind)
    assert error.retry_after_seconds == 3.0


@pytest.mark.parametrize("status", [200, 302, 600])
def test_a_status_that_is_not_an_error_becomes_a_bad_gateway(status: int) -> None:
    assert refused(status, b"").status == 502


@pytest.mark.parametrize(
    "message",
    [
        "Loading model",
        "model is still loading",
        "server busy, please try again.  maximum pending requests exceeded",
    ],
)
def test_a_server_that_is_not_ready_yet_is_overloaded_and_can_be_retried(message: str) -> None:
    error = refused(503, {"error": {"code": 503, "message": message, "type": "unavailable_error"}}, retry_after=2.0)

    assert (error.status, error.kind) == (529, "overloaded_error")
    assert error.retry_after_seconds == 2.0


WHOLE_REPLIES = [
    (400, json.loads(capture("llamacpp_overflow.json")), 3031, 2048),  # llama.cpp, recorded
    (
        500,
        {"error": {"message": "the request exceeds the available context size.", "n_prompt_tokens": 10, "n_ctx": 8}},
        10,
        8,
    ),
    (
        400,  # vLLM issue 20409
        {
            "object": "error",
            "message": "This model's maximum context length is 16384 tokens. However, you requested 122946 tokens "
            "(112946 in the messages, 10000 in the completion). Please reduce the length of the messages.",
        },
        112946,
        16384,
    ),
    (
        400,
        {
            "error": {
                "message": "This model's maximum context length is 4096 tokens. "
                "However, your request has 5000 input tokens."
            }
        },
        5000,
        4096,
    ),
    (
        400,  # vLLM issue 42474: the count is a lower bound, so no shorter reply can be asked for
        {
            "error": {
                "message": "This model's maximum context length is 128000 tokens. However, you requested 65535 output "
                "tokens and your prompt contains at least 62466 input tokens, for a total of at least 128001 tokens."
            }
        },
        128001,
        128000,
    ),
    (
        400,  # LM Studio bug tracker 237, 546
        {
            "error": "Trying to keep the first 15857 tokens when context the overflows. However, the model is loaded "
            "with context length of only 4096 tokens, which is not enough."
        },
        15857,
        4096,
    ),
    (
        400,  # openclaude issue 353
        {
            "error": "The number of tokens to keep from the initial prompt is greater than the context length "
            "(n_keep: 13055>= n_ctx: 4096). Try to load the model with a larger context length."
        },
        13055,
        4096,
    ),
    (500, {"error": "Cannot truncate prompt with n_keep (15028) >= n_ctx (7424)"}, 15028, 7424),  # opencode issue 11141
    (
        400,  # SGLang
        {
            "message": "The input (10235 tokens) is longer than the model's context length (8192 tokens).",
            "object": "error",
        },
        10235,
        8192,
    ),
    (
        400,  # SGLang
        {"message": "Input length (10235 tokens) exceeds the maximum allowed length (8187 tokens)."},
        10235,
        8187,
    ),
    (500, {"error": {"message": "Requested tokens (600) exceed context window of 512"}}, 600, 512),  # llama-cpp-python
    (400, {"error": "Prompt too long: 50000 tokens exceeds max context window of 32768 tokens"}, 50000, 32768),  # oMLX
    (
        400,
        {"error": {"message": "The input token count (2000) exceeds the maximum number of tokens allowed (1000)."}},
        2000,
        1000,
    ),
]


@pytest.mark.parametrize(("status", "body", "prompt", "limit"), WHOLE_REPLIES)
def test_a_prompt_over_the_window_makes_the_client_compact(status: int, body: object, prompt: int, limit: int) -> None:
    error = refused(status, body)

    assert (error.status, error.kind) == (400, "invalid_request_error")
    assert str(error).startswith(f"prompt is too long: {prompt} tokens > {limit} maximum (the server says: ")


@pytest.mark.parametrize(
    "body",
    [
        {
            "error": {
                "message": "Your input exceeds the context window of this model.",
                "code": "context_length_exceeded",
            }
        },
        {"error": {"message": "Please shorten it.", "code": "context_length_exceeded"}},
        {"error": {"message": "Prompt exceeds maximum context length", "type": "invalid_request_error"}},
        {"error": "the input length exceeds the context length"},
        {"error": "prompt too long; exceeded max context length by 1234 tokens"},
        {"error": {"message": "request (10 tokens) exceeds the available context size (8192 tokens)"}},
    ],
)
def test_an_overflow_without_plausible_numbers_makes_the_client_compact(body: object) -> None:
    error = refused(400, body)

    assert error.status == 400
    assert str(error).startswith("prompt is too long (the server says: ")


def test_a_prompt_that_leaves_too_little_room_makes_the_client_ask_for_a_shorter_reply() -> None:
    body = {
        "message": "This model's maximum context length is 40000 tokens. However, you requested 62000 tokens "
        "(30000 in the messages, 32000 in the completion)."
    }

    assert str(refused(400, body)) == "input length and `max_tokens` exceed context limit: 30000 + 32000 > 40000"


MAKES_THE_CLIENT_ACT = re.compile(r"prompt is too long|input length and `max_tokens` exceed context limit")


@pytest.mark.parametrize("status", [400, 413, 422, 500, 503])
@pytest.mark.parametrize(("source", "message"), OVERFLOWS)
def test_real_overflows_make_the_client_act_whatever_their_status(source: str, message: str, status: int) -> None:
    error = refused(status, {"error": {"message": message, "type": "invalid_request_error"}})

    assert (error.status, error.kind) == (400, "invalid_request_error"), source
    assert MAKES_THE_CLIENT_ACT.match(str(error)), source


@pytest.mark.parametrize(("source", "message"), OVERFLOWS)
def test_an_overflow_under_status_200_or_within_a_stream_makes_the_client_act_too(source: str, message: str) -> None:
    in_body = rejection_of_body(json.dumps({"code": 1261, "msg": message}).encode())
    in_stream = rejection_in({"error": {"message": message}})

    assert in_body is not None, source
    assert in_stream is not None, source
    assert (in_body.status, in_body.is_transient, str(in_body)) == (400, False, str(in_stream)), source
    assert MAKES_THE_CLIENT_ACT.match(str(in_body)), source


@pytest.mark.parametrize("status", [400, 413, 422, 500])
@pytest.mark.parametrize(("source", "message"), OTHER_ERRORS)
def test_other_real_errors_keep_their_status_and_words(source: str, message: str, status: int) -> None:
    error = refused(status, {"error": {"message": message}})

    assert (error.status, str(error)) == (status, message), source


@pytest.mark.parametrize(
    ("message", "start"),
    [
        ("Prompt has 70,000 tokens, but the configured context size is 65,536 tokens", "70000 tokens > 65536"),
        ("A prompt of 150k tokens exceeds the context window of 128k", "150000 tokens > 128000"),
        ("The input (1.2k tokens) exceeds the limit of 1.0k tokens", "1200 tokens > 1000"),
        ("input length 40000 is not in the range [1, 30720]: too long", "40000 tokens > 30720"),
        ("gpt-4o-2024-08-06: your prompt exceeds the limit of 128000 tokens (got 130001)", "130001 tokens > 128000"),
    ],
)
def test_figures_are_read_as_servers_write_them(message: str, start: str) -> None:
    assert str(refused(400, {"error": message})).startswith(f"prompt is too long: {start} maximum")


NUMBERS = (
    st.integers(0, 10**12).map(str) | st.integers(1, 999).map("{}k".format) | st.integers(0, 10**9).map("{:,}".format)
)
PIECES = st.sampled_from([*re.split(r"[0-9]+", " ".join(message for _, message in OVERFLOWS)), ">", "+", "[1,", "("])


@given(st.lists(PIECES | NUMBERS, max_size=12).map(" ".join))
def test_figures_always_say_that_the_prompt_is_too_long(words: str) -> None:
    sentence = too_long(words, Figures())

    if found := re.match(r"prompt is too long: (\d+) tokens > (\d+) maximum", sentence):
        assert int(found[1]) > int(found[2])
    elif found := re.match(r"input length .* limit: (\d+) \+ (\d+) > (\d+)", sentence):
        assert int(found[1]) < int(found[3]) < int(found[1]) + int(found[2])
    else:
        assert sentence == f"prompt is too long (the server says: {words})"


@pytest.mark.parametrize(("source", "message"), VAGUE_OVERFLOWS)
def test_an_error_that_says_too_little_is_kept_and_marked(source: str, message: str) -> None:
    for status in (400, 413, 422, 500):
        error = refused(status, {"error": {"message": message}} if message else b"")
        assert isinstance(error, BackendRejected), source
        assert error.may_be_too_long, source
        assert error.status == status, source
    for status in (402, 404, 429, 502, 503, 529):
        error = refused(status, {"error": {"message": message}} if message else b"")
        assert isinstance(error, BackendRejected), source
        assert not error.may_be_too_long, source


@pytest.mark.parametrize(("source", "message"), BAD_SAMPLES)
def test_an_error_about_what_the_model_wrote_is_a_bad_sample(source: str, message: str) -> None:
    error, in_stream = refused(500, {"error": {"message": message}}), rejection_in({"error": {"message": message}})

    assert type(error) is BadSample, source
    assert (error.status, error.is_transient, str(error)) == (500, False, message), source
    assert type(in_stream) is BadSample, source


@pytest.mark.parametrize("status", [400, 422])
def test_a_malformed_call_in_the_request_is_no_bad_sample(status: int) -> None:
    error = refused(status, {"error": {"message": "Failed to parse tool call arguments as JSON: unexpected end"}})

    assert type(error) is BackendRejected


def test_a_rate_limit_that_mentions_tokens_is_not_an_overflow() -> None:
    error = refused(429, {"error": {"message": "Rate limit: exceeds the context window budget", "type": "tokens"}})

    assert (error.status, error.kind) == (429, "rate_limit_error")
    assert not str(error).startswith("prompt is too long")


@pytest.mark.parametrize(("status", "kind"), [(401, "authentication_error"), (403, "permission_error")])
def test_a_refused_key_names_the_backend_and_the_variable_that_holds_the_key(status: int, kind: str) -> None:
    error = refused(status, {"error": {"message": "Invalid API Key"}}, backend="vllm")

    assert (error.status, error.kind) == (status, kind)
    assert str(error) == (
        f"vLLM (not the gateway) refused the key it was sent, with HTTP status {status}: Invalid API Key. "
        "Set VLLM_API_KEY to a key it accepts."
    )


def test_a_key_that_the_embedded_engine_refuses_suggests_that_another_server_listens() -> None:
    assert str(refused(401, b"", backend="embedded")).endswith(
        "The key is the gateway's own: does another server listen there?"
    )


@pytest.mark.parametrize(
    "echo", ["sk-abc123", "Bearer abc.def", "sk-proj-*******************************wxyz", "0123456789abcdef0123456789"]
)
def test_a_key_that_the_server_echoes_is_not_repeated(echo: str) -> None:
    error = refused(401, {"error": {"message": f"Incorrect API key provided: {echo}. Look it up."}})

    assert echo.split()[-1] not in str(error)
    assert "Look it up." in str(error)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b'{"code":500,"msg":"quota used up","success":false}', 500, "quota used up"),
        (b"Model not loaded\n", 400, "Model not loaded"),
        (b'"Model not loaded"', 400, "Model not loaded"),
        (b'[{"error":{"code":400,"message":"missing a thought_signature","status":"INVALID_ARGUMENT"}}]', 400, ""),
        (b'{"detail":"Model is not loaded"}', 400, "Model is not loaded"),
        (b'{"detail":{"error":{"message":"no such adapter"}}}', 400, "no such adapter"),
        (b'{"message":"Internal server error"}', 400, "Internal server error"),
        (b'{"error":"no slot"}', 400, "no slot"),
        (b'{"errors":[{"message":"first"},{"message":"second"}]}', 400, "first; second"),
        (b'{"errors":["first","second"]}', 400, "first; second"),
        (b'{"status":"error","reason":"no such engine"}', 400, "no such engine"),
        (b'{"type":"about:blank","title":"Bad","detail":"the model is gone","status":410}', 410, "the model is gone"),
        (b'{"choices":null,"base_resp":{"status_code":1008,"status_msg":"insufficient balance"}}', 400, "insufficient"),
        (b'{"code":"429","message":"no more for now"}', 429, "no more for now"),
        (b'{"code":1305,"status":429,"message":"no more for now"}', 429, "no more for now"),
        (b'{"code":451,"error":{"message":"not here"}}', 451, "not here"),
        (b'{"errors":{"message":"no such field"}}', 400, "no such field"),
        (b'{"code":429,"message":"no more for now"}', 429, "no more for now"),
        (b'{"message":"Too many requests, slow down"}', 429, "Too many requests"),
        (b'{"error":"Rate limit reached: 30 RPM"}', 429, "Rate limit"),
        (b'{"error":"the model is still loading"}', 529, "still loading"),
        (b'{"code":503,"msg":"overloaded"}', 529, "overloaded"),
        (b"<html><title>Not here</title><p>Look elsewhere</p></html>", 400, "Not here Look elsewhere"),
    ],
)
def test_a_body_under_status_200_that_is_no_reply_is_a_refusal_with_its_words(
    body: bytes, status: int, words: str
) -> None:
    error = rejection_of_body(body)

    assert error is not None
    assert words in str(error)
    assert error.status == status
    assert error.is_transient == (status in (429, 529))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"null",
        b"[]",
        b"12",
        b"[1,2]",
        b"\xff\xfe\x00",
        b'{"object":"chat.completion","model":"m"}',
        b'{"code":200,"msg":"operation succeeded"}',
        b'{"code":"0","message":""}',
        b'{"base_resp":{"status_code":0,"status_msg":"success"}}',
        b'{"model":"m","message":{"role":"assistant","content":"Hello"},"done":true}',
    ],
)
def test_a_body_that_says_nothing_is_no_refusal(body: bytes) -> None:
    assert rejection_of_body(body) is None


@pytest.mark.parametrize(
    "chunk",
    [
        {"error": {"message": "crashed"}},
        {"error": "crashed", "choices": []},
        {"errors": ["crashed"]},
        {"object": "error", "message": "crashed"},
        {"detail": "crashed"},
        {"code": 1013, "msg": "crashed"},
        {"choices": None, "base_resp": {"status_code": 1013, "status_msg": "crashed"}},
    ],
)
def test_a_chunk_that_is_marked_as_an_error_is_one(chunk: dict[str, JsonValue]) -> None:
    error = rejection_in(chunk)

    assert (str(error), error and error.status) == ("crashed", 500)


@pytest.mark.parametrize(
    "chunk",
    [
        {},
        {"type": "ping"},
        {"message": "keep-alive"},
        {"code": 200, "msg": "success"},
        {"choices": None, "base_resp": {"status_code": 0, "status_msg": "success"}},
        {"choices": [{"delta": {}}], "code": 1, "message": "fine"},
        {"object": "error", "choices": []},
    ],
)
def test_a_chunk_that_is_not_marked_as_an_error_is_not_one(chunk: dict[str, JsonValue]) -> None:
    assert rejection_in(chunk) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*MESSAGE_FIELDS, *WRAPPERS, *CODE_FIELDS, "type", "choices"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_is_read(raw: JsonValue) -> None:
    body = encode_json(raw)

    assert 400 <= refused(400, body).status <= 599
    assert (error := rejection_of_body(body)) is None or str(error)
    assert str(rejection_of_event(body))
    assert not isinstance(raw, dict) or (error := rejection_in(raw)) is None or str(error)


@given(st.integers(100, 999), st.binary(max_size=80))
def test_any_bytes_become_an_error_of_bounded_length(status: int, body: bytes) -> None:
    error = refused(status, body * 100)

    assert 400 <= error.status <= 599
    assert 0 < len(str(error)) <= 2_000


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (500, "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj"),
        (404, "Only 'text' content type is supported."),
        (400, "Failed to load image or audio file"),
        (400, "At most 4 image(s) may be provided in one prompt."),
        (422, "unknown variant `image_url`, expected `text`"),
    ],
)
def test_a_refused_picture_becomes_the_sentence_on_which_the_client_takes_it_out(status: int, message: str) -> None:
    error = refused(status, {"error": {"message": message}})

    assert str(error) == f"Could not process image (the server says: {message})"
    assert (error.status, error.kind, error.is_transient) == (400, "invalid_request_error", False)


def test_a_rate_limit_on_images_stays_one() -> None:
    error = refused(429, {"error": {"message": "too many images per minute"}})

    assert (str(error), error.kind) == ("too many images per minute", "rate_limit_error")


@pytest.mark.parametrize("message", ["messages[1].content must be a string", "'list object' has no attribute 'split'"])
def test_a_refusal_that_may_be_about_another_content_keeps_its_words(message: str) -> None:
    error = refused(400, {"error": {"message": message}})

    assert str(error) == message


@pytest.mark.parametrize("status", [202, 425])
def test_a_status_that_says_later_is_transient_and_has_the_servers_words(status: int) -> None:
    error = refused(status, {"message": "Model is loading"})

    assert (str(error), error.status, error.is_transient) == ("Model is loading", 529, True)


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ({"type": "invalid_request_error"}, 400),
        ({"type": "BadRequestError"}, 400),
        ({"status": "INVALID_ARGUMENT"}, 400),
        ({"code": "invalid_api_key"}, 401),
        ({"type": "permission_error"}, 403),
        ({"type": "NotFoundError"}, 404),
        ({"type": "server_error"}, 500),
        ({"type": "invalid_request_error", "code": 503}, 503),
    ],
)
def test_an_error_without_a_status_has_the_one_that_its_type_says(kind: dict[str, str | int], status: int) -> None:
    error = rejection_in({"error": {"message": "no", **kind}})

    assert error is not None
    assert error.status == status


def test_a_model_that_a_server_lacks_is_recognised_in_chinese_too() -> None:
    error = rejection_in({"error": {"code": "1211", "message": "模型不存在"}})  # Zhipu's API

    assert error is not None
    assert error.lacks_model


def test_a_key_that_a_refusal_within_a_stream_echoes_is_not_repeated() -> None:
    error = rejection_in({"error": {"message": "Incorrect key: sk-hunter2", "code": "invalid_api_key"}})

    assert str(error) == "Incorrect key: …"
