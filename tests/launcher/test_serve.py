"""The gateway alone: what it writes, how it awaits and follows its servers, and when it ends."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from msgspec.structs import replace
from tests.parts.json_at import at
from tests.parts.processes import LONG_SECONDS
from tests.parts.restarting_server import RestartingServer, Restarts
from tests.parts.server_documents import LLAMACPP
from tests.parts.stub_server import Answer, Documents, stub_server

from anyclaude.errors import InvalidSetting, ServerUnusable
from anyclaude.launcher import Invocation, Terminal
from anyclaude.launcher.serve import serve
from anyclaude.protocol.json_values import JsonObject, JsonValue
from anyclaude.secret import Secret
from anyclaude.settings import Fallback, Settings
from anyclaude.timeouts import Timeouts

LOADING = Answer(503, '{"error": {"message": "Loading model", "code": 503}}')


class Output(io.StringIO):
    """A stream whose readers wait for what they look for."""

    def __init__(self) -> None:
        super().__init__()
        self._flushed = asyncio.Event()

        self.is_closed_by_reader = False

    def flush(self) -> None:
        """Wake the readers."""
        if self.is_closed_by_reader:
            raise BrokenPipeError
        self._flushed.set()

    async def line_with(self, text: str) -> str:
        """Return the first line with a text, as soon as it is written."""
        async with asyncio.timeout(LONG_SECONDS):
            while not (found := [line for line in self.getvalue().splitlines() if text in line]):
                self._flushed.clear()
                await self._flushed.wait()
        return found[0]


@dataclass
class Serving:
    """A gateway that serves: what it has written for shells (`out`) and for people (`err`)."""

    url: str = ""
    out: Output = field(default_factory=Output)
    err: Output = field(default_factory=Output)

    async def asks(self, text: str = "Hello", **fields: JsonValue) -> tuple[int, JsonObject]:
        """Return status and body of the answer to a message."""
        body = {"model": "any", "max_tokens": 64, "messages": [{"role": "user", "content": text}], **fields}
        async with aiohttp.ClientSession() as session, session.post(f"{self.url}/v1/messages", json=body) as reply:
            return reply.status, await reply.json()

    async def get(self, path: str) -> tuple[int, JsonObject]:
        """Return status and document of a path."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}{path}") as reply:
            return reply.status, await reply.json()


@asynccontextmanager
async def serving(folder: Path, settings: Settings) -> AsyncIterator[Serving]:
    """Serve for the duration of the block, which an error ends; its port is a free one."""
    running = Serving()
    own = replace(settings, log_dir=folder, port=0)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(serve(Invocation((), {}, folder), own, Terminal(running.err), running.out))
        running.url = (await running.out.line_with("listens on")).split()[3]
        yield running
        task.cancel()


def words_of(answer: JsonObject) -> str:
    """Return the message of an error."""
    error = answer["error"]
    assert isinstance(error, dict)
    return str(error["message"])


@pytest.mark.parametrize(
    ("token", "line"),
    [
        (None, "  export ANTHROPIC_AUTH_TOKEN=anyclaude"),
        (Secret("hunter2"), '  export ANTHROPIC_AUTH_TOKEN="$ANYCLAUDE_TOKEN"'),
    ],
)
async def test_the_address_and_the_variables_are_written_without_the_token(
    tmp_path: Path, token: Secret | None, line: str
) -> None:
    async with (
        stub_server(LLAMACPP) as server,
        serving(tmp_path, Settings(backend_url=server.origin, token=token)) as gateway,
    ):
        first, _, *variables = gateway.out.getvalue().splitlines()

    assert first.startswith("anyclaude listens on http://127.0.0.1:")
    assert first.endswith(f" and answers from llama.cpp at {server.base_url}, model qwen, window 16,384 tokens.")
    assert line in variables
    assert "  export ANTHROPIC_MODEL=qwen" in variables
    assert "hunter2" not in gateway.out.getvalue() + gateway.err.getvalue()


async def test_a_server_that_is_down_is_awaited_and_said_to_be_found(tmp_path: Path) -> None:
    server = RestartingServer()
    async with serving(tmp_path, Settings(backend_url=server.origin)) as gateway:
        waiting = await gateway.out.line_with("waits")
        exported_early = gateway.out.getvalue()
        refused, error = await gateway.asks()
        not_ready, readiness = await gateway.get("/health/ready")
        _, models = await gateway.get("/v1/models")
        async with server.running(window=16_384):
            found = await gateway.err.line_with("answers come from")
            ready, _ = await gateway.get("/health/ready")
            status, reply = await gateway.asks()
        exported = gateway.out.getvalue()

    because = readiness["reason"]
    assert isinstance(because, str)
    assert f"an OpenAI-compatible server at {server.origin}/v1 does not answer: nothing listens there." in because
    assert waiting == f"anyclaude listens on {gateway.url} and waits for its server: {because}."
    assert (not_ready, refused, words_of(error)) == (503, 529, because)
    assert models["data"] == []
    assert found == f"anyclaude: answers come from llama.cpp at {server.origin}/v1, model qwen, window 16,384 tokens."
    assert (ready, status, reply["model"]) == (200, 200, "any")
    assert f"export ANTHROPIC_BASE_URL={gateway.url}" in exported_early
    assert "ANTHROPIC_MODEL" not in exported_early
    assert "export ANTHROPIC_MODEL=qwen" in exported
    assert exported.count("ANTHROPIC_BASE_URL") == 1


