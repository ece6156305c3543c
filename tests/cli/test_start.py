"""`anyclaude`: what the client gets, and what is left when it has ended."""

import json

import aiohttp
from tests.parts.command import Command
from tests.parts.fake_client import client_report

SECRET = "sk-ant-api03-not-a-real-one"


async def answers(url: str) -> bool:
    """Return whether a gateway answers at this address."""
    async with aiohttp.ClientSession() as session:
        try:
            async with session.get(f"{url}/health") as response:
                return response.ok
        except aiohttp.ClientConnectionError:
            return False


async def test_the_client_gets_its_arguments_and_a_gateway_and_its_exit_status_is_returned(command: Command) -> None:
    words = ("-pc", "--output-format", "json", "Say hello", "--", "--model", "exit-7")

    status, out, _ = await command.ran(*words)

    seen = client_report(out.splitlines()[0])
    assert status == 7
    assert tuple(seen.arguments[-len(words) :]) == words
    assert seen.environment["ANTHROPIC_BASE_URL"].startswith("http://127.0.0.1:")
    assert seen.environment["ANTHROPIC_MODEL"] == "Qwen/Qwen3-8B"
    assert not await answers(seen.environment["ANTHROPIC_BASE_URL"])


async def test_standard_input_reaches_the_client(command: Command) -> None:
    _, out, _ = await command.ran("-p", "echo", stdin=b"piped text")

    assert out.splitlines()[-1] == "piped text"


async def test_a_client_that_is_killed_gives_the_exit_status_of_a_shell(command: Command) -> None:
    status, _, _ = await command.ran("die-9")

    assert status == 137


async def test_no_anthropic_credential_reaches_the_client_the_server_or_a_file(command: Command) -> None:
    _, out, err = await command.ran(
        "-p", "exit-0", ANTHROPIC_API_KEY=SECRET, CLAUDE_CODE_OAUTH_TOKEN=SECRET, MINE=SECRET
    )

    files = [file.read_text() for file in command.home.rglob("*") if file.is_file()]
    assert not any(SECRET in text for text in [out, err, *files, json.dumps(command.server.requests)])
