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


async def test_what_answers_is_said_in_one_line_whatever_was_named(command: Command) -> None:
    where = command.server.base_url
    for words in ((), ("--mode", "vllm"), ("--model", "Qwen/Qwen3-8B")):
        _, _, err = await command.ran(*words, "-p", "exit-0")

        assert [line for line in err.splitlines() if "answers come from" in line] == [
            f"anyclaude: answers come from vLLM at {where}, model Qwen/Qwen3-8B, window 40,960 tokens."
        ]


@pytest.mark.parametrize(
    ("written", "word"), [("sonnet", "sonnet"), ("OPUS[1m]", "opus"), ("claude-haiku-4-5", "haiku"), ("best", "best")]
)
async def test_a_word_of_the_client_goes_to_the_client_and_leaves_the_model_to_the_server(
    command: Command, written: str, word: str
) -> None:
    for words, variable in ((("--model", written), ""), ((), written)):
        status, out, _ = await command.ran(*words, "-p", "exit-0", ANYCLAUDE_MODEL=variable)

        seen = client_report(out.splitlines()[0])
        assert status == 0
        assert seen.arguments[seen.arguments.index("--model") + 1] == word
        assert seen.environment["ANTHROPIC_MODEL"] == "Qwen/Qwen3-8B"


async def test_a_model_of_the_server_is_not_named_to_the_client_twice(command: Command) -> None:
    _, out, _ = await command.ran("--model", "qwen3-8b[1m]", "-p", "exit-0")

    seen = client_report(out.splitlines()[0])
    assert "--model" not in seen.arguments
    assert seen.environment["ANTHROPIC_MODEL"] == "Qwen/Qwen3-8B"


@pytest.mark.parametrize("setting", ["--model", "--haiku-model", "--subagent-model"])
async def test_a_model_that_the_server_does_not_have_ends_the_start_with_a_suggestion(
    command: Command, setting: str
) -> None:
    status, out, err = await command.ran(setting, "Qwen/Qwen3-9B", "-p", "exit-0")

    assert (status, out) == (2, "")
    assert f"has no model Qwen/Qwen3-9B ({setting}). Did you mean Qwen/Qwen3-8B?" in err


async def test_a_continued_session_gets_the_server_of_the_last_launch_in_its_folder(command: Command) -> None:
    await command.ran("-p", "exit-0")
    status, out, err = await command.ran("--continue", "-p", "exit-0", ANYCLAUDE_BACKEND_URL="")

    assert status == 0
    assert client_report(out.splitlines()[0]).environment["ANTHROPIC_MODEL"] == "Qwen/Qwen3-8B"
    assert f"answers come from vLLM at {command.server.base_url}" in err
