"""The gateway over real sockets: routes, access, start and stop."""

import asyncio
import json
import re
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.parts.gateway import QUICK, RunningGateway, running_gateway, target_at
from tests.parts.raw_backend import RawBackend, free_port
from tests.parts.raw_client import ask, connected, prompt, request
from tests.parts.referee import judge

from anyclaude.errors import InvalidSetting, PortTaken
from anyclaude.observability.journal import Journal
from anyclaude.secret import Secret
from anyclaude.server import GatewayOptions, open_gateway
from anyclaude.timeouts import Timeouts

WITHOUT_RETRIES = Timeouts(retry_seconds=0.0)


@pytest.mark.parametrize("path", ["/", "/api/hello"])
@pytest.mark.parametrize("method", ["HEAD", "GET"])
async def test_connectivity_probes_get_an_empty_response(gateway: RunningGateway, method: str, path: str) -> None:
    response = await ask(gateway.base_url, method, path)

    assert response.status == 200
    assert response.body == b""
    assert response.headers["request-id"].startswith("req_")


async def test_every_response_has_a_unique_request_id(gateway: RunningGateway) -> None:
    paths = ["/health", "/v1/models", "/nowhere", "/", "/v1/messages"]

    ids = [(await ask(gateway.base_url, "GET", path)).headers["request-id"] for path in paths]

    assert len(set(ids)) == len(paths)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/complete"),
        ("POST", "/v1/messages/batches"),
        ("POST", "/v1/chat/completions"),
        ("POST", "/api/event_logging/v2/batch"),
        ("GET", "/v1/messagesX"),
        ("DELETE", "/v1/files/%FF"),
    ],
)
async def test_unknown_routes_answer_404_and_are_not_forwarded(
    gateway: RunningGateway, backend: RawBackend, method: str, path: str
) -> None:
    response = await ask(gateway.base_url, method, path, b"{}")

    assert response.status == 404
    assert response.error[0] == "not_found_error"
    assert response.headers["x-should-retry"] == "false"
    assert backend.connections == 0


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/v1/messages", "POST"),
        ("PUT", "/v1/messages/count_tokens", "POST"),
        ("POST", "/v1/models", "GET"),
        ("DELETE", "/v1/models/local-model", "GET"),
        ("POST", "/health", "GET"),
        ("POST", "/", "GET"),
    ],
)
async def test_a_wrong_method_answers_405_and_names_the_right_one(
    gateway: RunningGateway, method: str, path: str, allowed: str
) -> None:
    response = await ask(gateway.base_url, method, path, b"{}")

    kind, message = response.error
    assert response.status == 405
    assert kind == "invalid_request_error"
    assert allowed in message
    assert response.headers["x-should-retry"] == "false"


async def test_a_head_request_that_fails_has_a_status_and_no_body(gateway: RunningGateway) -> None:
    async with connected(gateway.base_url) as client:
        missing = await client.ask("HEAD", "/nowhere")
        present = await client.ask("GET", "/")

    assert missing.status == 404
    assert present.status == 200


async def test_a_query_string_does_not_change_the_route(gateway: RunningGateway, backend: RawBackend) -> None:
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", "/v1/messages?beta=true", prompt()))
        await (await backend.next_request()).reply("Hello")
        response = await client.response()

    assert response.status == 200
    assert judge(response.body).texts() == ["Hello"]


