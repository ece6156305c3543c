"""`anyclaude serve`: the gateway alone."""

import asyncio

from tests.cli.test_start import answers
from tests.parts.command import Command
from tests.parts.processes import LONG_SECONDS
from tests.parts.raw_backend import free_port


async def test_serve_prints_its_address_and_variables_and_stops_at_a_signal(command: Command) -> None:
    async with command.started("serve", "--port", "0") as process:
        assert process.stdout is not None
        async with asyncio.timeout(LONG_SECONDS):
            first = (await process.stdout.readline()).decode()
            exports = [(await process.stdout.readline()).decode().strip() for _ in range(2)]
        url = first.split()[3]
        alive = await answers(url)
        process.terminate()

        assert alive
        assert exports[1] == f"export ANTHROPIC_BASE_URL={url}"
        async with asyncio.timeout(LONG_SECONDS):
            assert await process.wait() == 0
        assert not await answers(url)


async def test_serve_listens_while_its_server_is_down_and_stops_at_a_signal(command: Command) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    async with command.started("serve", "--port", "0", ANYCLAUDE_BACKEND_URL=nowhere) as process:
        assert process.stdout is not None
        async with asyncio.timeout(LONG_SECONDS):
            first = (await process.stdout.readline()).decode()
        url = first.split()[3]
        alive = await answers(url)
        process.terminate()
        async with asyncio.timeout(LONG_SECONDS):
            status = await process.wait()

    assert f" and waits for its server: an OpenAI-compatible server at {nowhere}/v1 does not answer: " in first
    assert alive
    assert status == 0


async def test_a_malformed_address_ends_serve_at_once(command: Command) -> None:
    status, _, err = await command.ran("serve", "--port", "0", "--backend-url", "http://[::1")

    assert status == 2
    assert "http://[::1" in err


async def test_a_port_in_use_is_reported(command: Command) -> None:
    port = command.server.origin.rpartition(":")[2]

    status, _, err = await command.ran("serve", "--port", port)

    assert status == 1
    assert f"port {port}" in err


async def test_an_argument_for_the_client_is_refused(command: Command) -> None:
    status, _, err = await command.ran("serve", "--continue")

    assert status == 2
    assert "--continue" in err
