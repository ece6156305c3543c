"""The mode `claude`: what passes, unchanged."""

import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.parts.gateway import QUICK, RunningGateway, running_gateway
from tests.parts.json_at import at
from tests.parts.raw_backend import RawBackend, ReceivedRequest, free_port
from tests.parts.raw_client import CLAUDE_CODE, Response, ask, connected, prompt, request

STREAM = (
    b'event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":5,'
    b'"cache_read_input_tokens":100,"cache_creation_input_tokens":20,"output_tokens":1}}}\n\n'
    b"event: ping\r\ndata: odd, but none of our business\r\n\r\n"
    b'event: message_delta\ndata: {"type":"message_delta","usage":{"output_tokens":42}}\n\n'
)


@pytest.fixture
async def forwarding(tmp_path: Path, backend: RawBackend) -> AsyncIterator[RunningGateway]:
    """A gateway that forwards everything."""
    options = replace(QUICK, forward_to=backend.origin + "/")
    async with running_gateway(tmp_path, options=options) as gateway:
        yield gateway


async def exchanged(
    gateway: RunningGateway, backend: RawBackend, raw: bytes, reply: bytes, **headers: str
) -> tuple[ReceivedRequest, Response]:
    """Send raw bytes through the gateway; return what arrived, and what came back."""
    async with connected(gateway.base_url) as client:
        await client.send(raw)
        asked = await backend.next_request()
        kind = "text/event-stream" if reply.startswith(b"event") else "application/json"
        await asked.answer(200, reply, kind, **headers)
        return asked, await client.response()


async def test_the_request_arrives_as_it_was_sent(forwarding: RunningGateway, backend: RawBackend) -> None:
    body = (
        b'{ "model":"claude-opus-5-5",\n "max_tokens": 1, "messages":[{"role":"user","content":"\\u00e4"}], "new": 1.0}'
    )
    sent = {
        **CLAUDE_CODE,
        "Authorization": "Bearer sk-ant-oat01-private",
        "anthropic-beta": "a-1,b-2",
        "anthropic-version": "2023-06-01",
        "X-Stainless-Lang": "js",
    }
    raw = request("POST", "/v1/messages?beta=true&x=a%2Fb%20c", body, sent)

    asked, _ = await exchanged(forwarding, backend, raw, STREAM)

    assert asked.path == "/v1/messages?beta=true&x=a%2Fb%20c"
    assert asked.body == body
    assert {name: asked.headers[name.lower()] for name in sent} == sent
    assert asked.headers["host"] == backend.origin.removeprefix("http://")
    assert asked.headers["accept-encoding"] == "identity"
    expected = {name.lower() for name in sent} | {"host", "content-type", "content-length", "accept-encoding"}
    assert set(asked.headers) == expected


async def test_the_reply_comes_back_to_the_byte(forwarding: RunningGateway, backend: RawBackend) -> None:
    raw = request("POST", "/v1/messages", prompt())

    _, response = await exchanged(forwarding, backend, raw, STREAM, request_id="req_theirs", X_Odd="yes")

    assert response.status == 200
    assert response.body == STREAM
    assert response.headers["request-id"] == "req_theirs"
    assert response.headers["x-odd"] == "yes"
    assert response.headers["content-type"] == "text/event-stream"


async def test_a_reply_that_is_compressed_all_the_same_stays_so(
    forwarding: RunningGateway, backend: RawBackend
) -> None:
    packed = gzip.compress(b'{"usage": {"input_tokens": 1}}')
    raw = request("POST", "/v1/messages", prompt())

    _, response = await exchanged(forwarding, backend, raw, packed, Content_Encoding="gzip")

    assert response.body == packed
    assert response.headers["content-encoding"] == "gzip"


async def test_the_usage_is_read_in_passing(forwarding: RunningGateway, backend: RawBackend) -> None:
    await exchanged(forwarding, backend, request("POST", "/v1/messages", prompt(), CLAUDE_CODE), STREAM)
    whole = json.dumps({"type": "message", "usage": {"input_tokens": 7, "output_tokens": 3}}).encode()
    await exchanged(forwarding, backend, request("POST", "/v1/messages", prompt(stream=False)), whole)

    streamed, not_streamed = forwarding.records()
    assert at(streamed, "usage", "input_tokens") == 125
    assert at(streamed, "usage", "cached_tokens") == 100
    assert at(streamed, "usage", "output_tokens") == 42
    assert streamed["route"] == "claude/unchanged"
    assert streamed["session"] == "session-1"
    assert streamed["model"] == "claude-opus-5-5"
    assert at(not_streamed, "usage", "input_tokens") == 7


