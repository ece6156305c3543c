"""`GET /health`: circuits, queues and fallbacks."""

from pathlib import Path

from msgspec.structs import replace
from tests.parts.gateway import QUICK, RunningGateway, running_gateway, target_at
from tests.parts.json_at import at
from tests.parts.manual_clock import ManualClock
from tests.parts.raw_backend import RawBackend, free_port, raw_backend
from tests.parts.raw_client import Response, ask, connected, prompt, request
from tests.parts.referee import judge

from anyclaude.exchange import Clock
from anyclaude.timeouts import Timeouts

WITHOUT_RETRIES = replace(QUICK, timeouts=Timeouts(retry_seconds=0.0, fallback_seconds=0.0))


async def health_of(gateway: RunningGateway) -> Response:
    return await ask(gateway.base_url, "GET", "/health")


async def test_an_idle_gateway_is_ok(gateway: RunningGateway, backend: RawBackend) -> None:
    health = (await health_of(gateway)).json

    assert health["status"] == "ok"
    assert at(health, "backends", 0, "url") == backend.base_url
    assert at(health, "backends", 0, "model") == "local-model"
    assert at(health, "backends", 0, "circuit", "state") == "closed"
    assert at(health, "journal") == {"lost_records": 0, "last_failure": None}


async def test_running_and_waiting_requests_are_counted(tmp_path: Path, backend: RawBackend) -> None:
    target = target_at(backend.base_url, parallel_requests=1)
    async with (
        running_gateway(tmp_path, target) as gateway,
        connected(gateway.base_url) as one,
    ):
        await one.send(request("POST", "/v1/messages", prompt()))
        received = await backend.next_request()
        busy = (await health_of(gateway)).json
        await received.reply("Hello")
        await one.response()
        idle = (await health_of(gateway)).json

    assert (at(busy, "backends", 0, "running"), at(busy, "backends", 0, "waiting")) == (1, 0)
    assert at(idle, "backends", 0, "running") == 0


async def test_an_open_circuit_refuses_requests_and_is_shown_until_a_trial_succeeds(tmp_path: Path) -> None:
    clock = ManualClock()
    target = target_at(f"http://127.0.0.1:{free_port()}/v1")
    async with running_gateway(
        tmp_path, target, options=WITHOUT_RETRIES, clock=Clock(seconds=clock.seconds, sleep=clock.sleep)
    ) as gateway:
        refused = [await ask(gateway.base_url, "POST", "/v1/messages", prompt()) for _ in range(6)]
        opened = (await health_of(gateway)).json
        clock.time += 15.0
        rested = (await health_of(gateway)).json
        async with raw_backend(at_port_of(target.base_url)) as backend, connected(gateway.base_url) as client:
            await client.send(request("POST", "/v1/messages", prompt()))
            await (await backend.next_request()).reply("Hello")
            served = await client.response()
        closed = (await health_of(gateway)).json

    assert [response.status for response in refused] == [503] * 5 + [529]
    assert refused[-1].error[0] == "overloaded_error"
    assert refused[-1].headers["retry-after"] == "15"
    assert refused[-1].headers["x-should-retry"] == "true"
    assert opened["status"] == "degraded"
    assert at(opened, "backends", 0, "circuit") == {"state": "open", "failures_in_a_row": 5}
    assert at(rested, "backends", 0, "circuit", "state") == "half_open"
    assert judge(served.body).outcome == "whole"
    assert at(closed, "backends", 0, "circuit", "state") == "closed"


async def test_a_backend_that_starts_within_the_retries_serves_the_request(tmp_path: Path) -> None:
    clock = ManualClock()
    target = target_at(f"http://127.0.0.1:{free_port()}/v1")
    late = RawBackend(at_port_of(target.base_url))

    async def sleep(seconds: float) -> None:
        await clock.sleep(seconds)
        if len(clock.sleeps) == 3:
            await late.start()

    async with (
        running_gateway(tmp_path, target, clock=Clock(seconds=clock.seconds, sleep=sleep)) as gateway,
        connected(gateway.base_url) as client,
    ):
        await client.send(request("POST", "/v1/messages", prompt()))
        await (await late.next_request()).refuse(503, "Loading model")
        await (await late.next_request()).reply("Hello")
        response = await client.response()
        record = gateway.records()[-1]
        await late.stop()

    assert judge(response.body).texts() == ["Hello"]
    assert record["attempts"] == 5
    assert record["outcome"] == "completed"


async def test_a_fallback_releases_the_first_backend_and_is_recorded(tmp_path: Path, backend: RawBackend) -> None:
    options = replace(WITHOUT_RETRIES, timeouts=Timeouts(first_byte_seconds=0.05, fallback_seconds=0.0))
    async with (
        raw_backend() as second,
        running_gateway(
            tmp_path, target_at(backend.base_url), target_at(second.base_url, "vllm"), options=options
        ) as gateway,
        connected(gateway.base_url) as client,
    ):
        await client.send(request("POST", "/v1/messages", prompt()))
        silent = await backend.next_request()
        await silent.wait_closed()
        await (await second.next_request()).reply("Hello")
        response = await client.response()
        record = gateway.records()[-1]

    assert judge(response.body).texts() == ["Hello"]
    assert record["route"] == "vllm/local-model"
    assert record["attempts"] == 2
    assert at(record, "passed_over", 0, "backend") == "llamacpp"
    assert "sent nothing for" in str(at(record, "passed_over", 0, "reason"))


async def test_a_gateway_with_one_usable_backend_is_ok(tmp_path: Path, backend: RawBackend) -> None:
    clock = ManualClock()
    down = target_at(f"http://127.0.0.1:{free_port()}/v1")
    async with (
        running_gateway(
            tmp_path, down, target_at(backend.base_url), options=WITHOUT_RETRIES, clock=Clock(seconds=clock.seconds)
        ) as gateway,
        connected(gateway.base_url) as client,
    ):
        for _ in range(5):
            await client.send(request("POST", "/v1/messages", prompt()))
            await (await backend.next_request()).reply("Hello")
            await client.response()
        health = (await health_of(gateway)).json

    assert health["status"] == "ok"
    assert at(health, "backends", 0, "circuit", "state") == "open"
    assert at(health, "backends", 1, "circuit", "state") == "closed"


async def test_lost_records_are_counted_and_the_reply_is_not_affected(tmp_path: Path, backend: RawBackend) -> None:
    (tmp_path / "request-logs").write_text("not a folder")
    async with (
        running_gateway(tmp_path, target_at(backend.base_url)) as gateway,
        connected(gateway.base_url) as client,
    ):
        await client.send(request("POST", "/v1/messages", prompt()))
        await (await backend.next_request()).reply("Hello")
        response = await client.response()
        health = (await health_of(gateway)).json

    assert judge(response.body).texts() == ["Hello"]
    assert at(health, "journal", "lost_records") == 1
    assert "request-logs" in str(at(health, "journal", "last_failure"))


def at_port_of(base_url: str) -> int:
    return int(base_url.removesuffix("/v1").rpartition(":")[2])
