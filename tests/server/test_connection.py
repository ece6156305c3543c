"""Connections before there is a request, and after a refusal: invalid HTTP, slow heads, silent clients, floods."""

import asyncio
import socket
from pathlib import Path
from typing import Never

import pytest
from msgspec.structs import replace
from tests.parts.gateway import QUICK, RunningGateway, running_gateway, target_at
from tests.parts.raw_backend import MAX_WAIT_SECONDS, RawBackend
from tests.parts.raw_client import ask, connected, prompt, request
from tests.parts.referee import judge

from anyclaude.server import Limits
from anyclaude.server.connection import MAX_SHORT_CHUNKS, MIN_CHUNK_BYTES
from anyclaude.server.requests import RequestContext

CHUNKED_HEAD = b"POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"HELLO\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon here\r\n\r\n",
        b"POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: minus one\r\n\r\n",
        b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /health HTTP/2.0\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET /health HTTP/1.2\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET /health\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"CONNECT /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: null\r\nOrigin: null\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\r\n b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX : a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\x00b\r\n\r\n",
        b"GET / HTTP/1.1\nHost: 127.0.0.1\n\n",
        b"GET /\x00 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
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
    async with connected(gateway.base_url) as client:
        await client.send(CHUNKED_HEAD + b"not a size\r\n")
        response = await client.response()

    assert response.status == 400
    assert response.error[0] == "invalid_request_error"


def chunked(body: bytes, size: int) -> bytes:
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join([b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks]) + b"0\r\n\r\n"


async def test_a_body_in_too_many_short_chunks_is_refused_before_it_has_arrived(
    gateway: RunningGateway, backend: RawBackend
) -> None:
    async with connected(gateway.base_url) as client:
        await client.send(CHUNKED_HEAD + chunked(b"x" * (MAX_SHORT_CHUNKS + 10), 1)[:-5])
        response = await client.response()
        rest = await client.read_until_closed()

    assert (response.status, response.error[0]) == (400, "invalid_request_error")
    assert "16,384 chunks with fewer than 32 bytes each" in response.error[1]
    assert rest == b""
    assert not backend.requests


@pytest.mark.parametrize(("count", "size"), [(MAX_SHORT_CHUNKS - 10, 1), (MAX_SHORT_CHUNKS + 10, MIN_CHUNK_BYTES + 1)])
async def test_a_body_in_fewer_or_in_longer_chunks_is_served(
    gateway: RunningGateway, backend: RawBackend, count: int, size: int
) -> None:
    async with connected(gateway.base_url) as client:
        body = prompt("x" * (count * size - len(prompt(""))))
        await client.send(CHUNKED_HEAD + chunked(body, size))
        received = await backend.next_request()
        await received.reply("Hello")

        assert (await client.response()).status == 200


SMUGGLED = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
"""What a server that reads a length differently would take for a request."""


@pytest.mark.parametrize(
    "length", ["+2", "-2", "0x2", "2,2", "2_0", "18446744073709551618", "", "2\r\nContent-Length: 2"]
)
async def test_a_length_that_is_no_number_ends_the_connection(gateway: RunningGateway, length: str) -> None:
    async with connected(gateway.base_url) as client:
        head = f"POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n"
        await client.send(head.encode() + b"{}" + SMUGGLED)
        response = await client.response()
        rest = await client.read_until_closed()

    assert (response.status, rest) == (400, b"")


@pytest.mark.parametrize("size", ["+2", "-2", "0x2", " 2", "2 ", "2;", "100000000000000000002", "g", ""])
async def test_a_chunk_whose_size_is_no_number_ends_the_connection(gateway: RunningGateway, size: str) -> None:
    async with connected(gateway.base_url) as client:
        await client.send(CHUNKED_HEAD + f"{size}\r\n{{}}\r\n0\r\n\r\n".encode() + SMUGGLED)
        response = await client.response()
        rest = await client.read_until_closed()

    assert (response.status, rest) == (400, b"")


@pytest.mark.parametrize("coding", ["gzip", "identity", "xchunked", "chunked, gzip", "chunked, chunked", "chunked;q=1"])
async def test_a_coding_that_ends_in_nothing_known_ends_the_connection(gateway: RunningGateway, coding: str) -> None:
    head = f"POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: {coding}\r\n\r\n".encode()
    async with connected(gateway.base_url) as client:
        await client.send(head + b"2\r\n{}\r\n0\r\n\r\n" + SMUGGLED)
        response = await client.response()
        rest = await client.read_until_closed()

    assert (response.status, rest) == (400, b"")


@pytest.mark.parametrize("connection", ["keep-alive", "close"])
async def test_chunks_in_http_1_0_end_the_connection(gateway: RunningGateway, connection: str) -> None:
    head = CHUNKED_HEAD.replace(b"HTTP/1.1", b"HTTP/1.0").replace(b"Host", f"Connection: {connection}\r\nHost".encode())
    async with connected(gateway.base_url) as client:
        await client.send(head + b"2\r\n{}\r\n0\r\n\r\n" + SMUGGLED)
        response = await client.response()
        rest = await client.read_until_closed()

    assert (response.status, rest) == (400, b"")
    assert gateway.records() == [] or gateway.records()[0]["outcome"] == "refused"


