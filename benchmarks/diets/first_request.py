"""The first request of the real client under a diet, as the client writes it."""

from pathlib import Path

from aiohttp import web
from tests.parts.claude_code import SYSTEM_PATH, ClientTask, Workspace, client_arguments, run_command, workspace_for
from tests.parts.claude_code_versions import NATIVE, Client
from tests.parts.work_tree import make_work_tree

from anyclaude.backends import BackendTarget
from anyclaude.launcher.client.diets import ClientDiet
from anyclaude.launcher.client.environment import child_environment
from anyclaude.launcher.client.plan import Invocation, plan_client
from anyclaude.launcher.client.session_settings import settings_file
from anyclaude.profiles import EMBEDDED
from anyclaude.protocol.messages_request import MessagesRequest, decode_request
from anyclaude.settings import Settings

SAID = "Say hello"
"""The user's words."""

REFUSAL = {"type": "error", "error": {"type": "invalid_request_error", "message": "measured"}}
TREE = {"a.py": 'print("hi")\n', "CLAUDE.md": "# Rules\n\nUse tabs.\n"}
WIDE, NARROW = 131_072, 8_192


async def first_request(client: Client, diet: ClientDiet, folder: Path) -> MessagesRequest:
    """Run the client, refuse its first request, and return that request."""
    bodies: list[bytes] = []

    async def keep(request: web.Request) -> web.Response:
        bodies.append(await request.read())
        return web.json_response(REFUSAL, status=400, headers={"x-should-retry": "false"})

    application = web.Application(client_max_size=1 << 24)
    application.router.add_post("/v1/messages", keep)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        workspace = workspace_for(make_work_tree(folder / "tree", TREE), folder)
        await _run(client, diet, workspace, f"http://127.0.0.1:{runner.addresses[0][1]}")
    finally:
        await runner.cleanup()
    return decode_request(bodies[0])


async def _run(client: Client, diet: ClientDiet, workspace: Workspace, base_url: str) -> None:
    """Start the client as anyclaude does; the `bare` diet follows from a narrow window."""
    is_choice = diet.name == diet.gateway
    settings = Settings(diet=diet.gateway if is_choice else None)
    target = BackendTarget(
        profile=EMBEDDED, base_url=base_url, model="local-qwen", context_tokens=WIDE if is_choice else NARROW
    )
    user = {
        "HOME": str(workspace.home),
        "PATH": f"{Path(client.command[0]).parent}:{SYSTEM_PATH}",
        "LANG": "C.UTF-8",
        "SHELL": "/bin/bash",
        "IS_SANDBOX": "1",
    }
    invocation = Invocation(client_arguments(workspace, ClientTask(SAID)), user, workspace.tree)
    plan = plan_client(invocation, settings, target, base_url, is_native=client.version == NATIVE)
    with settings_file(plan.settings) as file:
        command = (*client.command, *plan.arguments(file))
        await run_command(command, workspace, child_environment(user, plan.variables), 120.0)
