"""One attack after the other, beside a client of small requests."""

import asyncio
import re
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

from aiohttp import web
from benchmarks.gateway.contestants import free_port
from benchmarks.gateway.processes import Launch, private_environment, running

from .attacks import NO_MODEL_TAG, REPLY_TAG, Attack
from .replies import FINISH, reply

SMALL = b'{"model":"m","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"Hi"}]}'
REQUEST = b"POST /v1/messages HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n%b" % (len(SMALL), SMALL)
END = b"0\r\n\r\n"

PAUSE_SECONDS = 0.005
PAGE = b"<html><title>" + b"<script" * 700_000
WORD = b'data: {"choices":[{"index":0,"delta":{"content":"%b"}}]}\n\n'
PIECE_BYTES = 64 * 1024
"""What is written at once of a hostile reply, in some 0.05 ms: the small ones have the same server."""

LIMIT_SECONDS = 0.05
"""What 99 of 100 small requests may take beside any other."""

MOST_SECONDS = 10.0
"""After which a small request is given up, with its attack: earlier versions took minutes."""

PERCENT = 100

NONE = Attack(b"")


@dataclass(frozen=True, slots=True)
class Row:
    """One attack: its size, how often it was answered and how, and what the small requests took meanwhile."""

    name: str
    size: int
    statuses: Sequence[str]
    attack_seconds: float | None
    small_seconds: Sequence[float]

    @property
    def percentiles(self) -> tuple[float, float, float]:
        """The median of the small requests, their 99th percentile, and the longest."""
        at_least_two = self.small_seconds if len(self.small_seconds) > 1 else [*self.small_seconds] * 2
        cut = quantiles(at_least_two, n=PERCENT)
        return cut[PERCENT // 2 - 1], cut[-1], max(self.small_seconds)

    @property
    def is_given_up(self) -> bool:
        """Whether a small request was given up."""
        return max(self.small_seconds) >= MOST_SECONDS

    @property
    def holds_up_others(self) -> bool:
        """Whether more than one in a hundred small requests took too long."""
        return self.percentiles[1] >= LIMIT_SECONDS


async def played(attacks: Iterable[tuple[str, Attack]], seconds: float, folder: Path, python: str) -> list[Row]:
    """Return a row for each attack, and first one without; the gateway is a new one after a request was given up."""
    rows: list[Row] = []
    left = deque([("none", NONE), *attacks])
    while left:
        async with _gateway(folder, python) as port:
            is_given_up = False
            while left and not is_given_up:
                rows.append(await _row(*left.popleft(), port, seconds, folder))
                is_given_up = rows[-1].is_given_up
    return rows


async def _row(name: str, attack: Attack, port: int, seconds: float, folder: Path) -> Row:
    file = folder / "body"
    file.write_bytes(attack.request)
    command = (sys.executable, "-m", "benchmarks.stalls.attacker", str(port), str(file), str(attack.connections))
    is_attacked = attack is not NONE
    attacker = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=DEVNULL) if is_attacked else None
    small = asyncio.create_task(_small_requests(port, seconds, attacker))
    answers: list[tuple[str, float]] = []
    try:
        if attacker is not None and attacker.stdout is not None:
            async for line in attacker.stdout:
                status, taken = line.decode().split()
                answers.append((status, float(taken)))
    finally:
        taken_by_small = await small
        if attacker is not None:
            await attacker.wait()
    mean = sum(taken for _, taken in answers) / len(answers) if answers else None
    return Row(name, len(attack.body), sorted({status for status, _ in answers}), mean, taken_by_small)


async def _small_requests(port: int, seconds: float, attacker: asyncio.subprocess.Process | None) -> list[float]:
    """Send one small request after the other, and end the attacker; return what each took."""
    taken: list[float] = []
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    until = time.perf_counter() + seconds
    try:
        while time.perf_counter() < until:
            began = time.perf_counter()
            writer.write(REQUEST)
            reply = await _within(MOST_SECONDS, reader.readuntil(END))
            taken.append(time.perf_counter() - began)
            if reply is None:
                break
            if b"message_stop" not in reply:
                raise RuntimeError(f"a small request failed: {reply[:500]!r}")
            await asyncio.sleep(PAUSE_SECONDS)
    finally:
        writer.close()
        if attacker is not None:
            attacker.kill()
    return taken


async def _within(seconds: float, reading: Awaitable[bytes]) -> bytes | None:
    """Return what is read, or nothing if that takes longer."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            return await reading
    return None


@asynccontextmanager
async def _gateway(folder: Path, python: str) -> AsyncGenerator[int, None]:
    """Run a gateway before a backend that answers at once, and yield its port."""
    server = web.ServerRunner(web.Server(_answer), shutdown_timeout=0.1)
    await server.setup()
    site = web.TCPSite(server, "127.0.0.1", 0)
    await site.start()
    port = free_port()
    backend = f"http://127.0.0.1:{server.addresses[0][1]}/v1"
    command = [python, "-m", "anyclaude", "serve", "--mode", "llamacpp", "--backend-url", backend]
    command += ["--model", "m", "--port", str(port)]
    launch = Launch(
        command,
        private_environment(folder, ANYCLAUDE_CONTEXT_TOKENS="100000000", ANYCLAUDE_PARALLEL_REQUESTS="64"),
        folder,
        port,
    )
    try:
        async with running(launch, core=0):
            yield port
    finally:
        await server.cleanup()


async def _answer(request: web.BaseRequest) -> web.StreamResponse:
    body = b"".join([piece async for piece in request.content.iter_any()])
    if not request.path.endswith("/chat/completions"):
        return web.json_response({"object": "list", "data": [{"id": "m", "object": "model"}]})
    end = body[-2_000:]
    if NO_MODEL_TAG.encode() in end:
        return web.Response(status=500, body=PAGE, content_type="text/html")
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    response.enable_chunked_encoding()
    await response.prepare(request)
    try:
        found = re.search(rb"%b([^\"]+)" % REPLY_TAG.encode(), end)
        whole = reply(found[1].decode()) if found else WORD % b"Hello" + FINISH
        for start in range(0, len(whole), PIECE_BYTES):
            await response.write(whole[start : start + PIECE_BYTES])
        await response.write_eof()
    except ConnectionError:
        pass  # the gateway has seen enough
    return response
