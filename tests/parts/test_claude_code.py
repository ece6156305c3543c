"""The runner of the real client: the environment it provides, and the result it returns."""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from tests.parts.claude_code import ClientTask, Workspace, run_claude, workspace_for
from tests.parts.claude_code_versions import VERSIONS, Client, installed_client
from tests.parts.work_tree import make_work_tree

from anyclaude.protocol.json_values import JsonObject

HELLO: list[JsonObject] = [
    {
        "type": "message_start",
        "message": {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "m",
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 9, "output_tokens": 1},
        },
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello from the stub."}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 5},
    },
    {"type": "message_stop"},
]


def fake_client(program: str) -> Client:
    """Return a client that is a Python program."""
    return Client("fake", (sys.executable, "-c", program))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return workspace_for(make_work_tree(tmp_path / "tree", {"README": "A tree.\n"}), tmp_path)


@asynccontextmanager
async def greeter(status: int = 200) -> AsyncIterator[str]:
    """Serve an Anthropic endpoint that says hello, or fails, and yield its URL."""
    stream = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in HELLO)

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status, text=stream, content_type="text/event-stream")

    app = web.Application(client_max_size=10_000_000)
    app.router.add_post("/v1/messages", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_real_client_prints_the_endpoints_reply(version: str, workspace: Workspace) -> None:
    async with greeter() as url:
        run = await run_claude(installed_client(version), workspace, url, ClientTask("Say hello."))

    run.check()
    assert run.text == "Hello from the stub."
    assert run.events_of("system", "init")[0]["claude_code_version"] == version


async def test_a_failed_run_reports_the_clients_error(workspace: Workspace) -> None:
    async with greeter(status=400) as url:
        run = await run_claude(installed_client(VERSIONS[0]), workspace, url, ClientTask("Say hello."))

    with pytest.raises(AssertionError, match="API Error: 400"):
        run.check()


async def test_the_client_sees_only_the_given_variables(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "a secret of this machine")
    program = "import json, os; print(json.dumps({'type': 'result', 'is_error': False, 'env': dict(os.environ)}))"

    run = await run_claude(
        fake_client(program), workspace, "http://127.0.0.1:1", ClientTask("", environment={"EXTRA": "1"})
    )

    seen = run.result["env"]
    assert isinstance(seen, dict)
    assert "ANTHROPIC_API_KEY" not in seen
    assert (seen["HOME"], seen["ANTHROPIC_BASE_URL"], seen["EXTRA"]) == (str(workspace.home), "http://127.0.0.1:1", "1")


async def test_a_client_that_does_not_end_is_killed(workspace: Workspace) -> None:
    program = "import pathlib, time; pathlib.Path('started').touch(); time.sleep(600)"

    with pytest.raises(AssertionError, match="still running"):
        await run_claude(fake_client(program), workspace, "http://127.0.0.1:1", ClientTask("", timeout_seconds=0.5))


async def test_a_non_zero_status_fails_the_check(workspace: Workspace) -> None:
    program = 'import sys; print(\'{"type": "result", "is_error": false}\'); sys.exit(\'no model\')'

    run = await run_claude(fake_client(program), workspace, "http://127.0.0.1:1", ClientTask(""))

    with pytest.raises(AssertionError, match="no model"):
        run.check()


async def test_lines_that_are_not_events_are_ignored(workspace: Workspace) -> None:
    program = 'print(\'a warning\'); print(\'{"type": "result", "is_error": false, "result": "done"}\')'

    run = await run_claude(fake_client(program), workspace, "http://127.0.0.1:1", ClientTask(""))

    assert [event["type"] for event in run.events] == ["result"]
    assert run.text == "done"
