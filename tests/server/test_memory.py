"""What a gateway keeps stays within its budget, and costs nothing but speed when it is dropped."""

import gc
import json
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.parts.gateway import QUICK, RunningGateway, running_gateway, target_at
from tests.parts.json_at import at
from tests.parts.raw_backend import RawBackend, raw_backend
from tests.parts.raw_client import CLAUDE_CODE, ask, connected, request
from tests.parts.referee import judge

from anyclaude.memory_budget import MEMORY_BUDGET
from anyclaude.protocol.json_values import JsonObject

CONNECTIONS = ("anyclaude.backends.http.", "anyclaude.server.connection")

TOOL = {"name": "Read", "description": "Reads a file.", "input_schema": {"type": "object", "properties": {}}}


def turns(count: int) -> list[dict[str, object]]:
    """Return a conversation of this many turns; each later one repeats the earlier."""
    return [
        {"role": "assistant" if number % 2 else "user", "content": [{"type": "text", "text": f"{number} {'x' * 3000}"}]}
        for number in range(count)
    ]


def body(count: int, **fields: object) -> bytes:
    """Return the request of one turn of the conversation, as the client writes it."""
    whole = {"model": "m", "max_tokens": 64, "stream": True, "messages": turns(count), "tools": [TOOL], **fields}
    return json.dumps(whole, separators=(",", ":")).encode()


async def played(folder: Path, memory_bytes: int) -> tuple[list[bytes], list[list[str]], JsonObject]:
    """Play a conversation; return what the server received, what the client received, and the gateway's account."""
    options = replace(QUICK, memory_bytes=memory_bytes, prompts_folder=folder / "prompts")
    sent, received = [], []
    async with (
        raw_backend() as backend,
        running_gateway(folder, target_at(backend.base_url), options=options) as gateway,
    ):
        for count in (1, 3, 5, 7):
            async with connected(gateway.base_url) as client:
                await client.send(request("POST", "/v1/messages", body(count), CLAUDE_CODE))
                at_server = await backend.next_request()
                await at_server.reply(f"Reply {count}")
                received.append(judge((await client.response()).body).texts())
            sent.append(at_server.body)
            assert sum(kept(await account_of(gateway)).values()) <= memory_bytes
        return sent, received, await account_of(gateway)


async def account_of(gateway: RunningGateway) -> JsonObject:
    """Return the account that `/health` shows."""
    memory = at((await ask(gateway.base_url, "GET", "/health")).json, "memory")
    assert isinstance(memory, dict)
    return memory


def kept(account: JsonObject) -> dict[str, int]:
    """Return the bytes of each keeper."""
    found = account["kept_bytes"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("memory_bytes", [0, 5_000, 20_000])
async def test_prompts_and_replies_are_the_same_however_little_is_kept(tmp_path: Path, memory_bytes: int) -> None:
    all_kept = await played(tmp_path / "all", MEMORY_BUDGET)
    few_kept = await played(tmp_path / "few", memory_bytes)

    assert few_kept[:2] == all_kept[:2]
    assert all_kept[2]["dropped"] == 0
    assert int(str(few_kept[2]["dropped"])) > 0
    assert kept(all_kept[2])["turns"] > 7 * 3000


async def test_a_request_is_reserved_until_its_reply_has_ended(gateway: RunningGateway, backend: RawBackend) -> None:
    async with connected(gateway.base_url) as client:
        await client.send(request("POST", "/v1/messages", body(7)))
        at_server = await backend.next_request()
        during = await account_of(gateway)
        await at_server.reply("Hello")
        await client.response()
    after = await account_of(gateway)

    assert int(str(during["reserved_bytes"])) > 2.5 * len(body(7))
    assert after["reserved_bytes"] == 0


async def test_a_request_that_finds_no_room_is_refused_and_served_when_there_is_some(tmp_path: Path) -> None:
    options = replace(QUICK, memory_bytes=100_000)
    async with (
        raw_backend() as backend,
        running_gateway(tmp_path, target_at(backend.base_url), options=options) as gateway,
        connected(gateway.base_url) as one,
        connected(gateway.base_url) as two,
    ):
        await one.send(request("POST", "/v1/messages", body(61)))
        first = await backend.next_request()
        await two.send(request("POST", "/v1/messages", body(61)))
        refused = await two.response()
        await first.reply("Hello")
        await one.response()
        await one.send(request("POST", "/v1/messages", body(61)))
        await (await backend.next_request()).reply("Hello")
        served = await one.response()
        account = await account_of(gateway)

    assert refused.status == 529
    assert refused.error[0] == "overloaded_error"
    assert judge(served.body).texts() == ["Hello"]
    assert account["refused"] == 1


async def reply(backend: RawBackend) -> None:
    await (await backend.next_request()).reply("Hello")


async def call_a_tool(backend: RawBackend) -> None:
    await (await backend.next_request()).reply('<tool_call>{"name": "Read", "arguments": {"limit": 1}}</tool_call>')


async def refuse(backend: RawBackend) -> None:
    await (await backend.next_request()).refuse(400, "no")


async def break_off(backend: RawBackend) -> None:
    at_server = await backend.next_request()
    await at_server.begin()
    await at_server.say("Hel")
    at_server.close()
    await refuse(backend)  # the request for the rest


async def garble(backend: RawBackend) -> None:
    at_server = await backend.next_request()
    await at_server.begin()
    await at_server.say("Hel")
    await at_server.chunk(b"data: {]\n\n")
    at_server.close()
    await refuse(backend)


@pytest.mark.parametrize("stream", [True, False], ids=["streamed", "collected"])
@pytest.mark.parametrize("answer", [reply, call_a_tool, refuse, break_off, garble])
async def test_a_prompt_is_freed_when_its_exchange_has_ended(
    gateway: RunningGateway, backend: RawBackend, answer: Callable[[RawBackend], Awaitable[None]], stream: bool
) -> None:
    with cycles_kept() as found:
        async with connected(gateway.base_url) as client:
            await client.send(request("POST", "/v1/messages", body(3, stream=stream)))
            await answer(backend)
            await gateway.recorded(1)
        await account_of(gateway)  # the loop has gone round meanwhile

    assert found == []


async def test_a_request_that_is_no_message_is_freed_when_it_was_refused(gateway: RunningGateway) -> None:
    with cycles_kept() as found:
        async with connected(gateway.base_url) as client:
            await client.send(request("POST", "/v1/messages", body(3, temperature="warm")))
            await gateway.recorded(1)
        await account_of(gateway)

    assert found == []


@contextmanager
def cycles_kept() -> Generator[list[str], None, None]:
    """
    Yield a list that has, after the block, the types of ours that only a collection of cycles would free.

    Those of the connections are left out: they have no part of a prompt.
    """
    found: list[str] = []
    gc.collect()
    gc.disable()
    try:
        yield found
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
    finally:
        gc.set_debug(0)
        gc.enable()
    modules = {type(value).__name__: type(value).__module__ for value in gc.garbage}
    gc.garbage.clear()
    found += sorted(
        name
        for name, module in modules.items()
        if module.startswith("anyclaude.") and not module.startswith(CONNECTIONS)
    )
