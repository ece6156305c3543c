"""`anyclaude serve`: the gateway alone."""

import asyncio

from tests.cli.test_start import answers
from tests.parts.command import Command
from tests.parts.processes import LONG_SECONDS


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


async def test_a_port_in_use_is_reported(command: Command) -> None:
    port = command.server.origin.rpartition(":")[2]

    status, _, err = await command.ran("serve", "--port", port)

    assert status == 1
    assert f"port {port}" in err


async def test_an_argument_for_the_client_is_refused(command: Command) -> None:
    status, _, err = await command.ran("serve", "--continue")

    assert status == 2
    assert "--continue" in err
