"""`POST /v1/messages/count_tokens`."""

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.parts.gateway import QUICK, RunningGateway, running_gateway, target_at
from tests.parts.json_at import at
from tests.parts.raw_backend import RawBackend, free_port
from tests.parts.raw_client import CLAUDE_CODE, ask, connected, prompt, request

COUNT = "/v1/messages/count_tokens"


async def test_the_engine_counts_if_it_has_a_route_for_that(gateway: RunningGateway, backend: RawBackend) -> None:
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", f"{COUNT}?beta=true", prompt("Hello")))
        received = await backend.next_request()
        await received.answer(200, b'{"object": "response.input_tokens", "input_tokens": 4711}')
        response = await client.response()

    assert received.path == "/v1/chat/completions/input_tokens"
    assert at(received.json, "messages", -1, "content") == "Hello"
    assert response.json == {"input_tokens": 4711}
    assert response.headers["anyclaude-counted-by"] == "engine"


@pytest.mark.parametrize(
    ("status", "body"), [(500, b"{}"), (404, b"File Not Found"), (200, b"nonsense"), (200, b'{"other": 1}'), (200, b"")]
)
async def test_if_the_engine_does_not_count_the_answer_is_an_estimate_and_is_marked_as_one(
    gateway: RunningGateway, backend: RawBackend, status: int, body: bytes
) -> None:
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", COUNT, prompt("x" * 400)))
        await (await backend.next_request()).answer(status, body)
        response = await client.response()

    assert response.status == 200
    assert response.json == {"input_tokens": 100}
    assert response.headers["anyclaude-counted-by"] == "estimate"


@pytest.mark.parametrize("backend_name", ["llamacpp", "generic"])
async def test_if_the_engine_is_unreachable_the_answer_is_an_estimate_and_no_failure_is_counted(
    tmp_path: Path, backend_name: str
) -> None:
    target = target_at(f"http://127.0.0.1:{free_port()}/v1", "llamacpp" if backend_name == "llamacpp" else "generic")
    async with running_gateway(tmp_path, target) as gateway:
        response = await ask(gateway.base_url, "POST", COUNT, prompt("x" * 400))
        health = await ask(gateway.base_url, "GET", "/health")

    assert response.json == {"input_tokens": 100}
    assert at(health.json, "backends", 0, "circuit", "failures_in_a_row") == 0


async def test_max_tokens_may_be_omitted_but_no_other_required_field(
    gateway: RunningGateway, backend: RawBackend
) -> None:
    good = b'{"model": "x", "messages": [{"role": "user", "content": "x"}]}'
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", COUNT, good))
        await (await backend.next_request()).answer(200, b'{"input_tokens": 3}')
        counted = await client.response()
        refused = await client.ask("POST", COUNT, b'{"model": "x"}')

    assert counted.json == {"input_tokens": 3}
    assert refused.status == 400
    assert refused.error[0] == "invalid_request_error"


async def test_a_count_does_not_wait_for_running_replies(tmp_path: Path, backend: RawBackend) -> None:
    target = target_at(backend.base_url, parallel_requests=1)
    options = replace(QUICK, queue_limit=0)
    async with (
        running_gateway(tmp_path, target, options=options) as gateway,
        connected(gateway.base_url) as one,
        connected(gateway.base_url) as two,
    ):
        await one.send(request("POST", "/v1/messages", prompt()))
        await backend.next_request()
        await two.send(request("POST", COUNT, prompt()))
        await (await backend.next_request()).answer(200, b'{"input_tokens": 3}')
        response = await two.response()

    assert response.json == {"input_tokens": 3}


async def test_a_count_is_recorded_under_its_path_without_an_attempt(
    gateway: RunningGateway, backend: RawBackend
) -> None:
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", COUNT, prompt(stream=False)))
        await (await backend.next_request()).answer(200, b'{"input_tokens": 3}')
        await client.response()

    record = gateway.records()[-1]
    assert (record["path"], record["outcome"], record["status"]) == (COUNT, "completed", 200)
    assert record["attempts"] == 0
    assert record["stop_reason"] is None


async def test_fifty_equal_questions_at_once_are_one_question_to_the_engine(
    gateway: RunningGateway, backend: RawBackend
) -> None:
    """As Claude Code's editor extension asks them when it starts."""
    body = prompt("Hello")
    waiting = [asyncio.create_task(ask(gateway.base_url, "POST", COUNT, body, CLAUDE_CODE)) for _ in range(50)]
    received = await backend.next_request()
    await received.answer(200, b'{"input_tokens": 3}')
    responses = await asyncio.gather(*waiting)
    again = await ask(gateway.base_url, "POST", COUNT, body, CLAUDE_CODE)

    assert [response.json for response in (*responses, again)] == [{"input_tokens": 3}] * 51
    assert {response.headers["anyclaude-counted-by"] for response in (*responses, again)} == {"engine"}
    assert len(backend.requests) == 1


@pytest.mark.parametrize("headers", [CLAUDE_CODE, {}])
async def test_without_a_tokenizer_the_counts_that_the_model_reports_calibrate_the_estimate(
    tmp_path: Path, backend: RawBackend, headers: dict[str, str]
) -> None:
    body, other = prompt("word " * 200), prompt("word " * 400)
    async with running_gateway(tmp_path, target_at(backend.base_url, "generic")) as gateway:
        before = await ask(gateway.base_url, "POST", COUNT, body, headers)
        reply = asyncio.create_task(ask(gateway.base_url, "POST", "/v1/messages", body, headers))
        received = await (await backend.next_request()).begin()
        await received.finish(prompt_tokens=400)
        await reply
        counted, estimated = [await ask(gateway.base_url, "POST", COUNT, one, headers) for one in (body, other)]

    sources = [response.headers["anyclaude-counted-by"] for response in (before, counted, estimated)]
    assert sources == ["estimate", "calibrated", "calibrated"]
    assert [response.json for response in (before, counted, estimated)] == [
        {"input_tokens": 250},
        {"input_tokens": 400},
        {"input_tokens": 800},
    ]
