"""Failures, as the official SDK raises them."""

from pathlib import Path

import anthropic
import pytest
from tests.parts.chat_reply import Fail, Refusal, Reply, Reset, Stop, refuse, reply, say
from tests.parts.chat_script import always, one_by_one
from tests.parts.chat_server import chat_server
from tests.parts.gateway import running_gateway, target_at
from tests.sdk.clients import HELLO, MODEL, NO_RETRIES, async_client, sdk_setup

from anyclaude.protocol.json_values import JsonObject


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize(
    ("answer", "error", "kind"),
    [
        (refuse(400, "the grammar of tool 3 is broken"), anthropic.BadRequestError, "invalid_request_error"),
        (refuse(401, "the grammar of tool 3 is broken"), anthropic.AuthenticationError, "authentication_error"),
        (refuse(404, "the grammar of tool 3 is broken"), anthropic.BadRequestError, "invalid_request_error"),
        (refuse(429, "the grammar of tool 3 is broken"), anthropic.RateLimitError, "rate_limit_error"),
        (refuse(500, "the grammar of tool 3 is broken"), anthropic.InternalServerError, "api_error"),
    ],
)
async def test_a_refusal_keeps_its_error_type_and_message_except_for_404_which_claude_code_replaces(
    tmp_path: Path, answer: Refusal, error: type[anthropic.APIStatusError], kind: str, is_streamed: bool
) -> None:
    async with sdk_setup(tmp_path, always(answer)) as setup:
        with pytest.raises(error, match="the grammar of tool 3 is broken") as caught:
            await setup.client.messages.create(model=MODEL, max_tokens=50, messages=HELLO, stream=is_streamed)

    assert caught.value.type == kind
    assert caught.value.request_id is not None
    assert caught.value.request_id.startswith("req_")


async def test_a_prompt_that_is_too_long_has_the_message_that_triggers_compaction(tmp_path: Path) -> None:
    body: JsonObject = {
        "error": {
            "code": 400,
            "message": "request (6030 tokens) exceeds the available context size (2048 tokens), try increasing it",
            "type": "exceed_context_size_error",
            "n_prompt_tokens": 6030,
            "n_ctx": 2048,
        }
    }
    async with sdk_setup(tmp_path, always(Refusal(400, body))) as setup:
        with pytest.raises(anthropic.BadRequestError) as caught:
            await setup.client.messages.create(model=MODEL, max_tokens=50, messages=HELLO)

    assert (caught.value.api_message or "").startswith("prompt is too long: 6030 tokens > 2048 maximum")


async def test_a_rate_limit_keeps_its_retry_after_header(tmp_path: Path) -> None:
    async with sdk_setup(tmp_path, always(refuse(429, "slow down", "rate_limit_error", retry_after="7"))) as setup:
        with pytest.raises(anthropic.RateLimitError) as caught:
            await setup.client.messages.create(model=MODEL, max_tokens=50, messages=HELLO)

    assert caught.value.response.headers["retry-after"] == "7"


async def test_an_invalid_request_never_reaches_the_model_server(tmp_path: Path) -> None:
    async with sdk_setup(tmp_path, always(reply(say("Hm.")))) as setup:
        with pytest.raises(anthropic.BadRequestError):
            await setup.client.messages.create(model=MODEL, max_tokens=50, messages="hello")  # type: ignore[arg-type]

    assert setup.server.requests == ()


BROKEN_OFF = [
    reply(say("Hel"), Fail({"code": 500, "message": "out of memory", "type": "server_error"})),
    reply(say("Hel"), Stop()),
    reply(say("Hel"), Reset()),
]


@pytest.mark.parametrize("answer", BROKEN_OFF)
async def test_a_reply_that_breaks_off_is_an_error_and_not_a_short_reply(tmp_path: Path, answer: Reply) -> None:
    async with sdk_setup(tmp_path, always(answer)) as setup:
        with pytest.raises(anthropic.APIStatusError):
            await setup.client.messages.create(model=MODEL, max_tokens=50, messages=HELLO)


@pytest.mark.parametrize("answer", BROKEN_OFF)
async def test_a_stream_that_breaks_off_is_an_error_after_the_received_text(tmp_path: Path, answer: Reply) -> None:
    received = []
    async with (
        sdk_setup(tmp_path, always(answer)) as setup,
        setup.client.messages.stream(model=MODEL, max_tokens=50, messages=HELLO) as stream,
    ):
        with pytest.raises(anthropic.APIStatusError):
            async for text in stream.text_stream:
                received.append(text)

    assert "".join(received) == "Hel"


async def test_the_sdk_retries_a_rate_limited_request(tmp_path: Path) -> None:
    script = one_by_one(refuse(429, "busy", "rate_limit_error", retry_after="0"), reply(say("Here.")))
    async with sdk_setup(tmp_path, script) as setup:
        retrying = setup.client.with_options(max_retries=2)
        message = await retrying.messages.create(model=MODEL, max_tokens=50, messages=HELLO)

    assert message.stop_reason == "end_turn"


async def test_the_sdk_does_not_retry_an_invalid_request(tmp_path: Path) -> None:
    async with sdk_setup(tmp_path, always(refuse(400, "no such grammar"))) as setup:
        retrying = setup.client.with_options(max_retries=2)
        with pytest.raises(anthropic.BadRequestError):
            await retrying.messages.create(model=MODEL, max_tokens=50, messages=HELLO)

        assert len(setup.server.requests) == 1


async def test_an_unreachable_model_server_is_named_in_the_error(tmp_path: Path) -> None:
    async with chat_server(always(reply())) as gone:
        url = gone.base_url
    async with (
        running_gateway(tmp_path, target_at(url), options=NO_RETRIES) as gateway,
        async_client(gateway.base_url) as client,
    ):
        with pytest.raises(anthropic.APIStatusError, match=url) as caught:
            await client.messages.create(model=MODEL, max_tokens=50, messages=HELLO)

    assert caught.value.status_code == 503
