"""Connections before there is a request: invalid HTTP, slow heads, silent clients."""

from pathlib import Path
from typing import Never

import pytest
from msgspec.structs import replace
from tests.parts.gateway import QUICK, RunningGateway, running_gateway, target_at
from tests.parts.raw_backend import RawBackend
from tests.parts.raw_client import ask, connected, request

from anyclaude.server.limits import Limits
from anyclaude.server.requests import RequestContext
from anyclaude.server.services import Services


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"HELLO\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon here\r\n\r\n",
        b"POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: minus one\r\n\r\n",
        b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
async def test_invalid_http_is_refused_in_the_anthropic_shape(gateway: RunningGateway, garbage: bytes) -> None:
    async with connected(gateway.base_url) as client:
        await client.send(garbage)
        response = await client.response()
        rest = await client.read_until_closed()

    assert response.status == 400
    assert response.error[0] == "invalid_request_error"
    assert response.headers["x-should-retry"] == "false"
    assert rest == b""
    assert (await ask(gateway.base_url, "GET", "/health")).status == 200


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(2_000)) + b"\r\n",
    ],
    ids=["long target", "long header", "many headers"],
)
async def test_a_head_that_is_too_large_is_refused(gateway: RunningGateway, head: bytes) -> None:
    async with connected(gateway.base_url) as client:
        await client.send(head)
        response = await client.response()

    assert response.status == 400
    assert response.error[0] == "invalid_request_error"


async def test_a_body_with_invalid_chunks_is_refused(gateway: RunningGateway) -> None:
    head = b"POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with connected(gateway.base_url) as client:
        await client.send(head + b"not a size\r\n")
        response = await client.response()

    assert response.status == 400
    assert response.error[0] == "invalid_request_error"


async def test_a_client_that_sends_its_head_too_slowly_is_disconnected(tmp_path: Path, backend: RawBackend) -> None:
    options = replace(QUICK, limits=Limits(head_seconds=0.05))
    async with (
        running_gateway(tmp_path, target_at(backend.base_url), options=options) as gateway,
        connected(gateway.base_url) as client,
    ):
        await client.send(b"POST /v1/messages HTTP/1.1\r\nHost: 127.")

        assert await client.read_until_closed() == b""


async def test_a_client_that_sends_its_second_head_too_slowly_is_disconnected(
    tmp_path: Path, backend: RawBackend
) -> None:
    options = replace(QUICK, limits=Limits(head_seconds=0.05))
    async with (
        running_gateway(tmp_path, target_at(backend.base_url), options=options) as gateway,
        connected(gateway.base_url) as client,
    ):
        assert (await client.ask("GET", "/health")).status == 200
        await client.send(b"GET /hea")

        assert await client.read_until_closed() == b""


async def test_a_connection_without_a_request_is_closed(tmp_path: Path, backend: RawBackend) -> None:
    options = replace(QUICK, limits=Limits(idle_seconds=0.05))
    async with (
        running_gateway(tmp_path, target_at(backend.base_url), options=options) as gateway,
        connected(gateway.base_url) as client,
    ):
        assert await client.read_until_closed() == b""


async def test_an_idle_connection_is_closed_after_a_request(tmp_path: Path, backend: RawBackend) -> None:
    options = replace(QUICK, limits=Limits(idle_seconds=0.05))
    async with (
        running_gateway(tmp_path, target_at(backend.base_url), options=options) as gateway,
        connected(gateway.base_url) as client,
    ):
        assert (await client.ask("GET", "/health")).status == 200
        assert await client.read_until_closed() == b""


async def test_a_head_in_many_small_segments_is_read(gateway: RunningGateway) -> None:
    async with connected(gateway.base_url) as client:
        for byte in request("GET", "/health"):
            await client.send(bytes([byte]))
        response = await client.response()

    assert response.status == 200


async def test_an_unexpected_failure_answers_500_without_details_and_the_process_continues(
    gateway: RunningGateway, caplog: pytest.LogCaptureFixture
) -> None:
    gateway.gateway.routes = {**gateway.gateway.routes, "/v1/models": {"GET": _broken}}
    response = await ask(gateway.base_url, "GET", "/v1/models")

    assert response.status == 500
    assert response.error == ("api_error", "the gateway failed to handle this request; its log has the details")
    assert response.headers["x-should-retry"] == "false"
    assert "ZeroDivisionError" in caplog.text
    assert (await ask(gateway.base_url, "GET", "/health")).status == 200


async def _broken(context: RequestContext, services: Services) -> Never:
    raise ZeroDivisionError("the details")
