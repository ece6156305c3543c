"""Evaluating the predicted prompt in advance, and the priority of requests over it."""

from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace
from tests.parts.exchange_events import ended
from tests.parts.fake_backend import FakeBackend
from tests.parts.gateway import QUICK, RunningGateway, running_gateway, target_at
from tests.parts.json_at import at
from tests.parts.raw_backend import RawBackend, ReceivedRequest
from tests.parts.raw_client import ask, connected
from tests.parts.referee import judge
from tests.parts.sessions import ENVIRONMENT, REMINDER, first_request, prewarm_status, send
from tests.parts.upstreams import upstream_of

from anyclaude.exchange import REAL_TIME, Caller, ConversationMemory, ExchangeListener, ExchangeLog, PromptPipeline
from anyclaude.prewarm import FirstPromptOptions, LaunchKey, PrewarmOptions
from anyclaude.prewarm.first_prompt import FirstPrompt, first_prompt_of
from anyclaude.prewarm.first_prompt_store import FirstPromptStore
from anyclaude.prewarm.prompt_prewarmer import PromptPrewarmer
from anyclaude.protocol.messages_request import decode_request
from anyclaude.scheduling import Requester
from anyclaude.server import GatewayOptions
from anyclaude.transforms import PromptContext

GARDEN = LaunchKey("/garden")


def prewarming(folder: Path, launch_key: LaunchKey | None = GARDEN) -> GatewayOptions:
    prompt = FirstPromptOptions(folder / "first-prompts", launch_key)
    return replace(QUICK, prewarm=PrewarmOptions(first_prompt=prompt))


async def converse(
    gateway: RunningGateway,
    backend: RawBackend,
    body: bytes,
    headers: Mapping[str, str] | None = None,
    session: str = "session-1",
) -> None:
    """Have one exchange, from the client's first byte to its last."""
    async with connected(gateway.base_url) as client:
        await send(client, body, session, headers)
        await (await backend.next_request()).reply("Hello")
        await client.response()


async def recorded(folder: Path, backend: RawBackend, body: bytes, headers: Mapping[str, str] | None = None) -> None:
    """Record a session that begins with `body`."""
    async with running_gateway(folder, target_at(backend.base_url), options=prewarming(folder)) as gateway:
        await converse(gateway, backend, body, headers)


def messages_of(received: ReceivedRequest) -> str:
    return str(received.json["messages"])


async def test_the_next_run_evaluates_the_first_prompt_of_the_last_session_without_the_users_words(
    tmp_path: Path, backend: RawBackend
) -> None:
    await recorded(tmp_path, backend, first_request("Pull the weeds"))
    async with running_gateway(tmp_path, target_at(backend.base_url), options=prewarming(tmp_path)) as gateway:
        received = await backend.next_request()
        await received.reply("H")
        record = await gateway.recorded(2)
        state = (await prewarm_status(gateway))["warm_up"]

    assert received.json["max_tokens"] == 1
    assert REMINDER.strip() in messages_of(received).replace("\\n", "\n")
    assert ENVIRONMENT in messages_of(received)
    assert "weeds" not in messages_of(received)
    assert received.json["tools"]
    assert (record["request_class"], record["outcome"], record["session"]) == ("warm_up", "completed", None)
    assert at(record, "usage", "input_tokens") == 12
    assert state == "completed"


async def test_without_a_recorded_prompt_nothing_is_evaluated(tmp_path: Path, backend: RawBackend) -> None:
    async with running_gateway(tmp_path, target_at(backend.base_url), options=prewarming(tmp_path)) as gateway:
        while (state := (await prewarm_status(gateway))["warm_up"]) == "waiting":
            pass  # the store is read in a thread; the prompt of the conversation is in it afterwards
        await converse(gateway, backend, first_request("Pull the weeds"))

    assert len(backend.requests) == 1
    assert state == "nothing to evaluate"


async def test_a_request_preempts_the_evaluation_at_once(tmp_path: Path, backend: RawBackend) -> None:
    await recorded(tmp_path, backend, first_request("Pull the weeds"))
    target = target_at(backend.base_url, parallel_requests=1)
    async with running_gateway(tmp_path, target, options=prewarming(tmp_path)) as gateway:
        warm_up = await backend.next_request()
        async with connected(gateway.base_url) as client:
            await send(client, first_request("Water the roses"), "session-2")
            real = await backend.next_request()
            await warm_up.wait_closed()
            await real.reply("Hello")
            response = await client.response()
        await gateway.recorded(3)
        state = (await prewarm_status(gateway))["warm_up"]

    outcomes = {record["request_class"]: record["outcome"] for record in gateway.records()[1:]}
    assert "roses" in messages_of(real)
    assert judge(response.body).outcome == "whole"
    assert outcomes == {"warm_up": "pre_empted", "unknown": "completed"}
    assert state == "pre_empted"


async def test_once_a_session_has_begun_nothing_is_evaluated_in_advance(tmp_path: Path) -> None:
    """The evaluation would evict the session from the engine's slot."""
    fake, body = FakeBackend(target_at("http://fake/v1")), first_request("Pull the weeds")
    upstream, store = upstream_of(fake), FirstPromptStore(tmp_path)
    prompt = first_prompt_of(decode_request(body), GARDEN)
    assert prompt is not None
    store.keep(prompt)

    def new_log(caller: Caller) -> ExchangeLog:
        return ExchangeLog("req_1", "/v1/messages", caller, REAL_TIME, ExchangeListener())

    pipeline = PromptPipeline(ConversationMemory(), PromptContext())
    first, second = (PromptPrewarmer(store, GARDEN, upstream, pipeline, REAL_TIME) for _ in range(2))
    async with upstream.admission.turn(Requester("another conversation")):
        await first.evaluate(new_log, 1.0)
    second.exchange_ended(ended(decode_request(body)))
    await second.evaluate(new_log, 1.0)

    assert (first.state, second.state) == ("pre_empted", "pre_empted")
    assert fake.requests == []