async def test_no_credential_is_ever_recorded(forwarding: RunningGateway, backend: RawBackend) -> None:
    headers = {"Authorization": "Bearer sk-ant-oat01-private", "x-api-key": "sk-ant-private"}
    await exchanged(forwarding, backend, request("POST", "/v1/messages", prompt(), headers), STREAM)

    assert "private" not in json.dumps(forwarding.records())


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 529])
async def test_an_error_passes_with_its_wording(forwarding: RunningGateway, backend: RawBackend, status: int) -> None:
    body = b'{"type":"error","error":{"type":"any_error","message":"Prompt is too long"}}'
    async with connected(forwarding.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt()))
        asked = await backend.next_request()
        await asked.answer(status, body, Retry_After="12", x_should_retry="true")
        response = await client.response()

    assert response.status == status
    assert response.body == body
    assert response.headers["retry-after"] == "12"
    assert forwarding.records()[-1]["status"] == status


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/models?limit=1000"), ("HEAD", "/"), ("DELETE", "/v1/files/x")]
)
async def test_every_route_passes(forwarding: RunningGateway, backend: RawBackend, method: str, path: str) -> None:
    async with connected(forwarding.base_url) as client:
        await client.send(request(method, path))
        asked = await backend.next_request()
        await asked.send(b"HTTP/1.1 204 No Content\r\n\r\n")
        response = await client.response(has_body=False)

    assert (asked.method, asked.path) == (method, path)
    assert response.status == 204


async def test_a_body_we_cannot_read_is_anthropics_to_judge(forwarding: RunningGateway, backend: RawBackend) -> None:
    asked, response = await exchanged(forwarding, backend, request("POST", "/v1/messages", b"{ nonsense"), b"{}")

    assert asked.body == b"{ nonsense"
    assert response.status == 200
    assert forwarding.records()[-1]["model"] is None


async def test_cookies_of_one_reply_do_not_reach_the_next_request(
    forwarding: RunningGateway, backend: RawBackend
) -> None:
    raw = request("POST", "/v1/messages", prompt())
    _, first = await exchanged(forwarding, backend, raw, STREAM, Set_Cookie="a=b")
    asked, _ = await exchanged(forwarding, backend, raw, STREAM)

    assert first.headers["set-cookie"] == "a=b"
    assert "cookie" not in asked.headers


async def test_a_reply_that_breaks_off_breaks_off_for_the_client_too(
    forwarding: RunningGateway, backend: RawBackend, caplog: pytest.LogCaptureFixture
) -> None:
    async with connected(forwarding.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt()))
        asked = await (await backend.next_request()).begin()
        await asked.chunk(STREAM)
        await client.head()
        assert await anext(client.pieces()) == STREAM
        asked.reset()
        rest = await client.read_until_closed()
        record = await forwarding.recorded(1)

    assert rest == b""
    assert record["outcome"] == "failed"
    assert at(record, "usage", "output_tokens") == 42
    assert caplog.text == ""


async def test_a_client_that_leaves_frees_the_upstream(forwarding: RunningGateway, backend: RawBackend) -> None:
    async with connected(forwarding.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt()))
        asked = await (await backend.next_request()).begin()
        await asked.chunk(STREAM)
        await client.head()
        client.reset()

        await asked.wait_closed()


async def test_without_an_upstream_it_says_so(tmp_path: Path) -> None:
    options = replace(QUICK, forward_to=f"http://127.0.0.1:{free_port()}")
    async with running_gateway(tmp_path, options=options) as gateway:
        response = await ask(gateway.base_url, "POST", "/v1/messages", prompt())
        health = await ask(gateway.base_url, "GET", "/health")

    assert response.status == 503
    assert response.error[0] == "api_error"
    assert response.headers["x-should-retry"] == "true"
    assert health.status == 200
