"""Questions over the standard library, on real sockets."""

import asyncio
import gzip
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.parts.gateway import target_at
from tests.parts.raw_backend import RawBackend, ReceivedRequest, free_port, raw_backend

from anyclaude.backends.query import QueryReply, query
from anyclaude.backends.reading import MAX_ANSWER_BYTES
from anyclaude.backends.stdlib_backend import StdlibBackend
from anyclaude.dialects import WireRequest
from anyclaude.errors import BackendError, BackendTimeout, BackendUnreachable
from anyclaude.secret import Secret

QUESTION = WireRequest("/props", accept="*/*", at_root=True, method="GET")
LONG = 60.0
SOON = 0.05


async def asked(backend: StdlibBackend, server: RawBackend, request: WireRequest = QUESTION) -> ReceivedRequest:
    """Ask a question, answer it with nothing, and return how it arrived."""
    asking = asyncio.create_task(query(backend, request, LONG))
    received = await server.next_request()
    await received.answer(200, b"{}")
    await asking
    return received


async def failure(base_url: str, within_seconds: float = LONG) -> BackendError:
    with pytest.raises(BackendError) as raised:
        await query(StdlibBackend(target_at(base_url)), QUESTION, within_seconds)
    return raised.value


@pytest.mark.parametrize(("status", "body"), [(200, b'{"a": 1}'), (200, b""), (404, b"no such path"), (503, b"busy")])
async def test_the_reply_is_returned_whole_with_its_status(status: int, body: bytes) -> None:
    async with raw_backend() as server:
        asking = asyncio.create_task(query(StdlibBackend(target_at(server.base_url)), QUESTION, LONG))
        await (await server.next_request()).answer(status, body)

        assert await asking == QueryReply(status, body, "application/json")


@pytest.mark.parametrize("status", [200, 401])
@pytest.mark.parametrize(
    ("coding", "packed"), [("gzip", gzip.compress), ("deflate", zlib.compress), ("x-gzip", gzip.compress)]
)
async def test_a_body_that_a_proxy_has_compressed_is_unpacked(
    status: int, coding: str, packed: Callable[[bytes], bytes]
) -> None:
    async with raw_backend() as server:
        asking = asyncio.create_task(query(StdlibBackend(target_at(server.base_url)), QUESTION, LONG))
        await (await server.next_request()).answer(status, packed(b'{"a": 1}'), Content_Encoding=coding)

        assert (await asking).body == b'{"a": 1}'


async def test_a_body_that_cannot_be_unpacked_or_becomes_too_large_is_an_error() -> None:
    async with raw_backend() as server:
        for body in (gzip.compress(bytes(MAX_ANSWER_BYTES + 1)), b"no gzip"):
            asking = asyncio.create_task(query(StdlibBackend(target_at(server.base_url)), QUESTION, LONG))
            await (await server.next_request()).answer(200, body, Content_Encoding="gzip")

            with pytest.raises(BackendUnreachable):
                await asking


async def test_the_head_of_the_reply_is_returned() -> None:
    async with raw_backend() as server:
        backend = StdlibBackend(target_at(server.base_url))

        async def head() -> tuple[str, float | None]:
            async with backend.stream(QUESTION, LONG) as reply:
                return reply.content_type, reply.retry_after_seconds

        asking = asyncio.create_task(head())
        received = await server.next_request()
        await received.answer(429, b"", "application/json; charset=utf-8", Retry_After="7")

        assert await asking == ("application/json", 7.0)


async def test_a_question_without_a_body_is_sent_to_the_root() -> None:
    async with raw_backend() as server:
        received = await asked(StdlibBackend(target_at(server.base_url)), server)

    assert (received.method, received.path, received.body) == ("GET", "/props", b"")
    assert received.headers["accept"] == "*/*"
    assert not {"content-type", "authorization"} & received.headers.keys()