@pytest.mark.parametrize(
    ("documents", "why"),
    [
        ({"/v1/models": LOADING, "/props": LOADING}, "is still loading its model"),
        ({"/v1/models": {"data": []}, "/props": {}}, "reports no model that can chat"),
    ],
)
async def test_what_may_pass_is_awaited_with_its_sentence(tmp_path: Path, documents: Documents, why: str) -> None:
    server = RestartingServer()
    settings = Settings(mode="llamacpp", backend_url=f"{server.origin}/v1")
    async with stub_server(documents, port=server.port) as busy, serving(tmp_path, settings) as gateway:
        _, readiness = await gateway.get("/health/ready")
        status, error = await gateway.asks()

    assert why in str(readiness["reason"])
    assert (status, words_of(error)) == (529, readiness["reason"])
    assert busy.requests


async def test_what_only_the_user_can_mend_ends_it_at_once(tmp_path: Path) -> None:
    async def served(url: str) -> None:
        settings = Settings(backend_url=url, log_dir=tmp_path, port=0)
        await serve(Invocation((), {}, tmp_path), settings, Terminal(Output()), Output())

    with pytest.raises(InvalidSetting):
        await served("http://[::1")
    async with stub_server({"/v1/models": Answer(401, "{}")}) as server:
        with pytest.raises(ServerUnusable, match="requires a key"):
            await served(server.origin)


async def test_a_fallback_answers_while_the_server_is_awaited_and_one_that_was_down_joins(tmp_path: Path) -> None:
    main, fallback = RestartingServer(), RestartingServer()
    settings = Settings(backend_url=main.origin, fallbacks=(Fallback("llamacpp", fallback.origin),))
    async with serving(tmp_path, settings) as gateway:
        assert (await gateway.asks())[0] == 529
        async with fallback.running("small"):
            await gateway.err.line_with("model small")
            by_fallback = await gateway.asks()
            async with main.running("large"):
                await gateway.err.line_with("model large")
                by_main = await gateway.asks()

    assert by_fallback[0] == by_main[0] == 200
    assert (fallback.asked_for, main.asked_for) == (["small"], ["large"])


async def test_a_server_that_restarts_with_a_smaller_window_is_followed(tmp_path: Path) -> None:
    server = RestartingServer()
    long = "words " * 8_000
    async with Restarts(server) as restart, serving(tmp_path, Settings(backend_url=server.origin)) as gateway:
        assert (await gateway.asks(long))[0] == 200
        await restart(window=8_192)
        refused, error = await gateway.asks(long)
        short, _ = await gateway.asks()
        asked_before = len(server.asked_for)
        again, error_again = await gateway.asks(long)
        change = await gateway.err.line_with("the server has changed")

    assert (refused, short, again) == (400, 200, 400)
    assert "> 8192 maximum" in words_of(error)
    assert words_of(error_again).endswith("> 8192 maximum (counted by llama.cpp before it was sent)")
    assert len(server.asked_for) == asked_before
    assert change.endswith(f"llama.cpp at {server.origin}/v1, model qwen, window 8,192 tokens.")


@pytest.mark.parametrize(("window", "is_shorter"), [(19_000, True), (20_000, False)])
async def test_prompts_are_shortened_for_a_window_that_has_become_small(
    window: int, is_shorter: bool, tmp_path: Path
) -> None:
    server = RestartingServer()
    tool: JsonObject = {"name": "Read", "description": "It reads. " * 300, "input_schema": {"type": "object"}}
    async with Restarts(server) as restart, serving(tmp_path, Settings(backend_url=server.origin)) as gateway:
        await gateway.asks(tools=[tool])
        await restart("gemma", window)
        await gateway.asks(tools=[tool])
        await gateway.asks(tools=[tool])
    first, *_, last = (len(str(at(body, "tools", 0, "function", "description"))) for body in server.bodies)

    assert (last < first) == is_shorter


async def test_a_server_that_restarts_with_another_model_is_followed(tmp_path: Path) -> None:
    server = RestartingServer()
    async with Restarts(server) as restart, serving(tmp_path, Settings(backend_url=server.origin)) as gateway:
        await gateway.asks()
        await restart("gemma")
        status, _ = await gateway.asks()
        change = await gateway.err.line_with("the server has changed")

    assert status == 200
    assert server.asked_for[-1] == "gemma"
    assert "model gemma" in change


