"""Mode `claude`: requests and replies are forwarded unchanged."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.parts.certificate import write_certificate
from tests.parts.gateway import QUICK, RunningGateway, running_gateway
from tests.parts.json_at import at
from tests.parts.raw_backend import RawBackend, ReceivedRequest, free_port, raw_backend
from tests.parts.raw_client import CLAUDE_CODE, Head, Response, ask, connected, prompt, request
from tests.parts.stub_server import stub_server

from anyclaude.network import CaFile, Proxy, Way
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


def lines_of(head: str, *without: str) -> list[str]:
    """Return the lines of a head in their order, without those of these headers."""
    return [line for line in head.split("\r\n") if line.partition(":")[0].lower() not in without]


async def head_of(gateway: RunningGateway, backend: RawBackend, raw_request: bytes, raw_response: bytes) -> Head:
    """Return the head of the response in which a raw response arrives."""
    async with connected(gateway.base_url) as client:
        await client.send(raw_request)
        await (await backend.next_request()).send(raw_response)
        return await client.head()


@pytest.mark.parametrize(
    "target",
    [
        "/v1/messages?beta=true&x=a%2Fb%20c",
        "/v1/files/a%2Fb%c3%a4/../c//d;e=1?a=1&a=2&b=%41&&=",
        "/v1/messages?q=a+b?c/d",
        "/%zz",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_method_and_target_are_forwarded_as_they_were_written(
    forwarding: RunningGateway, backend: RawBackend, method: str, target: str
) -> None:
    async with connected(forwarding.base_url) as client:
        await client.send(request(method, target))
        received = await backend.next_request()
        await received.send(b"HTTP/1.1 204 No Content\r\n\r\n")
        response = await client.response(has_body=False)

    assert received.head.split("\r\n")[0] == f"{method} {target} HTTP/1.1"
    assert response.status == 204


async def test_of_an_absolute_address_only_the_target_is_forwarded(
    forwarding: RunningGateway, backend: RawBackend
) -> None:
    raw = request("GET", f"{forwarding.base_url}/v1/models?a=%2F")

    received, _ = await exchanged(forwarding, backend, raw, b"{}")

    assert received.path == "/v1/models?a=%2F"


async def test_a_request_without_a_path_is_refused(forwarding: RunningGateway) -> None:
    response = await ask(forwarding.base_url, "OPTIONS", "*")

    assert response.status == 400
    assert response.error == ("invalid_request_error", "the request's target should be a path, not '*'")


@pytest.mark.parametrize(
    "target",
    [
        "CONNECT evil.example:443",
        "CONNECT HOST",
        "GET *",
        "GET http://evil.example/",
        "GET https://HOST/",
        "GET http://HOST@evil.example/",
        "GET http://HOST:x@evil.example/",
        "GET http://user:pw@HOST/",
        "GET http://HOST.evil.example/",
        "GET a:.evil.example/x?://",
        "GET \\evil.example/",
        "GET @evil.example/",
    ],
)
async def test_a_target_of_another_host_is_refused(
    forwarding: RunningGateway, backend: RawBackend, target: str
) -> None:
    host = forwarding.base_url.removeprefix("http://")
    async with connected(forwarding.base_url) as client:
        await client.send(f"{target.replace('HOST', host)} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        response = await client.response()

    assert response.status == 400
    assert backend.connections == 0


@pytest.mark.parametrize("target", ["//evil.example/x", "/\\evil.example/x", "/@evil.example", "/..//@evil.example/"])
async def test_a_path_that_looks_like_a_host_is_a_path_at_the_one_server(
    forwarding: RunningGateway, backend: RawBackend, target: str
) -> None:
    received, _ = await exchanged(forwarding, backend, request("GET", target), b"{}")

    assert received.path == target
    assert received.headers["host"] == backend.origin.removeprefix("http://")


@pytest.mark.parametrize(
    "headers",
    [
        "Content-Length: 3\r\nContent-Length: 5\r\n\r\nabcde",
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked, identity\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
        "Host: evil.example\r\n\r\n",
        "X-A : b\r\n\r\n",
    ],
)
async def test_a_request_that_two_servers_could_read_differently_is_refused(
    forwarding: RunningGateway, backend: RawBackend, headers: str
) -> None:
    async with connected(forwarding.base_url) as client:
        await client.send(f"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}".encode())
        response = await client.response()

    assert response.status == 400
    assert backend.connections == 0


async def test_a_redirect_is_passed_on_and_not_followed(forwarding: RunningGateway, backend: RawBackend) -> None:
    raw = b"HTTP/1.1 307 Elsewhere\r\nLocation: http://evil.example/\r\nContent-Length: 0\r\n\r\n"

    head = await head_of(forwarding, backend, request("GET", "/"), raw)

    assert (head.status, head.headers["location"], len(backend.requests)) == (307, "http://evil.example/", 1)


@pytest.mark.parametrize("name", ["x-api-key", "authorization"])
async def test_the_gateways_own_token_is_not_forwarded(tmp_path: Path, backend: RawBackend, name: str) -> None:
    token = "gateway-token-271828"
    sent = {"authorization": "Bearer sk-ant-1", "x-api-key": "sk-ant-2"} | {
        name: f"Bearer {token}" if name == "authorization" else token
    }
    if name == "x-api-key":
        del sent["authorization"]  # the gateway looks there first
    options = replace(QUICK, forward_to=backend.origin, token=Secret(token))
    async with running_gateway(tmp_path, options=options) as gateway:
        received, response = await exchanged(gateway, backend, request("GET", "/v1/models", headers=sent), b"{}")

    assert response.status == 200
    assert token not in received.head
    assert ("sk-ant-2" in received.head) == (name == "authorization")


async def test_an_error_that_quotes_the_answer_does_not_repeat_the_clients_credentials(
    forwarding: RunningGateway, backend: RawBackend
) -> None:
    key = "sk-ant-oat01-private-16"
    async with connected(forwarding.base_url) as client:
        await client.send(request("GET", "/v1/messages", headers={"authorization": f"Bearer {key}"}))
        await (await backend.next_request()).send(f"HTTP/1.1 200 OK\r\nX-Echo : {key}\r\n\r\n".encode())
        response = await client.response()

    assert response.status == 503
    assert key not in response.body.decode() + json.dumps(forwarding.records())


async def test_headers_are_forwarded_in_their_order_case_and_number_and_nothing_is_added(
    forwarding: RunningGateway, backend: RawBackend
) -> None:
    head = (
        "POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nauthorization: Bearer sk-ant-oat01-private\r\n"
        "anthropic-beta: a-1,b-2\r\nX-Stainless-LANG: js\r\nanthropic-beta: c-3\r\naccept-ENCODING: gzip, br\r\n"
        "content-length: 2\r\nX-Empty: \r\ncookie: a=b; c=d"
    )

    received, _ = await exchanged(forwarding, backend, f"{head}\r\n\r\n{{}}".encode(), b"{}")

    assert lines_of(received.head, "host") == lines_of(head, "host")
    assert received.headers["host"] == backend.origin.removeprefix("http://")


async def test_of_a_header_in_two_spellings_none_is_lost(forwarding: RunningGateway, backend: RawBackend) -> None:
    head = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nAnthropic-Beta: a\r\nanthropic-beta: b"

    received, _ = await exchanged(forwarding, backend, f"{head}\r\n\r\n".encode(), b"{}")

    assert lines_of(received.head, "host")[1:] == ["Anthropic-Beta: a", "Anthropic-Beta: b"]


async def test_headers_of_one_hop_are_not_forwarded_in_either_direction(
    forwarding: RunningGateway, backend: RawBackend
) -> None:
    hop = "Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n"
    raw_request = f"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n{hop}TE: trailers\r\nX-Stays: 2\r\n\r\n".encode()
    raw_response = f"HTTP/1.1 200 OK\r\n{hop}Trailer: X\r\nX-Stays: 3\r\nContent-Length: 0\r\n\r\n".encode()

    head = await head_of(forwarding, backend, raw_request, raw_response)

    assert lines_of(backend.requests[0].head, "host")[1:] == ["X-Stays: 2"]
    assert lines_of(head.text)[1:] == ["X-Stays: 3", "Content-Length: 0"]


@pytest.mark.parametrize(
    ("named", "left"),
    [
        ("Connection: close\r\nConnection: x-a , X-B,,\r\nX-A: 1\r\nx-b: 2", []),
        ("Connection: close, Content-Type\r\nContent-Type: a/b", []),
        ("Connection: keep-alive\r\nProxy-Connection: x\r\nUpgrade: h2c\r\nTE: gzip\r\nTrailer: X", []),
        ("Connection: close\r\nX-A: 1", ["X-A: 1"]),
    ],
)
async def test_what_connection_names_is_of_one_hop_in_both_directions(
    forwarding: RunningGateway, backend: RawBackend, named: str, left: list[str]
) -> None:
    raw_request = f"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n{named}\r\n\r\n".encode()
    raw_response = f"HTTP/1.1 200 OK\r\n{named}\r\nContent-Length: 0\r\n\r\n".encode()

    head = await head_of(forwarding, backend, raw_request, raw_response)

    assert lines_of(backend.requests[0].head, "host", "content-length")[1:] == left
    assert lines_of(head.text, "content-length", "connection")[1:] == left


async def test_a_length_that_connection_names_does_not_change_the_framing(
    forwarding: RunningGateway, backend: RawBackend
) -> None:
    raw = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: content-length, host\r\nContent-Length: 2\r\n\r\n{}"
    async with connected(forwarding.base_url) as client:
        await client.send(raw)
        received = await backend.next_request()
        await received.send(b"HTTP/1.1 200 OK\r\nConnection: content-length\r\nContent-Length: 2\r\n\r\n[]")
        response = await client.response()

    assert (received.body, received.headers["host"]) == (b"{}", backend.origin.removeprefix("http://"))
    assert response.body == b"[]"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n[]]",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: b\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\nX : a\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nhello",
    ],
)
async def test_an_answer_that_could_be_read_differently_is_an_error(
    forwarding: RunningGateway, backend: RawBackend, answer: bytes
) -> None:
    async with connected(forwarding.base_url) as client:
        await client.send(request("POST", "/", headers={"Connection": "Upgrade", "Upgrade": "x"}))
        await (await backend.next_request()).send(answer)
        response = await client.response()

    assert response.status in {502, 503}
    assert response.error[0] == "api_error"


async def test_what_follows_an_answer_is_no_part_of_the_next(forwarding: RunningGateway, backend: RawBackend) -> None:
    two = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    async with connected(forwarding.base_url) as client:
        await client.send(request("POST", "/"))
        await (await backend.next_request()).send(two)
        first = await client.response()
        await client.send(request("POST", "/"))
        await (await backend.next_request()).answer(200, b"{}")
        second = await client.response()

    assert (first.body, second.body, backend.connections) == (b"[]", b"{}", 2)


BODY = b'{ "model":"claude-opus-5-5",\n "max_tokens": 1, "messages":[{"role":"user","content":"\\u00e4"}], "new": 1.0}'


@pytest.mark.parametrize("body", [BODY, b"", b"{ nonsense", b"\x00\xff", b"x" * 3_000_000], ids=lambda body: body[:9])
async def test_the_body_is_forwarded_byte_by_byte(forwarding: RunningGateway, backend: RawBackend, body: bytes) -> None:
    received, response = await exchanged(forwarding, backend, request("POST", "/v1/messages", body), b"{}")

    assert received.body == body
    assert received.headers["content-length"] == str(len(body))
    assert response.status == 200


async def test_a_compressed_body_is_forwarded_compressed(forwarding: RunningGateway, backend: RawBackend) -> None:
    body = gzip.compress(BODY)

    received, _ = await exchanged(
        forwarding, backend, request("POST", "/v1/messages", body, {"Content-Encoding": "gzip"}), b"{}"
    )

    assert received.body == body
    assert received.headers["content-encoding"] == "gzip"


async def test_a_chunked_body_is_forwarded_whole_with_its_length(
    forwarding: RunningGateway, backend: RawBackend
) -> None:
    raw = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"

    received, _ = await exchanged(forwarding, backend, raw, b"{}")

    assert received.body == b"abcde"
    assert lines_of(received.head, "host")[1:] == ["Content-Length: 5"]


async def test_a_client_that_waits_to_be_asked_for_its_body_is_asked(
    forwarding: RunningGateway, backend: RawBackend
) -> None:
    async with connected(forwarding.base_url) as client:
        await client.send(b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        interim = await client.head()
        await client.send(b"{}")
        received = await backend.next_request()
        await received.answer(200, b"[]")
        response = await client.response()

    assert interim.text == "HTTP/1.1 100 Continue"
    assert received.body == b"{}"
    assert "expect" not in received.headers
    assert response.body == b"[]"


async def test_the_reply_is_forwarded_unchanged(forwarding: RunningGateway, backend: RawBackend) -> None:
    raw = request("POST", "/v1/messages", prompt())

    _, response = await exchanged(forwarding, backend, raw, STREAM)

    assert response.status == 200
    assert response.body == STREAM


@pytest.mark.parametrize(
    "head",
    [
        'HTTP/1.1 200 Fine Thing\r\nset-cookie: a=1\r\nX-ODD: 1\r\nset-cookie: b=2\r\nContent-Length: 0\r\nETag: "x"',
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nServer: cloudflare\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nvary: a",
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/elsewhere\r\nContent-Length: 0",
        "HTTP/1.1 204 No Content\r\nrequest-id: req_theirs",
        'HTTP/1.1 304 Not Modified\r\nETag: "x"',
        "HTTP/1.1 529 Overloaded\r\nretry-after: 3\r\nContent-Length: 0",
        "HTTP/1.1 599 \r\nContent-Length: 0",
    ],
)
async def test_the_head_of_a_reply_is_forwarded_unchanged_and_nothing_is_added(
    forwarding: RunningGateway, backend: RawBackend, head: str
) -> None:
    forwarded = await head_of(forwarding, backend, request("GET", "/v1/models"), f"{head}\r\n\r\n".encode())

    assert forwarded.text == head


async def test_the_length_of_a_reply_to_head_is_forwarded_unchanged(
    forwarding: RunningGateway, backend: RawBackend
) -> None:
    head = "HTTP/1.1 200 OK\r\ncontent-length: 1234\r\nContent-Type: application/json"

    forwarded = await head_of(forwarding, backend, request("HEAD", "/v1/models"), f"{head}\r\n\r\n".encode())

    assert forwarded.text == head


async def test_interim_responses_are_passed_over(forwarding: RunningGateway, backend: RawBackend) -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"

    forwarded = await head_of(
        forwarding, backend, request("GET", "/"), interim + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    )

    assert forwarded.text == "HTTP/1.1 200 OK\r\nContent-Length: 0"


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=5), st.sampled_from(["gzip", "br", "identity", ""]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
def test_the_bytes_of_a_reply_are_forwarded_in_any_chunks_and_encoding(
    tmp_path: Path, chunks: list[bytes], encoding: str
) -> None:
    async def forwarded() -> Response:
        async with (
            raw_backend() as backend,
            running_gateway(tmp_path, options=replace(QUICK, forward_to=backend.origin)) as gateway,
            connected(gateway.base_url) as client,
        ):
            await client.send(request("POST", "/v1/messages", prompt()))
            received = await (await backend.next_request()).begin(content_encoding=encoding)
            for chunk in chunks:
                await received.chunk(chunk)
            await received.end()
            return await client.response()

    response = asyncio.run(forwarded())

    assert response.body == b"".join(chunks)
    assert response.headers["content-encoding"] == encoding


async def test_the_usage_of_a_compressed_reply_is_recorded(forwarding: RunningGateway, backend: RawBackend) -> None:
    compressed = gzip.compress(b'{"usage": {"input_tokens": 7}}')
    raw = request("POST", "/v1/messages", prompt())

    _, response = await exchanged(forwarding, backend, raw, compressed, Content_Encoding="gzip")

    assert response.body == compressed
    assert at(forwarding.records()[-1], "usage", "input_tokens") == 7


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
    assert "Connect call failed" in response.error[1] or "refused" in response.error[1].lower()
    assert response.headers["x-should-retry"] == "true"
    assert health.status == 200


async def test_a_certificate_that_is_not_trusted_is_named_and_not_worth_a_retry(tmp_path: Path) -> None:
    certificate, tls = write_certificate(tmp_path)
    trusting = Way(ca_files=(CaFile(str(certificate), "NODE_EXTRA_CA_CERTS"),))
    async with stub_server({"/v1/messages": {"type": "message"}}, tls=tls) as server:
        options = replace(QUICK, forward_to=server.origin)
        async with running_gateway(tmp_path / "a", options=options) as gateway:
            untrusted = await ask(gateway.base_url, "POST", "/v1/messages", prompt())
        async with running_gateway(tmp_path / "b", options=replace(options, forward_way=trusting)) as gateway:
            trusted = await ask(gateway.base_url, "POST", "/v1/messages", prompt())

    assert untrusted.status == 424
    assert untrusted.headers["x-should-retry"] == "false"
    assert "self-signed certificate" in untrusted.error[1]
    assert "ANYCLAUDE_CA_FILE" in untrusted.error[1]
    assert trusted.status == 200


@pytest.mark.parametrize(
    ("path", "prefix"), [("", ""), ("/", ""), ("/anthropic", "/anthropic"), ("/v1", ""), ("/llm/v4", "/llm/v4")]
)
async def test_a_path_of_the_address_is_kept_before_the_clients_own(
    tmp_path: Path, backend: RawBackend, path: str, prefix: str
) -> None:
    async with running_gateway(tmp_path, options=replace(QUICK, forward_to=backend.origin + path)) as gateway:
        received, _ = await exchanged(gateway, backend, request("POST", "/v1/messages?beta=true", prompt()), STREAM)

    assert received.path == f"{prefix}/v1/messages?beta=true"
