"""Questions and requests take the same way to a server: proxies, certificates, Unix sockets, queries."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.parts.certificate import write_certificate
from tests.parts.gateway import target_at
from tests.parts.raw_backend import raw_backend
from tests.parts.stub_server import stub_server

from anyclaude.backends import Backend, BackendTarget, query
from anyclaude.backends.http import HttpBackend, open_session
from anyclaude.backends.probe import MODELS
from anyclaude.backends.stdlib_backend import StdlibBackend
from anyclaude.dialects import WireRequest
from anyclaude.errors import BackendUnreachable, BackendUntrusted
from anyclaude.network import CaFile, Proxy, Way, network_of
from anyclaude.secret import Secret

LONG = 60.0
PROPS = WireRequest("/props?model=m", accept="*/*", at_root=True, method="GET")
CREDENTIALS = Secret("Basic bWU6cEBzcw==")

Opener = Callable[[BackendTarget], AbstractAsyncContextManager[Backend]]


@asynccontextmanager
async def for_questions(target: BackendTarget) -> AsyncIterator[Backend]:
    yield StdlibBackend(target)


@asynccontextmanager
async def for_requests(target: BackendTarget) -> AsyncIterator[Backend]:
    async with open_session(socket_path=target.endpoint.socket_path) as session:
        yield HttpBackend(session, target)


pytestmark = pytest.mark.parametrize("opened", [for_questions, for_requests])


async def test_a_request_through_a_proxy_names_the_whole_address(opened: Opener) -> None:
    async with raw_backend() as proxy:
        way = Way(proxy=Proxy("127.0.0.1", proxy.port, CREDENTIALS))
        target = replace(target_at("http://model.invalid/v1"), way=way, api_key=Secret("k"))
        async with opened(target) as backend:
            asking = asyncio.create_task(query(backend, PROPS, LONG))
            received = await proxy.next_request()
            await received.answer(200, b"{}")
            await asking

    assert received.path == "http://model.invalid/props?model=m"
    assert received.headers["host"] == "model.invalid"
    assert received.headers["authorization"] == "Bearer k"
    assert received.headers["proxy-authorization"] == CREDENTIALS.reveal()


async def test_tls_goes_through_a_tunnel_and_the_key_is_not_shown_to_the_proxy(opened: Opener) -> None:
    async with raw_backend() as proxy:
        way = Way(proxy=Proxy("127.0.0.1", proxy.port, CREDENTIALS))
        target = replace(target_at("https://model.invalid/v1"), way=way, api_key=Secret("k"))
        async with opened(target) as backend:
            asking = asyncio.create_task(query(backend, MODELS, LONG))
            received = await proxy.next_request()
            await received.send(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
            with pytest.raises(BackendUnreachable):
                await asking

    assert (received.method, received.path) == ("CONNECT", "model.invalid:443")
    assert received.headers["proxy-authorization"] == CREDENTIALS.reveal()
    assert "authorization" not in received.headers


async def test_the_environments_variables_play_no_part_beside_the_route(
    opened: Opener, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for variable in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login me password hunter2\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with stub_server({"/v1/models": {}}) as server, opened(target_at(server.base_url)) as backend:
        assert (await query(backend, MODELS, LONG)).is_ok

    assert server.requests == [("GET", "/v1/models", None)]


async def test_a_certificate_of_ones_own_is_trusted_once_it_is_named(opened: Opener, tmp_path: Path) -> None:
    certificate, tls = write_certificate(tmp_path)
    async with stub_server({"/v1/models": {}}, tls=tls) as server:
        target = target_at(server.base_url)
        async with opened(target) as backend:
            with pytest.raises((BackendUnreachable, BackendUntrusted), match=r"(?i)certificate"):
                await query(backend, MODELS, LONG)
        for name in ("ANYCLAUDE_CA_FILE", "NODE_EXTRA_CA_CERTS"):
            trusting = replace(target, way=Way(ca_files=(CaFile(str(certificate), name),)))
            async with opened(trusting) as backend:
                assert (await query(backend, MODELS, LONG)).is_ok


async def test_a_variable_of_the_environment_names_the_certificate(opened: Opener, tmp_path: Path) -> None:
    certificate, tls = write_certificate(tmp_path)
    async with stub_server({"/v1/models": {}}, tls=tls) as server:
        target = target_at(server.base_url)
        network = network_of({"REQUESTS_CA_BUNDLE": str(certificate)}, None)
        async with opened(replace(target, way=network.way_to(target.endpoint))) as backend:
            assert (await query(backend, MODELS, LONG)).is_ok


async def test_a_server_at_a_unix_socket_is_reached_with_its_path(opened: Opener, tmp_path: Path) -> None:
    socket_path = str(tmp_path / "server.sock")
    async with (
        stub_server({"/llama/v1/models": {}, "/llama/props": {}}, socket_path=socket_path) as server,
        opened(target_at(f"unix:{socket_path}:/llama/v1")) as backend,
    ):
        assert (await query(backend, MODELS, LONG)).is_ok
        assert (await query(backend, PROPS, LONG)).is_ok

    assert [path for _, path, _ in server.requests] == ["/llama/v1/models", "/llama/props?model=m"]


async def test_the_query_of_the_address_goes_along_with_each_request(opened: Opener) -> None:
    async with (
        stub_server({"/v1/models": {}, "/props": {}}) as server,
        opened(target_at(f"{server.base_url}/chat/completions?key=a%2Fb&v=1")) as backend,
    ):
        assert (await query(backend, MODELS, LONG)).is_ok
        assert (await query(backend, PROPS, LONG)).is_ok

    assert [path for _, path, _ in server.requests] == ["/v1/models?key=a%2Fb&v=1", "/props?model=m&key=a%2Fb&v=1"]