@pytest.mark.parametrize(
    "target", ["http://evil.example/health", "http://x@127.0.0.1/health", "*", "https://127.0.0.1/"]
)
async def test_the_gateway_is_no_proxy(gateway: RunningGateway, target: str) -> None:
    async with connected(gateway.base_url) as client:
        await client.send(f"OPTIONS {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        response = await client.response()

    assert response.status == 400
    assert "should be a path" in response.error[1]


async def test_a_path_that_is_not_text_is_refused_and_does_not_affect_other_requests(gateway: RunningGateway) -> None:
    async with connected(gateway.base_url) as client:
        await client.send(
            b"POST /v1/messages/count_tokens\xff HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n"
        )
        response = await client.response()

    assert response.status in {400, 404}
    assert (await ask(gateway.base_url, "GET", "/health")).status == 200


async def test_headers_that_are_not_ascii_do_not_affect_the_reply(gateway: RunningGateway, backend: RawBackend) -> None:
    odd = {"x-claude-code-session-id": "caf\xe9", "x-claude-code-agent-id": "\xff", "User-Agent": "\xfe"}
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", "/v1/messages", prompt(), odd))
        await (await backend.next_request()).reply("Hello")
        response = await client.response()

    assert judge(response.body).texts() == ["Hello"]
    assert gateway.records()[-1]["outcome"] == "completed"


async def test_replies_follow_one_another_on_one_connection(gateway: RunningGateway, backend: RawBackend) -> None:
    async with connected(gateway.base_url) as client:
        replies = []
        for text in ("one", "two", "three"):
            await client.send(request("POST", "/v1/messages", prompt()))
            await (await backend.next_request()).reply(text)
            replies.append(judge((await client.response()).body).texts())

    assert replies == [["one"], ["two"], ["three"]]


async def test_replies_run_concurrently(gateway: RunningGateway, backend: RawBackend) -> None:
    async with connected(gateway.base_url) as one, connected(gateway.base_url) as two:
        await one.send(request("POST", "/v1/messages", prompt("one")))
        first = await (await backend.next_request()).begin()
        await two.send(request("POST", "/v1/messages", prompt("two")))
        second = await (await backend.next_request()).begin()
        await second.say("second")
        await first.say("first")
        await second.finish()
        await first.finish()

        assert judge((await one.response()).body).texts() == ["first"]
        assert judge((await two.response()).body).texts() == ["second"]


async def test_a_host_that_other_machines_can_reach_requires_a_token(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match="token is required"):
        async with open_gateway(GatewayOptions(host="0.0.0.0"), (), Journal(tmp_path)):
            pass


async def test_a_gateway_that_other_machines_can_reach_checks_the_token(tmp_path: Path, backend: RawBackend) -> None:
    options = replace(QUICK, host="0.0.0.0", token=Secret("open sesame"))
    async with running_gateway(tmp_path, target_at(backend.base_url), options=options) as gateway:
        without = await ask(gateway.base_url, "GET", "/v1/models", headers={"Host": "my-laptop:49152"})
        wrong = await ask(gateway.base_url, "GET", "/v1/models", headers={"x-api-key": "open sesam"})
        bearer = await ask(gateway.base_url, "GET", "/v1/models", headers={"Authorization": "Bearer open sesame"})
        key = await ask(gateway.base_url, "GET", "/v1/models", headers={"x-api-key": "open sesame"})

    assert [without.status, wrong.status, bearer.status, key.status] == [401, 401, 200, 200]
    assert without.error[0] == "authentication_error"
    assert without.headers["x-should-retry"] == "false"
    assert b"sesame" not in without.body + wrong.body


@pytest.mark.parametrize("host", ["evil.example", "evil.example:49152", "127.0.0.1.evil.example", "", "[::2]:80"])
async def test_a_host_name_that_is_not_loopback_is_refused(gateway: RunningGateway, host: str) -> None:
    response = await ask(gateway.base_url, "GET", "/v1/models", headers={"Host": host})

    assert response.status == 403
    assert response.error[0] == "permission_error"


async def test_a_web_page_is_refused_unless_its_origin_is_allowed(tmp_path: Path, backend: RawBackend) -> None:
    options = replace(QUICK, allowed_origins=frozenset({"http://localhost:3000"}))
    async with running_gateway(tmp_path, target_at(backend.base_url), options=options) as gateway:
        allowed = await ask(gateway.base_url, "GET", "/v1/models", headers={"Origin": "http://localhost:3000"})
        other = await ask(gateway.base_url, "GET", "/v1/models", headers={"Origin": "http://localhost:3001"})

    assert allowed.status == 200
    assert other.status == 403
    assert "ANYCLAUDE_ALLOWED_ORIGINS" in other.error[1]


async def test_the_keys_of_backends_are_never_shown(tmp_path: Path, backend: RawBackend) -> None:
    port = free_port()
    unreachable = target_at(f"http://user:hunter2@127.0.0.1:{port}/v1")
    target = replace(unreachable, api_key=Secret("sk-private-key"))
    async with running_gateway(tmp_path, target, options=replace(QUICK, timeouts=WITHOUT_RETRIES)) as gateway:
        failed = await ask(gateway.base_url, "POST", "/v1/messages", prompt())
        health = await ask(gateway.base_url, "GET", "/health")
        shown = failed.body + health.body + json.dumps(gateway.records()).encode() + repr(target).encode()

    assert failed.status == 503
    assert str(port).encode() in failed.body
    assert not re.search(rb"hunter2|sk-private", shown)


async def test_a_taken_port_is_an_error_that_names_the_flag(tmp_path: Path, gateway: RunningGateway) -> None:
    port = gateway.gateway.port

    with pytest.raises(PortTaken, match=rf"127\.0\.0\.1 port {port}: .*--port"):
        async with open_gateway(GatewayOptions(port=port), (), Journal(tmp_path)):
            pass


async def test_the_base_url_reaches_the_gateway(tmp_path: Path, backend: RawBackend) -> None:
    options = replace(QUICK, host="::1")
    async with running_gateway(tmp_path, target_at(backend.base_url), options=options) as gateway:
        response = await ask(gateway.base_url, "GET", "/health", headers={"Host": f"[::1]:{gateway.gateway.port}"})

    assert gateway.base_url.startswith("http://[::1]:")
    assert response.status == 200


async def test_a_running_reply_is_completed_when_the_gateway_stops(tmp_path: Path, backend: RawBackend) -> None:
    options = replace(QUICK, grace_seconds=60.0)
    async with (
        running_gateway(tmp_path, target_at(backend.base_url), options=options) as gateway,
        connected(gateway.base_url) as client,
        connected(gateway.base_url) as idle,
    ):
        await idle.ask("GET", "/health")
        await client.send(request("POST", "/v1/messages", prompt()))
        received = await (await backend.next_request()).begin()
        await received.say("Hel")
        await client.head()
        await client.events_until("content_block_delta")
        stopping = asyncio.ensure_future(gateway.stop())
        assert await idle.read_until_closed() == b""
        with pytest.raises(ConnectionRefusedError):
            await ask(gateway.base_url, "GET", "/health")
        await received.say("lo")
        await received.finish()
        events = await client.events_until("message_stop")
        await stopping

    assert events[0]["delta"] == {"type": "text_delta", "text": "lo"}
    assert gateway.records()[-1]["outcome"] == "completed"


async def test_a_reply_still_running_after_the_grace_period_is_cut_off_and_recorded_as_failed(
    tmp_path: Path, backend: RawBackend
) -> None:
    options = replace(QUICK, grace_seconds=0.02)
    async with (
        running_gateway(tmp_path, target_at(backend.base_url), options=options) as gateway,
        connected(gateway.base_url) as client,
    ):
        await client.send(request("POST", "/v1/messages", prompt()))
        received = await (await backend.next_request()).begin()
        await received.say("Hel")
        await client.head()
        await client.events_until("content_block_delta")
        await gateway.stop()
        rest = await client.read_until_closed()
        await received.wait_closed()

    assert b"message_stop" not in rest
    assert b"event: error" in rest
    record = gateway.records()[-1]
    assert record["outcome"] == "failed"
    assert record["error"] == {
        "type": "overloaded_error",
        "message": "the gateway was stopped before the reply was complete",
    }


async def test_a_pending_reply_is_abandoned_when_the_gateway_stops(tmp_path: Path, backend: RawBackend) -> None:
    options = replace(QUICK, grace_seconds=0.02)
    async with (
        running_gateway(tmp_path, target_at(backend.base_url), options=options) as gateway,
        connected(gateway.base_url) as client,
    ):
        await client.send(request("POST", "/v1/messages", prompt()))
        received = await backend.next_request()
        await gateway.stop()
        await received.wait_closed()


async def test_a_stopped_gateway_leaves_no_tasks(tmp_path: Path, backend: RawBackend) -> None:
    before = asyncio.all_tasks()
    async with (
        running_gateway(tmp_path, target_at(backend.base_url)) as gateway,
        connected(gateway.base_url) as client,
    ):
        await client.send(request("POST", "/v1/messages", prompt()))
        await (await backend.next_request()).reply("Hello")
        await client.response()
    await backend.stop()

    assert asyncio.all_tasks() - before == set()


async def test_only_exchanges_with_a_model_are_recorded(gateway: RunningGateway) -> None:
    await ask(gateway.base_url, "HEAD", "/")
    await ask(gateway.base_url, "GET", "/health")
    await ask(gateway.base_url, "GET", "/v1/models")
    await ask(gateway.base_url, "POST", "/v1/messages", b"{")

    assert [record["path"] for record in gateway.records()] == ["/v1/messages"]