async def test_a_question_with_a_body_is_json_below_the_base_url() -> None:
    async with raw_backend() as server:
        request = WireRequest("/tokenize", b'{"content": "x"}')
        received = await asked(StdlibBackend(target_at(server.base_url)), server, request)

    assert (received.method, received.path, received.body) == ("POST", "/v1/tokenize", request.body)
    assert received.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("user", "key", "header"),
    [("", Secret("sk-1"), "Bearer sk-1"), ("user:pass@", None, "Basic dXNlcjpwYXNz")],
)
async def test_the_key_or_the_credentials_in_the_address_are_sent(user: str, key: Secret | None, header: str) -> None:
    async with raw_backend() as server:
        target = replace(target_at(f"http://{user}127.0.0.1:{server.port}/v1"), api_key=key)
        received = await asked(StdlibBackend(target), server)

    assert received.headers["authorization"] == header


async def test_a_redirect_is_not_followed() -> None:
    async with raw_backend() as server:
        asking = asyncio.create_task(query(StdlibBackend(target_at(server.base_url)), QUESTION, LONG))
        await (await server.next_request()).answer(307, b"", Location="http://192.0.2.1/elsewhere")

        assert (await asking).status == 307


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:{port}/v1", "http://no-such-host.invalid/v1"])
async def test_without_a_connection_the_server_is_unreachable(base_url: str) -> None:
    error = await failure(base_url.format(port=free_port()))

    assert isinstance(error, BackendUnreachable)
    assert str(error).startswith("no reply from llama.cpp at http://")


async def test_a_connection_that_breaks_leaves_the_server_unreachable() -> None:
    async with raw_backend() as server:
        failing = asyncio.create_task(failure(server.base_url))
        (await server.next_request()).reset()

        assert isinstance(await failing, BackendUnreachable)


async def test_a_server_that_does_not_answer_in_time_is_given_up() -> None:
    async with raw_backend() as server:
        assert isinstance(await failure(server.base_url, SOON), BackendTimeout)


async def test_a_key_is_in_no_error() -> None:
    target = replace(target_at(f"http://127.0.0.1:{free_port()}/v1"), api_key=Secret("hunter2\n"))

    with pytest.raises(BackendUnreachable) as raised:
        await query(StdlibBackend(target), QUESTION, LONG)

    assert "hunter2" not in str(raised.value)


async def test_a_reply_that_does_not_end_times_out_and_its_connection_is_closed() -> None:
    async with raw_backend() as server:
        failing = asyncio.create_task(failure(server.base_url, SOON))
        received = await (await server.next_request()).begin()
        with suppress(ConnectionError):
            while not received.closed.is_set():
                await received.chunk(b"x")
                await asyncio.sleep(0)

        assert isinstance(await failing, BackendTimeout)
        await received.wait_closed()


async def test_interim_answers_without_an_end_are_not_read_when_the_time_is_over() -> None:
    async with raw_backend() as server:
        failing = asyncio.create_task(failure(server.base_url, SOON))
        received = await server.next_request()
        with suppress(ConnectionError):
            while not received.closed.is_set():
                await received.send(b"HTTP/1.1 100 Continue\r\n\r\n")
                await asyncio.sleep(0)

        assert isinstance(await failing, BackendTimeout)
        await received.wait_closed()


async def test_a_reply_that_is_too_large_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anyclaude.backends.reading.MAX_ANSWER_BYTES", 10)
    async with raw_backend() as server:
        failing = asyncio.create_task(failure(server.base_url))
        await (await server.next_request()).answer(200, b"eleven byte")

        assert "larger than 10 bytes" in str(await failing)


async def test_a_success_that_is_cut_short_is_a_failure() -> None:
    async with raw_backend() as server:
        failing = asyncio.create_task(failure(server.base_url))
        received = await server.next_request()
        await received.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{}")
        received.close()

        assert isinstance(await failing, BackendUnreachable)


@pytest.mark.parametrize("ends", [ReceivedRequest.close, ReceivedRequest.reset])
async def test_an_error_keeps_its_status_if_its_body_is_cut_short(ends: Callable[[ReceivedRequest], None]) -> None:
    async with raw_backend() as server:
        asking = asyncio.create_task(query(StdlibBackend(target_at(server.base_url)), QUESTION, LONG))
        received = await server.next_request()
        await received.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 1000\r\n\r\nnot")
        ends(received)

        assert (await asking).status == 404


async def test_no_password_is_taken_from_netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login me password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))
    async with raw_backend() as server:
        received = await asked(StdlibBackend(target_at(server.base_url)), server)

    assert "authorization" not in received.headers
