"""
The servers of the chaos run and of the soak, each a separate process.

    python -m tests.faults.chaos_processes gateway FOLDER BACKEND_URL
    python -m tests.faults.chaos_processes engine-gateway FOLDER ENGINE_URL KEY
    python -m tests.faults.chaos_processes backend PORT

The gateway prints a line of JSON with the URL it listens on, and then answers every line on its standard input with the
resources it holds.  The backend prints an empty object when it is ready, and listens after a line on standard input.
"""

import asyncio
import json
import os
import random
import sys
import time
from pathlib import Path

import aiohttp
import psutil  # type: ignore[import-untyped]  # it ships no types
import uvloop
from msgspec.structs import replace
from tests.faults.expected_reply import Arguments, ExpectedReply, ReplyPart, Text, Thinking, ToolCallStart
from tests.faults.faults import CLOSES, CLOSES_UNFRAMED, ENDS, FAILS, GARBLES, RESETS, STALLS
from tests.parts.faulty_backend import Play, Received, faulty_backend
from tests.parts.gateway import running_gateway, target_at

from anyclaude.backends import BackendTarget
from anyclaude.exchange import REAL_TIME, Clock
from anyclaude.secret import Secret
from anyclaude.server import GatewayOptions
from anyclaude.timeouts import Timeouts

CLOCK_SPEED = 20.0
"""Seconds of the gateway's clock per real second; shortens the pauses between attempts and the open circuit."""

TIMEOUTS = Timeouts(first_byte_seconds=3.0, stall_seconds=0.5, finish_seconds=0.5, retry_seconds=60.0)

FAULTS = (ENDS, CLOSES, CLOSES_UNFRAMED, RESETS, STALLS, GARBLES, FAILS)

FAULTY_SHARE = 0.5


def expected_reply_to(conversation: str) -> ExpectedReply:
    """Return the reply to a conversation; the clients' process and the backend's both derive it from the name."""
    rng = random.Random(conversation)
    parts: list[ReplyPart] = []
    if rng.random() < 0.4:
        parts += [Thinking(f"hm {rng.random()} ") for _ in range(rng.randrange(1, 10))]
    parts += [Text(f"né{rng.random()} 🙂 ") for _ in range(rng.randrange(1, 60))]
    calls = rng.randrange(3)
    for call in range(calls):
        arguments = json.dumps({"command": f"echo {rng.random()} é"}, ensure_ascii=False)
        parts += [
            ToolCallStart(call, "Bash"),
            *(Arguments(call, arguments[at : at + 9]) for at in range(0, len(arguments), 9)),
        ]
    return ExpectedReply(tuple(parts), "tool_calls" if calls else "stop")


def play_for(received: Received) -> Play:
    """Return what the backend plays for a request: half of the attempts are broken, each by a random fault."""
    reply = expected_reply_to(received.conversation).continuing(received.prefill)
    rng = random.Random(f"{received.conversation}, attempt {received.attempt}, {os.getpid()}")
    pause = rng.choice([0.0, 0.001, 0.005])
    if rng.random() > FAULTY_SHARE:
        return Play(tuple(reply.events()), pause_seconds=pause)
    body = reply.body()
    at = rng.randrange(len(body) + 1)
    broken = rng.choice(FAULTS).apply(body, at)
    sent = b"".join(broken.pieces)
    size = max(len(sent) // 20, 1)
    return Play(
        tuple(sent[start : start + size] for start in range(0, len(sent), size)),
        broken.ending,
        broken.framing,
        pause_seconds=pause,
    )


async def serve_backend(port: int) -> None:
    """Wait for a line, then serve until killed."""
    reader = await standard_input()
    write_line({})
    await reader.readline()
    async with faulty_backend(play_for, port=port) as backend:
        write_line({"url": backend.base_url})
        await asyncio.Event().wait()


async def serve_faulty(folder: Path, backend_url: str) -> None:
    """Serve for a backend that breaks its replies, until standard input ends; the clock is fast."""
    clock = Clock(
        seconds=lambda: time.monotonic() * CLOCK_SPEED, sleep=lambda seconds: asyncio.sleep(seconds / CLOCK_SPEED)
    )
    options = replace(GatewayOptions(), timeouts=TIMEOUTS, queue_limit=10_000, grace_seconds=0.2)
    await serve_gateway(folder, target_at(backend_url, "llamacpp", 10_000), options, clock)


async def serve_engine(folder: Path, engine_url: str, key: str) -> None:
    """Serve for a real engine, until standard input ends."""
    target = replace(target_at(engine_url, "llamacpp", 1), api_key=Secret(key), context_tokens=4096)
    await serve_gateway(folder, target, GatewayOptions(), REAL_TIME)


async def serve_gateway(folder: Path, target: BackendTarget, options: GatewayOptions, clock: Clock) -> None:
    """Serve until standard input ends, and answer each of its lines."""
    reader = await standard_input()
    async with running_gateway(folder, target, options=options, clock=clock) as running:
        write_line({"url": running.base_url})
        while await reader.readline():
            write_line({**resources(), "kept": await kept_bytes(running.base_url)})


async def standard_input() -> asyncio.StreamReader:
    """Return a reader of the standard input."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


def resources() -> dict[str, float]:
    """Return the resources this process holds; memory in bytes."""
    process = psutil.Process()
    return {
        "tasks": len(asyncio.all_tasks()),
        "files": process.num_fds(),
        "sockets": len(process.net_connections(kind="tcp")),
        "memory": process.memory_info().rss,
    }


async def kept_bytes(base_url: str) -> float:
    """Return what a gateway keeps for later requests within its budget, as its `/health` tells."""
    async with aiohttp.ClientSession() as session, session.get(f"{base_url}/health") as response:
        report = await response.json()
    return float(sum(report["memory"]["kept_bytes"].values()))


def write_line(value: dict[str, str] | dict[str, float]) -> None:
    """Write one line of JSON."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Run the server that the first argument names."""
    server, *arguments = sys.argv[1:]
    match server:
        case "backend":
            work = serve_backend(int(arguments[0]))
        case "engine-gateway":
            work = serve_engine(Path(arguments[0]), arguments[1], arguments[2])
        case _:
            work = serve_faulty(Path(arguments[0]), arguments[1])
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


if __name__ == "__main__":
    main()
