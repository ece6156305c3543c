"""The capabilities of servers that no registry has, on servers scripted from their documentation."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet
from anthropic import AsyncAnthropic, BadRequestError
from anthropic.types import ToolChoiceParam
from tests.parts.processes import LONG_SECONDS
from tests.sdk.clients import async_client

from anyclaude.protocol.json_values import JsonObject

from .asking import HELLO, READ, ask, said
from .capabilities import CapabilityName
from .cut_connection import cut_connection
from .played import backend_of
from .running import RunningGateway, running_gateway
from .scripted_kinds import KINDS, REAL_KINDS, VLLM_KIND, ScriptedKind, kind_titled
from .scripted_server import CACHED_TOKENS, CALL, COMPLETION_TOKENS, PROMPT_TOKENS, ScriptedServer, scripted_server

TEXT: list[JsonObject] = [{"role": "assistant", "content": "Good "}, {"content": "day."}]


ENFORCE_SCHEMAS_ONLY = {"LM Studio", "Ollama"}
"""The kinds that take `tool_choice` for a wish, or have none."""

CALL_OBJECT = '{"name": "read_file", "arguments": {"place": "/tmp"}}'


def on_kinds(*capabilities: CapabilityName, kinds: tuple[ScriptedKind, ...] = KINDS) -> pytest.MarkDecorator:
    """Play a test on every scripted kind that is not excused."""
    chosen = [kind.title for kind in kinds if not set(capabilities).intersection(kind.cannot)]
    return pytest.mark.parametrize("title", [on_kind(title, *capabilities) for title in chosen])


def on_kind(title: str, *capabilities: CapabilityName) -> ParameterSet:
    """Return a parameter of a test that shows capabilities of a scripted kind."""
    marks = [pytest.mark.capability(title, name, "scripted") for name in capabilities]
    return pytest.param(title, marks=marks, id=title)


@asynccontextmanager
async def serving(
    title: str, folder: Path, *deltas: JsonObject, finish_reason: str | None = "stop"
) -> AsyncIterator[tuple[ScriptedServer, RunningGateway, AsyncAnthropic]]:
    """Run a scripted server, a gateway and a client."""
    kind = kind_titled(title)
    async with (
        scripted_server(kind, *deltas, finish_reason=finish_reason) as server,
        running_gateway(folder, "--backend-url", server.origin, *kind.words) as gateway,
        async_client(gateway.base_url) as client,
    ):
        yield server, gateway, client


@on_kinds("found", "model")
async def test_a_server_is_found_with_its_loaded_model(title: str, tmp_path: Path) -> None:
    async with serving(title, tmp_path) as (server, gateway, _):
        backend = await backend_of(gateway)

    assert (backend["name"], backend["model"]) == (server.kind.kind, server.kind.model)


@on_kinds("window")
async def test_the_window_is_known(title: str, tmp_path: Path) -> None:
    async with serving(title, tmp_path) as (server, gateway, _):
        assert (await backend_of(gateway))["context_tokens"] == server.kind.context_tokens


@on_kinds("text")
async def test_text_is_passed_on_with_its_counts(title: str, tmp_path: Path) -> None:
    async with serving(title, tmp_path, *TEXT) as (_, _, client):
        message = await ask(client, HELLO, 9)

    assert (said(message), message.stop_reason) == ("Good day.", "end_turn")
    assert message.usage.input_tokens + (message.usage.cache_read_input_tokens or 0) == PROMPT_TOKENS
    assert message.usage.output_tokens == COMPLETION_TOKENS


@on_kinds("cached_tokens")
async def test_cached_tokens_are_reported(title: str, tmp_path: Path) -> None:
    async with serving(title, tmp_path, *TEXT) as (_, _, client):
        message = await ask(client, HELLO, 9)

    assert message.usage.cache_read_input_tokens == CACHED_TOKENS
    assert message.usage.input_tokens == PROMPT_TOKENS - CACHED_TOKENS


@on_kinds("native_call", kinds=(*KINDS, VLLM_KIND))
async def test_a_call_of_the_server_is_a_call_for_the_client(title: str, tmp_path: Path) -> None:
    begun: JsonObject = {"tool_calls": [{**CALL, "function": {"name": "read_file", "arguments": ""}}]}
    rest: JsonObject = {"tool_calls": [{"index": 0, "function": {"arguments": '{"place": "/tmp"}'}}]}
    async with serving(title, tmp_path, begun, rest, finish_reason="tool_calls") as (_, _, client):
        message = await ask(client, HELLO, 9, tools=[READ])

    (block,) = message.content
    assert block.type == "tool_use"
    assert (block.name, block.input, message.stop_reason) == ("read_file", {"place": "/tmp"}, "tool_use")


@on_kinds("written_call", kinds=(*KINDS, *REAL_KINDS))
async def test_a_call_written_as_text_is_recognised(title: str, tmp_path: Path) -> None:
    written: JsonObject = {
        "content": '<tool_call>\n{"name": "read_file", "arguments": {"place": "/tmp"}}\n</tool_call>'
    }
    async with serving(title, tmp_path, written) as (_, _, client):
        message = await ask(client, HELLO, 9, tools=[READ])

    (block,) = message.content
    assert block.type == "tool_use"
    assert (block.name, block.input, message.stop_reason) == ("read_file", {"place": "/tmp"}, "tool_use")


@on_kinds("choice_any", "choice_named")
@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "read_file"}])
async def test_a_call_is_forced_in_the_way_that_the_server_enforces(
    title: str, choice: ToolChoiceParam, tmp_path: Path
) -> None:
    begun: JsonObject = {"tool_calls": [{**CALL, "function": {"name": "read_file", "arguments": ""}}]}
    rest: JsonObject = {"tool_calls": [{"index": 0, "function": {"arguments": '{"place": "/tmp"}'}}]}
    async with serving(title, tmp_path, begun, rest, finish_reason="stop") as (server, _, client):
        server.forced.append({"content": CALL_OBJECT})
        message = await ask(client, HELLO, 9, tools=[READ], choice=choice)

    (block,) = message.content
    assert block.type == "tool_use"
    assert (block.name, block.input, message.stop_reason) == ("read_file", {"place": "/tmp"}, "tool_use")
    assert ("response_format" in server.bodies[-1]) == (title in ENFORCE_SCHEMAS_ONLY)


@on_kinds("reasoning", kinds=(*KINDS, *REAL_KINDS))
async def test_reasoning_is_a_thinking_block(title: str, tmp_path: Path) -> None:
    thought: JsonObject = {kind_titled(title).reasoning_field: "Let me see."}
    async with serving(title, tmp_path, thought, *TEXT) as (_, _, client):
        message = await ask(client, HELLO, 9)

    thinking, text = message.content
    assert thinking.type == "thinking"
    assert (thinking.thinking, said(message), text.type) == ("Let me see.", "Good day.", "text")


@on_kinds("overflow")
async def test_a_prompt_beyond_the_window_is_refused_in_the_words_on_which_claude_code_compacts(
    title: str, tmp_path: Path
) -> None:
    async with serving(title, tmp_path, *TEXT) as (server, _, client):
        with pytest.raises(BadRequestError) as refused:
            await ask(client, [{"role": "user", "content": "river " * server.kind.context_tokens}], 9)

    assert "prompt is too long" in refused.value.message


@on_kinds("count_tokens")
async def test_tokens_are_estimated_and_the_estimate_says_so(title: str, tmp_path: Path) -> None:
    async with serving(title, tmp_path, *TEXT) as (_, _, client):
        response = await client.messages.with_raw_response.count_tokens(model="m", messages=HELLO)

    assert response.headers["anyclaude-counted-by"] == "estimate"
    assert (await response.parse()).input_tokens > 0


@on_kinds("continuation")
async def test_a_reply_that_breaks_off_is_whole_for_the_client(title: str, tmp_path: Path) -> None:
    kind = kind_titled(title)
    words: list[JsonObject] = [{"content": f"word {number} "} for number in range(60)]
    async with (
        scripted_server(kind, *words) as server,
        cut_connection(int(server.origin.rpartition(":")[2]), stream_bytes=4_000) as cut,
        running_gateway(tmp_path, "--backend-url", cut.origin, *kind.words) as gateway,
        async_client(gateway.base_url) as client,
        client.messages.stream(model="m", max_tokens=200, messages=HELLO) as stream,
    ):
        message = await stream.get_final_message()

    assert cut.has_cut
    assert said(message) == "".join(str(word["content"]) for word in words)
    assert message.stop_reason == "end_turn"


@on_kinds("cancel")
async def test_a_client_that_leaves_closes_the_servers_connection(title: str, tmp_path: Path) -> None:
    async with serving(title, tmp_path, *TEXT, finish_reason=None) as (server, _, client):
        async with client.messages.stream(model="m", max_tokens=200, messages=HELLO) as stream:
            async for _ in stream.text_stream:
                break
        async with asyncio.timeout(LONG_SECONDS):
            await server.left.wait()

    assert len(server.bodies) == 1
