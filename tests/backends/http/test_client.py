"""The client side of the network, over real sockets."""

import asyncio
import contextlib
import gzip
import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest
from msgspec.structs import replace
from tests.parts.descriptors import no_descriptor_left
from tests.parts.gateway import target_at
from tests.parts.raw_backend import RawBackend, ReceivedRequest, free_port, raw_backend

from anyclaude.backends import read_body
from anyclaude.backends.http import HttpBackend, open_session
from anyclaude.backends.http.body import MAX_READ_BYTES
from anyclaude.backends.http.client import MAX_ERROR_BODY_BYTES, MAX_WHOLE_BODY_BYTES, IdleTimer
from anyclaude.dialects import WireRequest
from anyclaude.errors import BackendTimeout, BackendTruncated, BackendUnreachable, ConnectionsExhausted
from anyclaude.secret import Secret

ASKED = WireRequest("/chat/completions", b'{"a": "\xc3\xa4"}')
LONG = 60.0
SOON = 0.02


@pytest.fixture
async def server() -> AsyncIterator[RawBackend]:
    async with raw_backend() as server:
        yield server


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with open_session() as session:
        yield session


@pytest.fixture
def client(session: aiohttp.ClientSession, server: RawBackend) -> HttpBackend:
    return HttpBackend(session, target_at(server.base_url))


async def read(client: HttpBackend, within_seconds: float = LONG, body: bytes = ASKED.body) -> bytes:
    """Send a request, and return the body of its reply."""
    async with client.stream(WireRequest(ASKED.path, body), LONG) as reply:
        return await read_body(reply, within_seconds)


async def test_the_request_arrives_as_it_was_encoded(client: HttpBackend, server: RawBackend) -> None:
    reading = asyncio.create_task(read(client))
    asked = await server.next_request()
    await asked.answer(200, b"reply", "text/event-stream")

    assert await reading == b"reply"
    assert (asked.method, asked.path, asked.body) == ("POST", "/v1/chat/completions", ASKED.body)
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["accept"] == "text/event-stream"
    assert "authorization" not in asked.headers
    assert "cookie" not in asked.headers


async def test_what_is_compressed_unasked_is_unpacked_in_pieces(client: HttpBackend, server: RawBackend) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    sizes: list[int] = []

    async def ask() -> None:
        async with client.stream(ASKED, LONG) as reply:
            while chunk := await reply.read_chunk(LONG):
                sizes.append(len(chunk))

    asking = asyncio.create_task(ask())
    asked = await server.next_request()
    await asked.answer(200, bomb, Content_Encoding="gzip")
    await asking

    assert asked.headers["accept-encoding"] == "identity"
    assert sum(sizes) == 50_000_000
    assert max(sizes) <= MAX_READ_BYTES


async def test_a_request_without_a_body_has_no_content_type(client: HttpBackend, server: RawBackend) -> None:
    async def ask() -> bytes:
        async with client.stream(WireRequest("/models", accept="*/*", method="GET"), LONG) as reply:
            return await read_body(reply, LONG)

    asking = asyncio.create_task(ask())
    asked = await server.next_request()
    await asked.answer(200, b"{}")

    assert await asking == b"{}"
    assert (asked.method, asked.path, asked.body) == ("GET", "/v1/models", b"")
    assert asked.headers["accept"] == "*/*"
    assert asked.headers.keys().isdisjoint({"content-type", "content-length", "transfer-encoding"})


async def test_a_request_at_the_root_omits_the_v1(client: HttpBackend, server: RawBackend) -> None:
    async def ask() -> None:
        async with client.stream(WireRequest("/tokenize", b"{}", at_root=True), LONG):
            pass

    asking = asyncio.create_task(ask())
    asked = await server.next_request()
    await asked.answer(200, b"{}")
    await asking

    assert asked.path == "/tokenize"


@pytest.mark.parametrize(
    ("user", "key", "header"),
    [
        ("", Secret("sk-1"), "Bearer sk-1"),
        ("user:pass@", None, "Basic dXNlcjpwYXNz"),
        ("user:pass@", Secret("sk-1"), "Bearer sk-1"),
    ],
)
async def test_the_key_or_the_credentials_in_the_address_are_sent(
    session: aiohttp.ClientSession, server: RawBackend, user: str, key: Secret | None, header: str
) -> None:
    target = replace(target_at(f"http://{user}127.0.0.1:{server.port}/v1"), api_key=key)
    reading = asyncio.create_task(read(HttpBackend(session, target)))
    asked = await server.next_request()
    await asked.answer(200, b"ok")
    await reading

    assert asked.headers["authorization"] == header


async def test_cookies_are_not_kept(client: HttpBackend, server: RawBackend) -> None:
    for _ in range(2):
        reading = asyncio.create_task(read(client))
        asked = await server.next_request()
        await asked.answer(200, b"ok", Set_Cookie="a=b; Path=/")
        await reading

    assert "cookie" not in asked.headers


