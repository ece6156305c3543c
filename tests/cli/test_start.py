"""`anyclaude`: what the client gets, and what is left when it has ended."""

import json

import aiohttp
import pytest
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
    status, _, _ = await command.ran("-p", "die-9")

    assert status == 137


@pytest.mark.parametrize(
    "words",
    [
        ("mcp", "list"),
        ("--verbose", "mcp", "list", "--port", "3"),
        ("-v",),
        ("-p", "hi", "--version"),
        ("update",),
        ("plugin", "eval", "--help"),
        ("agents", "--json"),
    ],
)
async def test_a_command_of_the_client_that_needs_no_model_starts_it_alone(
    command: Command, words: tuple[str, ...]
) -> None:
    server = ("--mode", "llamacpp", "--backend-url", "http://127.0.0.1:9")
    _, out, err = await command.ran(*server, *words, ANTHROPIC_API_KEY=SECRET)

    seen = client_report(out.splitlines()[0])
    assert tuple(seen.arguments) == words
    assert seen.environment["ANTHROPIC_API_KEY"] == SECRET
    assert [name for name in seen.environment if name.startswith(("ANTHROPIC_BASE", "CLAUDE_CODE"))] == []
    assert err == ""


@pytest.mark.parametrize("words", [("exit-7", 7), ("die-9", 137)])
async def test_the_status_of_a_client_that_runs_alone_is_returned(command: Command, words: tuple[str, int]) -> None:
    status, _, _ = await command.ran("mcp", "remove", words[0])

    assert status == words[1]
    assert command.server.requests == []


@pytest.mark.parametrize("words", [("plugin", "eval", "x"), ("agents",), ("mcp", "list", "-p"), ("--new-flag", "mcp")])
async def test_a_command_that_may_start_a_session_gets_the_gateway(command: Command, words: tuple[str, ...]) -> None:
    _, out, _ = await command.ran(*words)

    assert client_report(out.splitlines()[0]).environment["ANTHROPIC_BASE_URL"].startswith("http://127.0.0.1:")


async def test_no_anthropic_credential_reaches_the_client_the_server_or_a_file(command: Command) -> None:
    _, out, err = await command.ran(
        "-p", "exit-0", ANTHROPIC_API_KEY=SECRET, CLAUDE_CODE_OAUTH_TOKEN=SECRET, MINE=SECRET
    )

    files = [file.read_text() for file in command.home.rglob("*") if file.is_file()]
    assert not any(SECRET in text for text in [out, err, *files, json.dumps(command.server.requests)])
