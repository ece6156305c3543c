"""Reading the body of a request."""

import json
from base64 import b64encode
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.parts.gateway import QUICK, RunningGateway, running_gateway, target_at
from tests.parts.json_at import at
from tests.parts.pictures import png
from tests.parts.raw_backend import RawBackend
from tests.parts.raw_client import ask, connected, prompt, request
from tests.parts.referee import judge

from anyclaude.secret import Secret
from anyclaude.server import Limits

CHUNKED_HEAD = b"POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"model": "x", "max_tokens": 1, "messages": [NaN]}',
        b"[" * 20_000 + b"]" * 20_000,
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        b'"text"',
        b'{"model": "x", "max_tokens": 1}',
        b'{"model": 7, "max_tokens": 1, "messages": [{"role": "user", "content": "x"}]}',
        b'{"model": "x", "max_tokens": 1, "messages": [{"role": "user", "content": "\xed\xa0\x80"}]}',
    ],
)
async def test_an_invalid_body_is_refused_and_the_process_continues(
    gateway: RunningGateway, backend: RawBackend, body: bytes
) -> None:
    async with connected(gateway.base_url) as client:
        responses = [await client.ask("POST", path, body) for path in ("/v1/messages", "/v1/messages/count_tokens")]
        health = await client.ask("GET", "/health")

    assert responses[0].status == 400
    assert responses[0].error[0] == "invalid_request_error"
    assert responses[0].headers["x-should-retry"] == "false"
    assert responses[1].status in {200, 400}
    assert health.status == 200
    assert backend.connections == 0
    assert gateway.records()[0]["outcome"] == "refused"


@pytest.mark.parametrize("cut", range(1, 5))
async def test_a_character_may_be_split_across_segments(gateway: RunningGateway, backend: RawBackend, cut: int) -> None:
    raw = request("POST", "/v1/messages", prompt("x漢😀y"))
    middle = raw.index("😀".encode()) + cut - 1
    async with connected(gateway.base_url) as client:
        await client.send(raw[:middle])
        await client.send(raw[middle:])
        received = await backend.next_request()
        await received.reply("Hello")
        await client.response()

    assert at(received.json, "messages", -1, "content") == "x漢😀y"