async def test_a_redirect_is_not_followed(client: HttpBackend, server: RawBackend) -> None:
    async def ask() -> int:
        async with client.stream(ASKED, LONG) as reply:
            return reply.status

    asking = asyncio.create_task(ask())
    await (await server.next_request()).answer(307, b"", Location="http://192.0.2.1/elsewhere")

    assert await asking == 307


async def test_a_refused_connection_is_unreachable_and_names_the_address(session: aiohttp.ClientSession) -> None:
    client = HttpBackend(session, target_at(f"http://127.0.0.1:{free_port()}/v1"))

    with pytest.raises(BackendUnreachable, match=r"no connection to llama\.cpp at http://127\.0\.0\.1.*running\?"):
        await read(client)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_without_a_descriptor_the_server_is_not_to_blame(session: aiohttp.ClientSession, host: str) -> None:
    client = HttpBackend(session, target_at(f"http://{host}:{free_port()}/v1"))

    with no_descriptor_left(), pytest.raises(ConnectionsExhausted, match="no descriptor is left"):
        await read(client)


async def test_a_host_name_that_does_not_exist_is_unreachable(session: aiohttp.ClientSession) -> None:
    client = HttpBackend(session, target_at("http://no-such-host.invalid/v1"))

    with pytest.raises(BackendUnreachable, match=r"no-such-host\.invalid"):
        await read(client)


async def test_a_connection_that_is_not_accepted_is_unreachable_and_not_a_timeout() -> None:
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):  # these are never accepted, so the next one gets no answer at all
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        async with open_session(connect_seconds=SOON) as session:
            client = HttpBackend(session, target_at(f"http://127.0.0.1:{full.getsockname()[1]}/v1"))

            with pytest.raises(BackendUnreachable, match="nothing answers there"):
                await read(client)


@pytest.mark.parametrize("how", ["reset", "close"])
async def test_a_connection_that_breaks_before_the_status_is_unreachable(
    client: HttpBackend, server: RawBackend, how: str
) -> None:
    reading = asyncio.create_task(read(client))
    getattr(await server.next_request(), how)()

    with pytest.raises(BackendUnreachable, match="broke the connection before it answered"):
        await reading
    assert len(server.requests) == 1