async def test_the_models_that_a_server_has_are_named_if_the_one_that_was_chosen_is_gone(tmp_path: Path) -> None:
    server = RestartingServer()
    settings = Settings(backend_url=server.origin, model="qwen")
    async with Restarts(server) as restart, serving(tmp_path, settings) as gateway:
        await gateway.asks()
        await restart("gemma")
        status, error = await gateway.asks()

    assert status == 400
    assert (
        words_of(error) == f"model 'qwen' not found. llama.cpp at {server.origin}/v1 has gemma; name one with --model"
    )


async def test_a_window_that_shows_when_the_model_is_loaded_is_said_after_the_first_reply(tmp_path: Path) -> None:
    documents: dict[str, JsonValue] = {
        "/api/version": {"version": "0.9.0"},
        "/api/tags": {"models": [{"name": "qwen3:8b"}]},
        "/api/ps": {"models": []},
        "/v1/models": {"object": "list", "data": [{"id": "qwen3:8b"}]},
    }

    def reply(body: JsonValue) -> JsonValue:
        documents["/api/ps"] = {"models": [{"name": "qwen3:8b", "context_length": 40_960}]}
        message: JsonObject = {"role": "assistant", "content": "Hello"}
        return {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}

    async with stub_server(documents, by_body={"/v1/chat/completions": reply}) as server:
        settings = Settings(mode="ollama", backend_url=server.origin)
        async with serving(tmp_path, settings) as gateway:
            first = await gateway.out.line_with("listens on")
            await gateway.asks()
            change = await gateway.err.line_with("the server has changed")
            _, health = await gateway.get("/health")

    assert first.endswith("window unknown: asked again after the first reply.")
    assert change.endswith("model qwen3:8b, window 40,960 tokens.")
    assert at(health, "backends", 0, "context_tokens") == 40_960


async def test_a_server_that_was_away_for_a_while_is_asked_what_it_runs_before_it_is_used(tmp_path: Path) -> None:
    server = RestartingServer()
    settings = Settings(backend_url=server.origin, timeouts=Timeouts(retry_seconds=0.1))
    async with Restarts(server) as restart, serving(tmp_path, settings) as gateway:
        await gateway.asks()
        await restart.stop()
        refused, _ = await gateway.asks()
        await restart("gemma", 4_096)
        status, _ = await gateway.asks()

    assert (refused, status) == (503, 200)
    assert server.asked_for == ["qwen", "gemma"]


async def test_a_reader_of_its_output_that_has_gone_fails_no_request(tmp_path: Path) -> None:
    server = RestartingServer()
    async with serving(tmp_path, Settings(backend_url=server.origin)) as gateway:
        gateway.out.is_closed_by_reader = True
        async with server.running():
            await gateway.err.line_with("answers come from")
            status, _ = await gateway.asks()

    assert status == 200


async def test_every_model_of_the_server_can_be_asked_for_and_is_listed(tmp_path: Path) -> None:
    asked: list[JsonValue] = []

    def reply(body: JsonValue) -> JsonValue:
        assert isinstance(body, dict)
        asked.append(body["model"])
        return {"choices": [{"index": 0, "message": {"content": "Hello"}, "finish_reason": "stop"}]}

    names = ["qwen3-coder:30b", "gpt-oss:20b", "llama3:latest"]
    documents: Documents = {
        "/api/version": {"version": "0.9.0"},
        "/api/tags": {"models": [{"name": name} for name in (*names, "nomic-embed-text")]},
        "/api/ps": {"models": [{"name": "gpt-oss:20b", "context_length": 16_384}]},
    }
    requested = ["gpt-oss:20b", "llama3", "GPT-OSS:20B[1m]", "claude-sonnet-4-5", "local-main", "x", "qwen3-coder:30b"]
    async with stub_server(documents, by_body={"/v1/chat/completions": reply}) as server:
        settings = Settings(mode="ollama", backend_url=server.origin, model="Qwen3-Coder:30b")
        async with serving(tmp_path, settings) as gateway:
            replies = [await gateway.asks(model=name) for name in requested]
            _, listed = await gateway.get("/v1/v1/models")
            status, shown = await gateway.get("/v1/models/gpt-oss:20b")

    main = "qwen3-coder:30b"
    assert asked == ["gpt-oss:20b", "llama3:latest", "gpt-oss:20b", main, main, main, main]
    assert [reply["model"] for _, reply in replies] == requested
    data = listed["data"]
    assert isinstance(data, list)
    assert [model["id"] for model in data if isinstance(model, dict)] == names
    assert (status, shown["id"], shown["max_input_tokens"]) == (200, "gpt-oss:20b", 16_384)


async def test_the_header_says_which_model_has_answered(tmp_path: Path) -> None:
    server = RestartingServer()
    body = {"model": "claude-opus-5-5", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    async with (
        Restarts(server),
        serving(tmp_path, Settings(backend_url=server.origin)) as gateway,
        aiohttp.ClientSession() as session,
        session.post(f"{gateway.url}/v1/v1/messages", json=body) as reply,
    ):
        assert reply.headers["anyclaude-model"] == "qwen"
