"""What goes wrong between a gateway and a real server: limits, cuts, late starts, and clients that leave."""

import asyncio
from pathlib import Path

import aiohttp
import pytest
from anthropic import BadRequestError
from tests.parts.raw_backend import free_port
from tests.sdk.clients import async_client

from .asking import EXACT, HELLO, MODEL, ask, said, story
from .cut_connection import cut_connection
from .played import Played, on_server, on_servers, skip_unless_installed, tiny_model_for
from .running import (
    RunningServer,
    gateway_words,
    running_gateway,
    running_server,
    started_server,
    status_of,
    wait_for_ok,
)
from .servers import SERVERS, server_named

PATIENCE_SECONDS = 120.0


@on_servers("overflow")
async def test_a_prompt_beyond_the_window_is_refused_in_the_words_on_which_claude_code_compacts(played: Played) -> None:
    tokens = (played.server.context_tokens or 131_072) + 100
    async with played.client() as client:
        with pytest.raises(BadRequestError) as refused:
            await ask(client, [{"role": "user", "content": "river " * tokens}], 2)

    assert "prompt is too long" in refused.value.message


@on_servers("cancel")
async def test_a_client_that_leaves_ends_the_reply_of_the_server(played: Played, tmp_path: Path) -> None:
    server, model = played.server, played.running.model_file
    async with (
        asyncio.timeout(PATIENCE_SECONDS),
        cut_connection(played.running.port, stream_bytes=4_000, holds=True) as connection,
        running_gateway(tmp_path, *gateway_words(RunningServer(server, model, connection.port))) as gateway,
        async_client(gateway.base_url) as client,
    ):
        async with client.messages.stream(
            model=MODEL, max_tokens=4_000, messages=[story("Tell", 3)], extra_body=EXACT
        ) as stream:
            async for _ in stream.text_stream:
                break
        await connection.gateway_left.wait()
        message = await ask(client, HELLO, 4)

    assert message.usage.output_tokens == 4
    assert said(message)


@pytest.mark.parametrize("name", [on_server(server.name, "continuation") for server in SERVERS])
async def test_a_reply_that_breaks_off_is_whole_for_the_client(name: str, tmp_path: Path) -> None:
    server = server_named(name)
    skip_unless_installed(server)
    model = await tiny_model_for(server)
    async with (
        running_server(server, model, tmp_path / "server.txt") as running,
        cut_connection(running.port, stream_bytes=4_000) as cut,
        running_gateway(tmp_path, *gateway_words(RunningServer(server, model, cut.port))) as gateway,
        async_client(gateway.base_url) as client,
    ):
        async with client.messages.stream(model=MODEL, max_tokens=40, messages=HELLO, extra_body=EXACT) as stream:
            broken = await stream.get_final_message()
        whole = await ask(client, HELLO, 40)

    assert cut.has_cut
    assert (said(broken), broken.stop_reason) == (said(whole), "max_tokens")


@pytest.mark.parametrize("name", [on_server(server.name, "loading") for server in SERVERS])
async def test_a_server_that_starts_after_the_gateway_is_waited_for(name: str, tmp_path: Path) -> None:
    server = server_named(name)
    skip_unless_installed(server)
    late = RunningServer(server, await tiny_model_for(server), free_port())
    async with running_gateway(tmp_path, *gateway_words(late)) as gateway, async_client(gateway.base_url) as client:
        async with aiohttp.ClientSession() as session:
            early = await status_of(session, f"{gateway.base_url}/health/ready")
        async with started_server(server, late.model_file, tmp_path / "server.txt", port=late.port):
            await wait_for_ok(f"{gateway.base_url}/health/ready", server.start_seconds)
            message = await ask(client, HELLO, 4)

    assert early == 503
    assert said(message)