async def test_an_answer_that_is_not_http_is_unreachable(client: HttpBackend, server: RawBackend) -> None:
    reading = asyncio.create_task(read(client))
    await (await server.next_request()).send(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")

    with pytest.raises(BackendUnreachable):
        await reading


async def test_a_late_status_is_a_timeout_and_closes_the_connection(client: HttpBackend, server: RawBackend) -> None:
    with pytest.raises(BackendTimeout, match=r"sent nothing for 0\.02 s"):
        async with client.stream(ASKED, SOON):
            pass

    await (await server.next_request()).wait_closed()


async def test_late_bytes_are_a_timeout_and_close_the_connection(client: HttpBackend, server: RawBackend) -> None:
    reading = asyncio.create_task(read(client, SOON))
    asked = await (await server.next_request()).begin()
    await asked.chunk(b"some")

    with pytest.raises(BackendTimeout):
        await reading
    await asked.wait_closed()


@pytest.mark.parametrize("how", ["reset", "close"])
async def test_a_connection_that_breaks_in_the_reply_is_truncated(
    client: HttpBackend, server: RawBackend, how: str
) -> None:
    reading = asyncio.create_task(read(client))
    asked = await (await server.next_request()).begin()
    await asked.chunk(b"some")
    getattr(asked, how)()

    with pytest.raises(BackendTruncated, match="in the middle of its reply"):
        await reading


async def test_a_reply_shorter_than_its_content_length_is_truncated(client: HttpBackend, server: RawBackend) -> None:
    reading = asyncio.create_task(read(client))
    asked = await server.next_request()
    await asked.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome")
    asked.close()

    with pytest.raises(BackendTruncated):
        await reading


async def test_invalid_chunked_framing_is_truncated(client: HttpBackend, server: RawBackend) -> None:
    async def read_on(first_is_read: asyncio.Event) -> None:
        async with client.stream(ASKED, LONG) as reply:
            await reply.read_chunk(LONG)
            first_is_read.set()
            await reply.read_chunk(LONG)

    first_is_read = asyncio.Event()
    reading = asyncio.create_task(read_on(first_is_read))
    asked = await (await server.next_request()).begin()
    await asked.chunk(b"some")
    await first_is_read.wait()
    await asked.send(b"not a size\r\n")

    with pytest.raises(BackendTruncated):
        await reading


async def exchange(client: HttpBackend, server: RawBackend) -> ReceivedRequest:
    """Have one request answered, and return it."""
    reading = asyncio.create_task(read(client))
    asked = await server.next_request()
    await asked.answer(200, b"whole")
    await reading
    return asked


async def test_a_connection_is_reused(client: HttpBackend, server: RawBackend) -> None:
    for _ in range(3):
        await exchange(client, server)

    assert server.connections == 1


@pytest.mark.parametrize("how", ["reset", "close"])
async def test_an_idle_connection_that_the_server_closes_is_replaced(
    client: HttpBackend, server: RawBackend, how: str
) -> None:
    for _ in range(3):
        getattr(await exchange(client, server), how)()

    assert server.connections == len(server.requests) == 3


@pytest.mark.parametrize("how", ["reset", "close"])
@pytest.mark.parametrize("body", [ASKED.body, b"x" * (MAX_WHOLE_BODY_BYTES + 1)], ids=["small", "large"])
async def test_a_request_lost_on_a_reused_connection_is_sent_again_at_once_on_a_new_one(
    client: HttpBackend, server: RawBackend, how: str, body: bytes
) -> None:
    await exchange(client, server)
    reading = asyncio.create_task(read(client, body=body))
    getattr(await server.next_request(), how)()
    again = await server.next_request()
    await again.answer(200, b"reply")

    assert await reading == b"reply"
    assert again.body == body
    assert server.connections == 2


@pytest.mark.parametrize("how", ["reset", "close"])
async def test_if_the_new_connection_breaks_too_the_server_is_unreachable(
    client: HttpBackend, server: RawBackend, how: str
) -> None:
    await exchange(client, server)
    reading = asyncio.create_task(read(client))
    for _ in range(2):
        getattr(await server.next_request(), how)()

    with pytest.raises(BackendUnreachable, match="broke the connection before it answered"):
        await reading
    assert len(server.requests) == 3


async def test_a_request_whose_answer_has_begun_on_a_reused_connection_is_not_sent_again(
    client: HttpBackend, server: RawBackend
) -> None:
    await exchange(client, server)
    reading = asyncio.create_task(read(client))
    asked = await server.next_request()
    await asked.send(b"H")
    asked.close()

    with pytest.raises(BackendUnreachable):
        await reading
    assert len(server.requests) == 2


async def test_a_silent_reused_connection_is_a_timeout_and_the_request_is_not_sent_again(
    client: HttpBackend, server: RawBackend
) -> None:
    await exchange(client, server)

    with pytest.raises(BackendTimeout):
        async with client.stream(ASKED, SOON):
            pass
    await (await server.next_request()).wait_closed()
    assert len(server.requests) == 2


async def test_leaving_early_closes_the_connection(client: HttpBackend, server: RawBackend) -> None:
    async with asyncio.TaskGroup() as group:
        leaving = group.create_task(leave_early(client))
        asked = await (await server.next_request()).begin()
        await asked.chunk(b"some")
        await leaving

    await asked.wait_closed()


async def leave_early(client: HttpBackend) -> None:
    async with client.stream(ASKED, LONG) as reply:
        await reply.read_chunk(LONG)


async def test_cancelling_the_wait_for_the_status_closes_the_connection(
    client: HttpBackend, server: RawBackend
) -> None:
    reading = asyncio.create_task(read(client))
    asked = await server.next_request()
    reading.cancel()

    await asked.wait_closed()
    with pytest.raises(asyncio.CancelledError):
        await reading


async def test_of_an_endless_error_only_the_beginning_is_read(client: HttpBackend, server: RawBackend) -> None:
    async def ask() -> bytes:
        async with client.stream(ASKED, LONG) as reply:
            return await reply.read_error()

    asking = asyncio.create_task(ask())
    asked = await (await server.next_request()).begin(500)
    with contextlib.suppress(ConnectionError):
        while not asked.closed.is_set():
            await asked.chunk(b"x" * 10_000)

    assert await asking == b"x" * MAX_ERROR_BODY_BYTES


async def test_an_error_that_breaks_off_is_still_an_error(client: HttpBackend, server: RawBackend) -> None:
    async def ask() -> tuple[int, bytes]:
        async with client.stream(ASKED, LONG) as reply:
            return reply.status, await reply.read_error()

    asking = asyncio.create_task(ask())
    asked = await (await server.next_request()).begin(500)
    await asked.chunk(b"some")
    asked.reset()

    assert (await asking)[0] == 500


@pytest.mark.parametrize(("value", "seconds"), [("7", 7.0), ("0", 0.0), ("soon", None), ("-1", None), ("", None)])
async def test_retry_after_is_read_if_it_is_a_number_of_seconds(
    client: HttpBackend, server: RawBackend, value: str, seconds: float | None
) -> None:
    async def ask() -> float | None:
        async with client.stream(ASKED, LONG) as reply:
            return reply.retry_after_seconds

    asking = asyncio.create_task(ask())
    await (await server.next_request()).answer(429, b"{}", Retry_After=value)

    assert await asking == seconds


async def test_the_idle_timer_fires_once_per_wait_and_only_during_a_wait() -> None:
    loop = asyncio.get_running_loop()
    timeouts: asyncio.Queue[float] = asyncio.Queue()
    timer = IdleTimer(loop, timeouts.put_nowait)

    timer.start(LONG)
    timer.pause()
    timer.start(SOON)
    first = await asyncio.wait_for(timeouts.get(), LONG)
    timer.pause()
    timer.start(SOON)
    second = await asyncio.wait_for(timeouts.get(), LONG)
    timer.start(0.0)
    timer.stop()
    await asyncio.sleep(0)

    assert (first, second) == (SOON, SOON)
    assert timeouts.empty()
