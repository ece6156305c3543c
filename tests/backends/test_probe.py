"""Why a server does not answer, over real sockets."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.parts.certificate import write_certificate
from tests.parts.gateway import target_at
from tests.parts.raw_backend import free_port, raw_backend
from tests.parts.server_documents import LLAMACPP, SERVERS
from tests.parts.stub_server import Answer, Documents, stub_server

from anyclaude.backends import BackendTarget, Obstacle, QueryReply, first_obstacle, identify, probe
from anyclaude.backends.probe import MODELS
from anyclaude.backends.stdlib_backend import StdlibBackend
from anyclaude.profiles import PROFILES, BackendName
from anyclaude.secret import Secret

LONG = 60.0
SOON = 0.1
LISTED = {"data": [{"id": "m"}]}
LOADING = Answer(503, '{"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}}')


async def obstacle_at(base_url: str, kind: BackendName = "generic", within_seconds: float = LONG) -> Obstacle:
    return await obstacle_of(target_at(base_url, kind), within_seconds)


async def obstacle_of(target: BackendTarget, within_seconds: float = LONG) -> Obstacle:
    found = await probe(StdlibBackend(target), MODELS, within_seconds)
    assert isinstance(found, Obstacle)
    return found


@asynccontextmanager
async def server_that_sends(data: bytes, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Run a server that sends these bytes after the first that it gets, and closes the connection; yield its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            await reader.read(1)
            writer.write(data)
            writer.close()
            await writer.wait_closed()

    serving: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.create_task(serve(reader, writer)))

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.gather(*serving)


async def test_an_answer_is_no_obstacle() -> None:
    async with stub_server({"/v1/models": LISTED}) as server:
        found = await probe(StdlibBackend(target_at(server.base_url)), MODELS, LONG)

    assert isinstance(found, QueryReply)
    assert found.status == 200


@pytest.mark.parametrize(
    ("answer", "reason", "words"),
    [
        (Answer(401, '{"error": {"message": "Incorrect API key"}}'), "key", ("Incorrect API key", "ANYCLAUDE_API_KEY")),
        (Answer(403, "no"), "key", ("HTTP 403: no", "ANYCLAUDE_API_KEY")),
        (LOADING, "loading", ("is still loading its model",)),
        (Answer(503, '{"error": "Model m is currently loading"}'), "loading", ()),
        (Answer(503, '{"error": "failed loading model"}'), "error", ("HTTP 503: failed loading model",)),
        (Answer(500, '{"detail": "out of memory"}'), "error", ("HTTP 500: out of memory",)),
        (Answer(502, "<html><title>502 Bad\nGateway</title>x</html>", "text/html"), "error", ("502: 502 Bad Gateway",)),
        (Answer(429, ""), "error", ("HTTP 429",)),
        (Answer(404, "{}"), "not_found", ("has no /models. Check --backend-url",)),
        (Answer(200, "<!doctype html><title>Open WebUI</title>", "text/html"), "web_page", ("Open WebUI",)),
        (Answer(200, " <html>", "text/plain"), "web_page", ("a web page",)),
        (
            Answer(301, "", headers={"Location": "https://me:pw@other.example/v1/models?token=hunter2"}),
            "redirect",
            ("https://other.example/v1.",),
        ),
        (Answer(302, "", headers={"Location": "/login?next=hunter2"}), "redirect", ("to /login.",)),
        (Answer(307, ""), "redirect", ("to somewhere else",)),
        (Answer(400, "Client sent an HTTP request to an HTTPS server."), "speaks_tls", ("--backend-url https://",)),
        (Answer(400, '{"error": "bad"}'), "error", ("HTTP 400: bad",)),
        (Answer(503, '{"error": "Model is warming up"}'), "loading", ()),
        (Answer(500, '{"error": "error starting the runner: exit status 2"}'), "error", ("exit status 2",)),
        (Answer(202, '{"message": "Model is loading"}'), "loading", ()),
        (Answer(425, "Too Early"), "loading", ()),
        (Answer(200, '{"status": "loading model"}'), "loading", ()),
        (Answer(200, '{"error": {"message": "Invalid API key"}}'), "key", ("Invalid API key", "ANYCLAUDE_API_KEY")),
        (Answer(200, '{"code": 401, "msg": "token expired"}'), "key", ("token expired",)),
        (Answer(200, '{"data": [], "error": "no backend"}'), "error", ("no backend",)),
        (Answer(200, "Ollama is running", "text/plain"), "error", ("Ollama is running",)),
        (Answer(200, '{"data": [{"id": "m"', "application/json"), "error", ('{"data"',)),
        (
            Answer(200, '{"error": "Unexpected endpoint or method. (GET /models)"}'),
            "not_found",
            ("Unexpected endpoint",),
        ),
        (Answer(404, "<title>ERR_NGROK_3200</title>", "text/html"), "not_found", ("ERR_NGROK_3200",)),
        (Answer(403, "<title>Attention Required!</title>", "text/html"), "web_page", ("Attention Required!",)),
        (Answer(407, "log in"), "proxy", ("the proxy refuses", "HTTP 407: log in", "NO_PROXY=")),
    ],
)
async def test_what_a_server_answers_is_said(answer: Answer, reason: str, words: tuple[str, ...]) -> None:
    async with stub_server({"/v1/models": answer}) as server:
        found = await obstacle_at(server.base_url)

    assert found.reason == reason
    assert not found.is_silence
    assert server.base_url.removeprefix("http://") in found.sentence
    assert [part for part in words if part not in found.sentence] == []
    assert "does not answer" not in found.sentence
    assert "hunter2" not in found.sentence


@pytest.mark.parametrize(
    "answer",
    [
        Answer(203, '{"data": [{"id": "m"}]}'),
        Answer(200, '{"data": [{"id": "m"}]}', "text/html"),
        Answer(200, '{"object": "list", "data": []}'),
        Answer(200, '{"data": null}'),
    ],
)
async def test_a_list_is_an_answer_whatever_its_labels_say(answer: Answer) -> None:
    async with stub_server({"/v1/models": answer}) as server:
        found = await probe(StdlibBackend(target_at(server.base_url)), MODELS, LONG)

    assert isinstance(found, QueryReply)


@pytest.mark.parametrize("path", ["/api/v1", "/openai/v1"])
async def test_a_list_below_a_usual_path_is_found_and_named(path: str) -> None:
    async with stub_server({f"{path}/models": LISTED}) as server:
        found = await obstacle_at(server.base_url)

    assert found.reason == "wrong_path"
    assert found.sentence.endswith(f"--backend-url {server.base_url.removesuffix('/v1')}{path}")


async def test_the_list_of_lm_studios_own_api_shows_that_the_path_is_another() -> None:
    own = {"models": [{"key": "q", "loaded_instances": []}]}
    async with stub_server({"/api/v1/models": own, "/v1/models": LISTED}) as server:
        found = await obstacle_at(server.base_url.removesuffix("/v1") + "/api/v1")

    assert found.reason == "wrong_path"
    assert found.sentence.endswith(f"--backend-url {server.base_url}")


@pytest.mark.parametrize(("key", "words"), [(None, "requires a key"), (Secret("hunter2"), "refuses the key")])
async def test_a_refused_key_is_named_by_its_variable_and_never_shown(key: Secret | None, words: str) -> None:
    answer = Answer(401, '{"error": "the key hunter2 is unknown"}')
    async with stub_server({"/v1/models": answer}) as server:
        found = await obstacle_of(replace(target_at(server.base_url, "vllm"), api_key=key))

    assert words in found.sentence
    assert "VLLM_API_KEY" in found.sentence
    assert key is None or "hunter2" not in found.sentence


async def test_no_part_of_the_address_that_may_be_secret_is_in_a_sentence() -> None:
    answer = Answer(500, "user hunter22 asked for hunter33 of k=hunter33")
    async with stub_server({"/v1/models": answer}) as server:
        url = server.base_url.replace("://", "://me:hunter22@") + "?k=hunter33"
        found = await obstacle_at(url)

    assert found.reason == "error"
    assert "hunter" not in found.sentence


@pytest.mark.parametrize(("given", "listed"), [("/llama", "/llama/v1"), ("/api/v1", "/v1"), ("/api", "/v1")])
async def test_a_list_at_another_path_of_the_server_is_found_and_named(given: str, listed: str) -> None:
    async with stub_server({f"{listed}/models": LISTED}) as server:
        found = await obstacle_at(server.origin + given)

    assert found.reason == "wrong_path"
    assert found.sentence.endswith(f"--backend-url {server.origin}{listed}")


async def test_a_port_where_nothing_listens_refuses() -> None:
    found = await obstacle_at(f"http://127.0.0.1:{free_port()}/v1", "llamacpp")

    assert (found.reason, found.is_silence) == ("refused", True)
    assert "does not answer" in found.sentence
    assert "Start it (llama-server" in found.sentence


async def test_a_unix_socket_that_is_not_there_refuses(tmp_path: Path) -> None:
    assert (await obstacle_at(f"unix:{tmp_path}/none.sock")).reason == "refused"


async def test_a_name_that_no_machine_has_is_said() -> None:
    found = await obstacle_at("http://no-such-host.invalid/v1")

    assert (found.reason, found.is_silence) == ("unknown_name", True)
    assert "no-such-host.invalid" in found.sentence


async def test_a_server_that_says_nothing_in_time_is_silent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        found = await obstacle_at(f"http://127.0.0.1:{silent.getsockname()[1]}/v1", within_seconds=SOON)

    assert (found.reason, found.is_silence) == ("timeout", True)
    assert "does not answer within 0.1 s" in found.sentence


async def test_a_server_that_closes_the_connection_is_silent() -> None:
    async with server_that_sends(b"") as port:
        found = await obstacle_at(f"http://127.0.0.1:{port}/v1", within_seconds=1.0)

    assert found.reason == "unreachable"


async def test_a_port_of_another_protocol_is_no_model_server() -> None:
    async with server_that_sends(b"SSH-2.0-OpenSSH_9.2\r\n") as port:
        assert (await obstacle_at(f"http://127.0.0.1:{port}/v1")).reason == "not_http"


async def test_a_certificate_that_is_not_trusted_is_said_with_how_to_trust_it(tmp_path: Path) -> None:
    _, tls = write_certificate(tmp_path)
    async with stub_server({"/v1/models": LISTED}, tls=tls) as server:
        found = await obstacle_at(server.base_url)

    assert found.reason == "certificate"
    assert "self-signed certificate" in found.sentence
    assert "ANYCLAUDE_CA_FILE=" in found.sentence


async def test_plain_http_to_a_server_that_speaks_tls_is_recognised(tmp_path: Path) -> None:
    _, tls = write_certificate(tmp_path)
    async with server_that_sends(b"", tls=tls) as port:
        found = await obstacle_at(f"http://127.0.0.1:{port}/v1")

    assert found.reason == "speaks_tls"
    assert f"--backend-url https://127.0.0.1:{port}/v1" in found.sentence


async def test_an_alert_of_tls_is_recognised() -> None:
    async with server_that_sends(b"\x15\x03\x01\x00\x02\x02\x46") as port:
        assert (await obstacle_at(f"http://127.0.0.1:{port}/v1")).reason == "speaks_tls"


async def test_tls_to_a_server_that_speaks_plain_http_is_recognised() -> None:
    async with stub_server({"/v1/models": LISTED}) as server:
        found = await obstacle_at(server.base_url.replace("http:", "https:"))

    assert found.reason == "speaks_plain"
    assert f"--backend-url {server.base_url}" in found.sentence


async def test_a_plain_server_that_waits_for_the_end_of_a_head_is_recognised_too() -> None:
    async with raw_backend() as server:
        probing = asyncio.create_task(obstacle_at(server.base_url.replace("http:", "https:"), within_seconds=0.5))
        asked = await server.next_request()
        await asked.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

        assert (await probing).reason == "speaks_plain"

    assert (asked.method, asked.path) == ("HEAD", "/")
    assert "authorization" not in asked.headers


@pytest.mark.parametrize("name", SERVERS)
async def test_a_server_is_identified_as_its_own_kind_only(name: BackendName) -> None:
    async with stub_server(SERVERS[name]) as server:
        identified = {
            profile.name: await identify(StdlibBackend(target_at(server.base_url, profile.name)), LONG)
            for profile in PROFILES
        }

    assert [kind for kind, identity in identified.items() if identity == "yes"] == [name]


async def test_a_server_that_wants_a_key_is_identified_by_what_it_shows_to_anyone() -> None:
    refused = Answer(401, '{"error": {"message": "Invalid API Key"}}')
    listed = {"data": [{"id": "m", "owned_by": "llamacpp"}]}

    async def identity_of(documents: Documents) -> str:
        async with stub_server(documents) as server:
            return await identify(StdlibBackend(target_at(server.base_url, "llamacpp")), LONG)

    assert await identity_of({"/props": refused, "/v1/models": listed}) == "yes"
    assert await identity_of({"/props": refused, "/v1/models": refused}) == "locked"
    assert await identity_of({"/props": LOADING}) == "loading"
    assert await identity_of({}) == "no"


async def test_a_key_is_refused_although_the_models_are_listed_to_anyone() -> None:
    async with stub_server({**LLAMACPP, "/props": Answer(401, "{}")}) as server:
        found = await first_obstacle(StdlibBackend(target_at(server.base_url, "llamacpp")), LONG)

    assert found is not None
    assert found.reason == "key"
