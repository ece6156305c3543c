"""A web page in a real browser, on a port of its own, that asks the gateway and reports what it could read."""

import asyncio
import json
import os
import shutil
import signal
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from anyclaude.protocol.json_values import JsonObject

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")

REPORT_SECONDS = 120.0
"""A browser starts within seconds, and within a minute on a busy machine."""

SCRIPT = """
async function asked({url, method, headers, body}) {
  try {
    const response = await fetch(url, {method, headers, body});
    let text = "";
    const decoder = new TextDecoder();
    for await (const piece of response.body) { text += decoder.decode(piece, {stream: true}); }
    return {status: response.status, requestId: response.headers.get("request-id"), text};
  } catch (error) { return {error: String(error)}; }
}
(async () => {
  const asks = await (await fetch("/asks")).json();
  const answers = [];
  for (const ask of asks) answers.push(await asked(ask));
  await fetch("/report", {method: "POST", body: JSON.stringify(answers)});
})();
"""


def browser_program() -> str | None:
    """Return the program of a browser, `None` if there is none."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


@dataclass(frozen=True)
class PageServer:
    """The server of the page: its port, what the page asks, and what it has reported."""

    port: int
    asks: list[JsonObject]
    reported: "asyncio.Future[list[JsonObject]]"

    def origin(self, host: str = "127.0.0.1") -> str:
        """Return the origin of the page when it is opened under this name."""
        return f"http://{host}:{self.port}"


@asynccontextmanager
async def page_server() -> AsyncIterator[PageServer]:
    """Serve the page on a free port of loopback."""
    asks: list[JsonObject] = []
    reported: asyncio.Future[list[JsonObject]] = asyncio.get_running_loop().create_future()

    async def page(request: web.Request) -> web.Response:
        return web.Response(text=f"<!doctype html><script>{SCRIPT}</script>", content_type="text/html")

    async def give_asks(request: web.Request) -> web.Response:
        return web.json_response(asks)

    async def take_report(request: web.Request) -> web.Response:
        if not reported.done():
            reported.set_result(json.loads(await request.text()))
        return web.Response()

    application = web.Application()
    application.add_routes([web.get("/", page), web.get("/asks", give_asks), web.post("/report", take_report)])
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield PageServer(runner.addresses[0][1], asks, reported)
    finally:
        await runner.cleanup()


async def report_of(program: str, server: PageServer, folder: Path, host: str = "127.0.0.1") -> list[JsonObject]:
    """Open the page in the browser and return its report; the browser and its processes are then killed."""
    process = await asyncio.create_subprocess_exec(
        *(program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
        *("--disable-background-networking", f"--user-data-dir={folder / 'browser'}", server.origin(host)),
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=DEVNULL,
        env={"HOME": str(folder), "PATH": os.environ["PATH"]},
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(REPORT_SECONDS):
            return await server.reported
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