@pytest.mark.parametrize("protocol", ["h2c", "websocket"])
async def test_a_request_that_would_upgrade_is_answered_and_is_the_last(gateway: RunningGateway, protocol: str) -> None:
    async with connected(gateway.base_url) as client:
        await client.send(request("GET", "/health", headers={"Connection": "Upgrade", "Upgrade": protocol}) + SMUGGLED)
        response = await client.response()
        rest = await client.read_until_closed()

    assert (response.status, response.headers["connection"], rest) == (200, "close", b"")


async def test_a_head_is_refused_before_it_is_complete_when_it_is_too_large(gateway: RunningGateway) -> None:
    async with connected(gateway.base_url) as client:
        await client.send(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        for number in range(100):
            await client.send(b"X-%d: %s\r\n" % (number, b"x" * 8_000))
        response = await client.response()
        rest = await client.read_until_closed()

    assert response.status == 400
    assert response.error[1].endswith("the head is larger than 65,536 bytes")
    assert rest == b""


async def test_empty_lines_without_an_end_are_refused(gateway: RunningGateway) -> None:
    async with connected(gateway.base_url) as client:
        await client.send(b"\r\n" * 500_000)
        response = await client.response()

    assert response.status == 400


async def test_a_large_body_behind_another_request_is_no_head(gateway: RunningGateway, backend: RawBackend) -> None:
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt("first")))
        first = await backend.next_request()
        await client.send(request("POST", "/v1/messages", prompt("x" * 2_000_000)) + request("GET", "/health"))
        await first.reply("one")
        await (await backend.next_request()).reply("two")
        answers = [await client.response() for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 200]
    assert [judge(answer.body).texts() for answer in answers[:2]] == [["one"], ["two"]]


@pytest.mark.parametrize(
    "beginning",
    [b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ", b"\x00", CHUNKED_HEAD + b"no size\r\n"],
    ids=["head", "garbage", "chunks"],
)
async def test_a_client_that_still_sends_can_read_why_it_is_refused(gateway: RunningGateway, beginning: bytes) -> None:
    async with connected(gateway.base_url) as client:
        await client.send(beginning + b"x" * 8_000_000)
        response = await client.response()
        rest = await client.read_until_closed()

    assert (response.status, rest) == (400, b"")


async def test_what_cannot_be_read_in_a_refused_body_ends_the_connection_after_the_refusal(
    tmp_path: Path, backend: RawBackend
) -> None:
    options = replace(QUICK, limits=Limits(linger_seconds=0.05))
    async with (
        running_gateway(tmp_path, target_at(backend.base_url), options=options) as gateway,
        connected(gateway.base_url) as client,
    ):
        await client.send(CHUNKED_HEAD.replace(b"/v1/messages", b"/nowhere"))
        response = await client.response()
        await client.send(b"no size\r\n" + SMUGGLED)
        rest = await client.read_until_closed()

    assert (response.status, rest) == (404, b"")


async def test_of_what_follows_a_refusal_only_so_much_is_read(tmp_path: Path, backend: RawBackend) -> None:
    sent, piece = 0, b"x" * 1_000_000
    options = replace(QUICK, limits=Limits(linger_bytes=3 * len(piece), linger_seconds=60.0))
    async with (
        running_gateway(tmp_path, target_at(backend.base_url), options=options) as gateway,
        connected(gateway.base_url) as client,
    ):
        await client.send(request("POST", "/v1/messages", headers={"Content-Length": "999999999"}))
        assert (await client.response()).status == 413
        with pytest.raises(ConnectionError):
            while sent < 100 * len(piece):
                await client.send(piece)
                sent += len(piece)

    assert 3 * len(piece) < sent + len(piece)


async def test_a_client_that_does_not_read_its_answer_is_disconnected(tmp_path: Path, backend: RawBackend) -> None:
    options = replace(QUICK, limits=Limits(body_seconds=0.5))
    async with running_gateway(tmp_path, target_at(backend.base_url), options=options) as gateway:
        with socket.socket() as narrow:
            narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
            narrow.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(narrow, ("127.0.0.1", gateway.gateway.port))
            await loop.sock_sendall(narrow, request("POST", "/v1/messages", prompt(stream=False)))
            await (await backend.next_request()).reply("".join(f"{number} " for number in range(600_000)))
            with pytest.raises(ConnectionError):
                await asyncio.wait_for(_send_without_end(narrow), MAX_WAIT_SECONDS)


async def _send_without_end(connection: socket.socket) -> Never:
    while True:
        await asyncio.get_running_loop().sock_sendall(connection, SMUGGLED)


async def test_a_client_that_closes_its_side_has_left(gateway: RunningGateway, backend: RawBackend) -> None:
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt()))
        received = await backend.next_request()
        client.end()
        await received.wait_closed()
        record = await gateway.recorded(1)

    assert record["outcome"] == "client_left"


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


async def _broken(context: RequestContext) -> Never:
    raise ZeroDivisionError("the details")