async def test_a_chunked_body_is_read(gateway: RunningGateway, backend: RawBackend) -> None:
    body = prompt("ordinary")
    async with connected(gateway.base_url) as client:
        await client.send(CHUNKED_HEAD + b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n")
        await (await backend.next_request()).reply("Hello")
        response = await client.response()

    assert judge(response.body).texts() == ["Hello"]


async def test_a_body_over_the_limit_is_refused(tmp_path: Path, backend: RawBackend) -> None:
    limit = 10_000
    options = replace(QUICK, limits=Limits(body_bytes=limit))
    async with running_gateway(tmp_path, target_at(backend.base_url), options=options) as gateway:
        with_length = await ask(gateway.base_url, "POST", "/v1/messages", b"x" * (limit + 1))
        async with connected(gateway.base_url) as client:
            await client.send(CHUNKED_HEAD + b"%x\r\n" % (limit + 1) + b"x" * (limit + 1) + b"\r\n0\r\n\r\n")
            chunked = await client.response()
        allowed = await ask(gateway.base_url, "POST", "/v1/messages", b"x" * limit)
        records = gateway.records()

    for response in (with_length, chunked):
        assert response.status == 413
        assert response.error == ("request_too_large", "the request's body is larger than 10,000 bytes")
        assert response.headers["x-should-retry"] == "false"
    assert allowed.status == 400
    assert [record["status"] for record in records] == [413, 413, 400]


async def test_a_body_is_refused_by_its_content_length_before_it_is_sent(gateway: RunningGateway) -> None:
    size = Limits().body_bytes + 1
    async with connected(gateway.base_url) as client:
        await client.send(f"POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {size}\r\n\r\n".encode())
        response = await client.response()

    assert response.status == 413
    assert response.error[0] == "request_too_large"


def prompt_with_image(data: str) -> bytes:
    source = {"type": "base64", "media_type": "image/png", "data": data}
    turn = {"role": "user", "content": [{"type": "image", "source": source}]}
    return json.dumps({"model": "m", "max_tokens": 64, "stream": True, "messages": [turn]}).encode()


async def test_a_body_just_below_the_limit_is_served(gateway: RunningGateway, backend: RawBackend) -> None:
    start = b64encode(png()).decode().rstrip("=")  # what is no picture is not sent
    body = prompt_with_image(start + "A" * (Limits().body_bytes - 1_000 - len(start)))
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", "/v1/messages", body))
        received = await backend.next_request()
        await received.reply("Hello")
        response = await client.response()

    assert len(received.body) > Limits().body_bytes - 1_000
    assert judge(response.body).outcome == "whole"


async def test_a_body_that_is_sent_too_slowly_is_a_timeout(tmp_path: Path, backend: RawBackend) -> None:
    options = replace(QUICK, limits=Limits(body_seconds=0.05, linger_seconds=0.01))
    async with (
        running_gateway(tmp_path, target_at(backend.base_url), options=options) as gateway,
        connected(gateway.base_url) as client,
    ):
        await client.send(request("POST", "/v1/messages", b"{}", {"Content-Length": "100"}))
        response = await client.response()
        rest = await client.read_until_closed()
        record = gateway.records()[-1]

    assert response.status == 408
    assert response.error[0] == "timeout_error"
    assert rest == b""
    assert record["outcome"] == "refused"


async def test_a_client_that_disconnects_in_the_middle_of_its_request_is_recorded_as_client_left(
    gateway: RunningGateway, backend: RawBackend
) -> None:
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", "/v1/messages", b"{}", {"Content-Length": "100"}))
        client.close()
    record = await gateway.recorded(1)

    assert record["outcome"] == "client_left"
    assert record["status"] is None
    assert backend.connections == 0


def waiting(path: str, length: int, **headers: str) -> bytes:
    """Return the head of a request whose body follows when it is asked for."""
    lines = {"Expect": "100-continue", "Host": "127.0.0.1", "Content-Length": str(length), **headers}
    return "\r\n".join([f"POST {path} HTTP/1.1", *(f"{name}: {lines[name]}" for name in lines), "", ""]).encode()


@pytest.mark.parametrize("word", ["100-continue", "100-Continue", " 100-continue ,"])
async def test_a_client_that_waits_to_be_asked_for_its_body_is_asked(
    gateway: RunningGateway, backend: RawBackend, word: str
) -> None:
    body = prompt()
    async with connected(gateway.base_url) as client:
        await client.send(waiting("/v1/messages", len(body), Expect=word))
        interim = await client.head()
        await client.send(body)
        await (await backend.next_request()).reply("Hello")
        response = await client.response()
        again = await client.ask("GET", "/health")

    assert interim.text == "HTTP/1.1 100 Continue"
    assert judge(response.body).texts() == ["Hello"]
    assert again.status == 200


@pytest.mark.parametrize(
    ("path", "length", "headers", "status"),
    [
        ("/v1/messages", Limits().body_bytes + 1, {}, 413),
        ("/v1/messages/count_tokens", Limits().body_bytes + 1, {}, 413),
        ("/v1/messages", 2, {"Expect": "a-miracle"}, 417),
        ("/v1/messages", 2, {"Expect": "100-continue, a-miracle"}, 417),
        ("/v1/messages", 2, {"Host": "evil.example"}, 403),
        ("/v1/messages", 2, {"Origin": "https://evil.example"}, 403),
        ("/v1/complete", 2, {}, 404),
        ("/v1/models", 2, {}, 405),
    ],
)
async def test_a_client_that_waits_gets_the_refusal_at_once_and_the_end_of_the_connection(
    tmp_path: Path, backend: RawBackend, path: str, length: int, headers: dict[str, str], status: int
) -> None:
    options = replace(QUICK, limits=Limits(linger_seconds=0.01))
    async with (
        running_gateway(tmp_path, target_at(backend.base_url), options=options) as gateway,
        connected(gateway.base_url) as client,
    ):
        await client.send(waiting(path, length, **headers))
        response = await client.response()
        rest = await client.read_until_closed()

    assert response.status == status
    assert response.headers["connection"] == "close"
    assert rest == b""


async def test_a_client_that_waits_with_a_wrong_token_is_not_asked_for_its_body(
    tmp_path: Path, backend: RawBackend
) -> None:
    options = replace(QUICK, token=Secret("sesame"))
    async with (
        running_gateway(tmp_path, target_at(backend.base_url), options=options) as gateway,
        connected(gateway.base_url) as client,
    ):
        await client.send(waiting("/v1/messages", 2))
        response = await client.response()

    assert response.status == 401


async def test_of_http_1_0_no_client_waits(gateway: RunningGateway) -> None:
    raw = waiting("/v1/messages", 2).replace(b"HTTP/1.1", b"HTTP/1.0") + b"{}"
    async with connected(gateway.base_url) as client:
        await client.send(raw)
        response = await client.response()

    assert response.status == 400
