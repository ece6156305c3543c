"""A registry of npm packages on loopback, with one release of Claude Code for this platform."""

import asyncio
import hashlib
import io
import tarfile
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random

from aiohttp import web
from tests.parts.fake_client import program_text

from anyclaude.claude_code import CLIENT_VERSION
from anyclaude.launcher.client.platform_package import PlatformPackage, platform_package

PACKAGE = platform_package() or PlatformPackage("none")
"""The package for this platform."""

Change = Callable[[bytes], bytes]


def archive_of(*members: tuple[str, bytes]) -> bytes:
    """Return an archive of npm's kind with these files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in members:
            header = tarfile.TarInfo(name)
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
    return packed.getvalue()


BESIDE = Random(0).randbytes(500_000)
"""What makes the archive so large that its first half shows what is in it."""

WHOLE = archive_of(("package/claude", program_text().encode()), ("package/data", BESIDE))


@dataclass
class Registry:
    """
    The registry, and how it behaves.

    `sent` changes the archive on its way; the download waits for `may_send` after its first half, and the first answer
    for `may_answer`.  `tarball_host` is written in the description; `token` is asked for in each request.
    """

    archive: bytes = WHOLE
    sent: Change = bytes
    versions: tuple[str, ...] = (CLIENT_VERSION,)
    description: bytes | None = None
    integrity: str | None = None
    tarball_host: str = ""
    token: str = ""
    prefix: str = ""
    breaks_off: bool = False
    origin: str = ""
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    may_send: asyncio.Event = field(default_factory=asyncio.Event)
    sending: asyncio.Event = field(default_factory=asyncio.Event)
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    """The paths that were asked for, each with the request's authorization."""

    @property
    def url(self) -> str:
        """The address to configure npm with."""
        return f"{self.origin}{self.prefix}"

    @property
    def downloads(self) -> int:
        """How often the archive was asked for."""
        return sum(path.endswith(".tgz") for path, _ in self.requests)

    def describe(self) -> dict[str, object]:
        """Return the description of the package."""
        digest = b64encode(hashlib.sha512(self.archive).digest()).decode()
        dist = {
            "tarball": f"{self.tarball_host or self.url}/-/archive.tgz",
            "integrity": f"sha512-{digest}" if self.integrity is None else self.integrity,
        }
        return {
            "dist-tags": {"latest": self.versions[-1]},
            "versions": {version: {"dist": dist} for version in self.versions},
        }

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        self.requests.append((request.path, request.headers.get("Authorization")))
        if self.token and request.headers.get("Authorization") != self.token:
            return web.Response(status=401)
        if request.path.endswith(".tgz"):
            return await self._send(request)
        await self.may_answer.wait()
        if request.raw_path != f"{self.prefix}/@anthropic-ai%2Fclaude-code-{PACKAGE.platform}":
            return web.Response(status=404)
        if self.description is not None:
            return web.Response(body=self.description)
        return web.json_response(self.describe())

    async def _send(self, request: web.BaseRequest) -> web.StreamResponse:
        body = self.sent(self.archive)
        response = web.StreamResponse(headers={"Content-Length": str(len(body))})
        await response.prepare(request)
        half = len(body) // 2
        await response.write(body[:half])
        self.sending.set()
        await self.may_send.wait()
        if self.breaks_off:
            assert request.transport is not None
            request.transport.abort()
            return response
        await response.write(body[half:])
        return response


@asynccontextmanager
async def npm_registry(registry: Registry | None = None, *, holds: bool = False) -> AsyncIterator[Registry]:
    """Run a registry; one that holds its download has to be told to go on."""
    registry = registry or Registry()
    registry.may_answer.set()
    if not holds:
        registry.may_send.set()
    runner = web.ServerRunner(web.Server(registry.answer), shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    registry.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield registry
    finally:
        registry.may_send.set()
        await runner.cleanup()
