"""
Measures what each tool set's prompt takes, with the real client: `uv run python -m benchmarks.prompt_sizes`.

Claude Code runs once for each set in a small git repository, against a server that hands its first request to the
gateway's token count, which asks the embedded engine (SmolLM2-135M).  The table is that of
`anyclaude.launcher.tool_set`.
"""

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from aiohttp import web
from platformdirs import user_cache_path
from tests.parts.claude_code import Order, desk_for, run_claude
from tests.parts.claude_code_versions import NATIVE, installed_client

from anyclaude.backends.target import BackendTarget, Secret
from anyclaude.engine.embedded import start_engine
from anyclaude.engine.options import EngineOptions
from anyclaude.engine.progress import Unreported
from anyclaude.engine.weights import locate_model
from anyclaude.launcher.tool_set import TOOL_SETS, ToolSet
from anyclaude.observability import Journal
from anyclaude.profiles import EMBEDDED
from anyclaude.protocol.json_values import JsonObject, encode_json
from anyclaude.server.gateway import Gateway, GatewayOptions

REFUSAL = {"type": "error", "error": {"type": "invalid_request_error", "message": "measured"}}


async def main() -> None:
    """Print one line for each tool set."""
    with tempfile.TemporaryDirectory() as folder:
        async with _gateway(Path(folder)) as gateway:
            for number, tools in enumerate(TOOL_SETS):
                place = Path(folder, str(number))
                body = await _first_request(tools, place)
                characters = sum(len(encode_json(body.get(part, []))) for part in ("tools", "system", "messages"))
                count = len(_list(body.get("tools")))
                line = f"{tools.name:<18}{count:>4}{characters:>12,}{await _tokens(gateway, body):>9,}"
                sys.stdout.write(line + "\n")


@asynccontextmanager
async def _gateway(folder: Path) -> AsyncIterator[Gateway]:
    model = await locate_model(None, user_cache_path("anyclaude"), Unreported())
    options = EngineOptions()
    async with start_engine(model, folder / "logs", Unreported(), api_key="measuring", options=options) as engine:
        target = BackendTarget(
            profile=EMBEDDED,
            base_url=f"{engine.base_url}/v1",
            model=engine.model_name,
            api_key=Secret(engine.api_key),
            context_tokens=engine.context_tokens,
        )
        gateway = Gateway(GatewayOptions(grace_seconds=0.1), (target,), Journal(folder / "journal"))
        await gateway.start()
        try:
            yield gateway
        finally:
            await gateway.stop()


async def _first_request(tools: ToolSet, place: Path) -> JsonObject:
    """Run the client until it has asked, and refuse."""
    bodies: list[JsonObject] = []

    async def keep(request: web.Request) -> web.Response:
        bodies.append(await request.json())
        return web.json_response(REFUSAL, status=400, headers={"x-should-retry": "false"})

    application = web.Application(client_max_size=1 << 24)
    application.router.add_post("/v1/messages", keep)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        environment = dict.fromkeys(tools.variables, "1")
        order = Order("Say hello", tools.arguments, environment)
        desk = desk_for(await _repository(place), place)
        await run_claude(installed_client(NATIVE), desk, f"http://127.0.0.1:{runner.addresses[0][1]}", order)
    finally:
        await runner.cleanup()
    return bodies[0]


async def _repository(place: Path) -> Path:
    tree = place / "tree"
    tree.mkdir(parents=True)
    (tree / "a.py").write_text('print("hi")\n')
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    for words in (("init", "-q"), ("add", "."), (*identity, "commit", "-qm", "Say hi")):
        process = await asyncio.create_subprocess_exec("git", *words, cwd=tree)
        await process.wait()
    return tree


async def _tokens(gateway: Gateway, body: JsonObject) -> int:
    asked = {part: body[part] for part in ("model", "messages", "system", "tools") if part in body}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{gateway.base_url}/v1/messages/count_tokens", json=asked) as response,
    ):
        counted = json.loads(await response.read())
        return int(counted["input_tokens"])


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


if __name__ == "__main__":
    asyncio.run(main())
