"""Mode `claude`: requests and replies are forwarded unchanged."""

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

from anyclaude.network import Proxy, Way
from anyclaude.secret import Secret

STREAM = (
    b'event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":5,'
    b'"cache_read_input_tokens":100,"cache_creation_input_tokens":20,"output_tokens":1}}}\n\n'
    b"event: ping\r\ndata: not JSON\r\n\r\n"
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
    """Send raw bytes through the gateway; return the request that arrived, and the response."""
    async with connected(gateway.base_url) as client:
        await client.send(raw)
        received = await backend.next_request()
        kind = "text/event-stream" if reply.startswith(b"event") else "application/json"
        await received.answer(200, reply, kind, **headers)
        return received, await client.response()


async def test_the_request_is_forwarded_unchanged(forwarding: RunningGateway, backend: RawBackend) -> None:
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

    received, _ = await exchanged(forwarding, backend, raw, STREAM)

    assert received.path == "/v1/messages?beta=true&x=a%2Fb%20c"
    assert received.body == body
    assert {name: received.headers[name.lower()] for name in sent} == sent
    assert received.headers["host"] == backend.origin.removeprefix("http://")
    assert received.headers["accept-encoding"] == "identity"
    expected = {name.lower() for name in sent} | {"host", "content-type", "content-length", "accept-encoding"}
    assert set(received.headers) == expected


async def test_the_reply_is_forwarded_unchanged(forwarding: RunningGateway, backend: RawBackend) -> None:
    raw = request("POST", "/v1/messages", prompt())

    _, response = await exchanged(forwarding, backend, raw, STREAM, request_id="req_theirs", X_Odd="yes")

    assert response.status == 200
    assert response.body == STREAM
    assert response.headers["request-id"] == "req_theirs"
    assert response.headers["x-odd"] == "yes"
    assert response.headers["content-type"] == "text/event-stream"


async def test_a_compressed_reply_is_forwarded_compressed(forwarding: RunningGateway, backend: RawBackend) -> None:
    compressed = gzip.compress(b'{"usage": {"input_tokens": 1}}')
    raw = request("POST", "/v1/messages", prompt())

    _, response = await exchanged(forwarding, backend, raw, compressed, Content_Encoding="gzip")

    assert response.body == compressed
    assert response.headers["content-encoding"] == "gzip"


async def test_the_usage_is_recorded(forwarding: RunningGateway, backend: RawBackend) -> None:
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


async def test_credentials_are_never_recorded(forwarding: RunningGateway, backend: RawBackend) -> None:
    headers = {"Authorization": "Bearer sk-ant-oat01-private", "x-api-key": "sk-ant-private"}
    await exchanged(forwarding, backend, request("POST", "/v1/messages", prompt(), headers), STREAM)

    assert "private" not in json.dumps(forwarding.records())


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 529])
async def test_an_error_is_forwarded_with_its_wording(
    forwarding: RunningGateway, backend: RawBackend, status: int
) -> None:
    body = b'{"type":"error","error":{"type":"any_error","message":"Prompt is too long"}}'
    async with connected(forwarding.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt()))
        received = await backend.next_request()
        await received.answer(status, body, Retry_After="12", x_should_retry="true")
        response = await client.response()

    assert response.status == status
    assert response.body == body
    assert response.headers["retry-after"] == "12"
    assert forwarding.records()[-1]["status"] == status


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/models?limit=1000"), ("HEAD", "/"), ("DELETE", "/v1/files/x")]
)
async def test_every_route_is_forwarded(
    forwarding: RunningGateway, backend: RawBackend, method: str, path: str
) -> None:
    async with connected(forwarding.base_url) as client:
        await client.send(request(method, path))
        received = await backend.next_request()
        await received.send(b"HTTP/1.1 204 No Content\r\n\r\n")
        response = await client.response(has_body=False)

    assert (received.method, received.path) == (method, path)
    assert response.status == 204


async def test_an_invalid_body_is_forwarded_too(forwarding: RunningGateway, backend: RawBackend) -> None:
    received, response = await exchanged(forwarding, backend, request("POST", "/v1/messages", b"{ nonsense"), b"{}")

    assert received.body == b"{ nonsense"
    assert response.status == 200
    assert forwarding.records()[-1]["model"] is None


async def test_cookies_of_one_reply_do_not_reach_the_next_request(
    forwarding: RunningGateway, backend: RawBackend
) -> None:
    raw = request("POST", "/v1/messages", prompt())
    _, first = await exchanged(forwarding, backend, raw, STREAM, Set_Cookie="a=b")
    received, _ = await exchanged(forwarding, backend, raw, STREAM)

    assert first.headers["set-cookie"] == "a=b"
    assert "cookie" not in received.headers


async def test_a_reply_that_is_cut_off_is_cut_off_for_the_client_too(
    forwarding: RunningGateway, backend: RawBackend, caplog: pytest.LogCaptureFixture
) -> None:
    async with connected(forwarding.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt()))
        received = await (await backend.next_request()).begin()
        await received.chunk(STREAM)
        await client.head()
        assert await anext(client.pieces()) == STREAM
        received.reset()
        rest = await client.read_until_closed()
        record = await forwarding.recorded(1)

    assert rest == b""
    assert record["outcome"] == "failed"
    assert at(record, "usage", "output_tokens") == 42
    assert caplog.text == ""


async def test_a_client_that_disconnects_releases_the_upstream(forwarding: RunningGateway, backend: RawBackend) -> None:
    async with connected(forwarding.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt()))
        received = await (await backend.next_request()).begin()
        await received.chunk(STREAM)
        await client.head()
        client.reset()

        await received.wait_closed()


async def test_the_way_to_the_upstream_is_that_of_the_options(tmp_path: Path, backend: RawBackend) -> None:
    way = Way(proxy=Proxy("127.0.0.1", backend.port, Secret("Basic eA==")))
    options = replace(QUICK, forward_to="http://anthropic.example/base", forward_way=way)
    async with running_gateway(tmp_path, options=options) as gateway:
        raw = request("POST", "/v1/messages?beta=true", prompt(), {"Authorization": "Bearer mine"})
        received, _ = await exchanged(gateway, backend, raw, STREAM)

    assert received.path == "http://anthropic.example/base/v1/messages?beta=true"
    assert received.headers["authorization"] == "Bearer mine"
    assert received.headers["proxy-authorization"] == "Basic eA=="


async def test_an_unreachable_upstream_is_a_503(tmp_path: Path) -> None:
    options = replace(QUICK, forward_to=f"http://127.0.0.1:{free_port()}")
    async with running_gateway(tmp_path, options=options) as gateway:
        response = await ask(gateway.base_url, "POST", "/v1/messages", prompt())
        health = await ask(gateway.base_url, "GET", "/health")

    assert response.status == 503
    assert response.error[0] == "api_error"
    assert response.headers["x-should-retry"] == "true"
    assert health.status == 200