async def test_a_failed_evaluation_does_not_affect_requests(tmp_path: Path, backend: RawBackend) -> None:
    await recorded(tmp_path, backend, first_request("Pull the weeds"))
    async with running_gateway(tmp_path, target_at(backend.base_url), options=prewarming(tmp_path)) as gateway:
        (await backend.next_request()).reset()
        record = await gateway.recorded(2)
        health = (await ask(gateway.base_url, "GET", "/health")).json
        await converse(gateway, backend, first_request("Water the roses"), session="session-2")

    assert record["outcome"] == "failed"
    assert at(health, "warmth", "warm_up") == "failed"
    assert at(health, "backends", 0, "circuit", "failures_in_a_row") == 0


async def test_a_stopping_gateway_cancels_the_evaluation(tmp_path: Path, backend: RawBackend) -> None:
    await recorded(tmp_path, backend, first_request("Pull the weeds"))
    async with running_gateway(tmp_path, target_at(backend.base_url), options=prewarming(tmp_path)):
        received = await backend.next_request()

    await received.wait_closed()


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (first_request("Look around"), {"x-claude-code-agent-id": "a1"}),
        (first_request("Look around"), {"x-claude-code-request-class": "subagent"}),
        (first_request("Find a title"), {"x-claude-code-request-class": "auxiliary"}),
        (first_request("Find a title", tools=[]), {}),
    ],
)
async def test_only_main_conversations_are_recorded(
    tmp_path: Path, backend: RawBackend, body: bytes, headers: dict[str, str]
) -> None:
    await recorded(tmp_path, backend, body, headers)

    assert not (tmp_path / "first-prompts").exists()


@pytest.mark.moves_prefix(reason="the client rewrites its instructions in the middle of a session")
async def test_only_the_first_prompt_of_a_session_is_recorded(tmp_path: Path, backend: RawBackend) -> None:
    async with running_gateway(tmp_path, target_at(backend.base_url), options=prewarming(tmp_path)) as gateway:
        await converse(gateway, backend, first_request("Pull the weeds", system="first"))
        await converse(gateway, backend, first_request("Water the roses", system="second"))
    (file,) = (tmp_path / "first-prompts").iterdir()

    assert b'"first"' in file.read_bytes()
    assert b'"second"' not in file.read_bytes()


async def test_without_a_launch_key_the_last_recorded_prompt_is_evaluated(tmp_path: Path, backend: RawBackend) -> None:
    await recorded(tmp_path, backend, first_request("Pull the weeds"))
    options = prewarming(tmp_path, None)
    async with running_gateway(tmp_path, target_at(backend.base_url), options=options):
        received = await backend.next_request()

    assert ENVIRONMENT in messages_of(received)


async def test_in_another_project_only_what_all_projects_share_is_evaluated(
    tmp_path: Path, backend: RawBackend
) -> None:
    await recorded(tmp_path, backend, first_request("Pull the weeds"))
    options = prewarming(tmp_path, LaunchKey("/kitchen"))
    async with running_gateway(tmp_path, target_at(backend.base_url), options=options):
        received = await backend.next_request()

    assert received.json["tools"]
    assert "You help." in messages_of(received)
    assert "garden" not in messages_of(received)
    assert "Be kind." not in messages_of(received)


async def test_a_prompt_that_exceeds_the_window_is_passed_over_for_a_shorter_beginning(
    tmp_path: Path, backend: RawBackend
) -> None:
    kitchen = LaunchKey("/kitchen")
    await recorded(tmp_path, backend, first_request("Pull the weeds"))
    store = FirstPromptStore(tmp_path / "first-prompts")
    long = first_prompt_of(decode_request(first_request("Cook", system="Cook well. " * 1_000)), kitchen)
    assert long is not None
    store.keep(long)
    target = replace(target_at(backend.base_url), context_tokens=2_000)
    async with running_gateway(tmp_path, target, options=prewarming(tmp_path, kitchen)):
        received = await backend.next_request()

    assert "Cook well." not in messages_of(received)
    assert "You help." in messages_of(received)


async def test_a_record_that_is_damaged_inside_is_passed_over(tmp_path: Path, backend: RawBackend) -> None:
    await recorded(tmp_path, backend, first_request("Pull the weeds"))
    kitchen = LaunchKey("/kitchen")
    FirstPromptStore(tmp_path / "first-prompts").keep(FirstPrompt(kitchen, msgspec.Raw(b'{"model": 1}')))
    async with running_gateway(tmp_path, target_at(backend.base_url), options=prewarming(tmp_path, kitchen)):
        received = await backend.next_request()

    assert "You help." in messages_of(received)


async def test_a_recorded_prompt_is_prepared_by_the_steps_of_this_run(tmp_path: Path, backend: RawBackend) -> None:
    await recorded(tmp_path, backend, first_request("Pull the weeds"))
    options = replace(prewarming(tmp_path), allowed_tools=frozenset({"Write"}))
    async with running_gateway(tmp_path, target_at(backend.base_url), options=options):
        received = await backend.next_request()

    assert not received.json.get("tools")
