"""
The two servers of the chaos run, each a process of its own.

    python -m tests.faults.chaos_roles gateway FOLDER BACKEND_URL
    python -m tests.faults.chaos_roles backend PORT

Each says in one line of JSON where it listens.  The gateway then answers every line on its standard input with what
it holds at that moment.
"""

import asyncio
import json
import os
import random
import sys
import time
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it ships no types
import uvloop
from msgspec.structs import replace
from tests.faults.faults import CLOSES, CLOSES_UNFRAMED, ENDS, FAILS, GARBLES, RESETS, STALLS
from tests.faults.meant import Arguments, Begin, Meant, PromptPart, Text, Thought
from tests.parts.faulty_backend import Play, Received, faulty_backend
from tests.parts.gateway import running_gateway, target_at

from anyclaude.exchange import Clock
from anyclaude.server import GatewayOptions
from anyclaude.timeouts import Timeouts

HASTE = 20.0
"""The gateway's clock runs this much faster: pauses between attempts, and the rest of an open circuit."""

PATIENCE = Timeouts(first_byte_seconds=3.0, stall_seconds=0.5, finish_seconds=0.5, retry_seconds=60.0)

FAULTS = (ENDS, CLOSES, CLOSES_UNFRAMED, RESETS, STALLS, GARBLES, FAILS)

FAULTY_SHARE = 0.5


def meant_by(conversation: str) -> Meant:
    """Return the reply to a conversation: whoever knows its name knows the reply."""
    dice = random.Random(conversation)
    pieces: list[PromptPart] = []
    if dice.random() < 0.4:
        pieces += [Thought(f"hm {dice.random()} ") for _ in range(dice.randrange(1, 10))]
    pieces += [Text(f"né{dice.random()} 🙂 ") for _ in range(dice.randrange(1, 60))]
    calls = dice.randrange(3)
    for call in range(calls):
        arguments = json.dumps({"command": f"echo {dice.random()} é"}, ensure_ascii=False)
        pieces += [
            Begin(call, "Bash"),
            *(Arguments(call, arguments[at : at + 9]) for at in range(0, len(arguments), 9)),
        ]
    return Meant(tuple(pieces), "tool_calls" if calls else "stop")


def play_for(received: Received) -> Play:
    """Return what the backend does with a request: half of the replies are broken, each attempt in its own way."""
    meant = meant_by(received.conversation).after(received.prefill)
    dice = random.Random(f"{received.conversation}, attempt {received.attempt}, {os.getpid()}")
    pause = dice.choice([0.0, 0.001, 0.005])
    if dice.random() > FAULTY_SHARE:
        return Play(tuple(meant.events()), pause_seconds=pause)
    body = meant.body()
    at = dice.randrange(len(body) + 1)
    broken = dice.choice(FAULTS).strike(body, at)
    sent = b"".join(broken.pieces)
    size = max(len(sent) // 20, 1)
    return Play(
        tuple(sent[start : start + size] for start in range(0, len(sent), size)),
        broken.ending,
        broken.framing,
        pause_seconds=pause,
    )


async def be_backend(port: int) -> None:
    """Serve until killed."""
    async with faulty_backend(play_for, port=port) as backend:
        tell({"url": backend.base_url})
        await asyncio.Event().wait()


async def be_gateway(folder: Path, backend_url: str) -> None:
    """Serve until standard input ends."""
    clock = Clock(seconds=lambda: time.monotonic() * HASTE, sleep=lambda seconds: asyncio.sleep(seconds / HASTE))
    options = replace(GatewayOptions(), timeouts=PATIENCE, queue_limit=10_000, grace_seconds=0.2)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with running_gateway(
        folder, target_at(backend_url, "llamacpp", 10_000), options=options, clock=clock
    ) as running:
        tell({"url": running.base_url})
        while await reader.readline():
            tell(held())


def held() -> dict[str, float]:
    """Return what this process holds."""
    process = psutil.Process()
    return {
        "tasks": len(asyncio.all_tasks()),
        "files": process.num_fds(),
        "sockets": len(process.net_connections(kind="tcp")),
        "memory": process.memory_info().rss,
    }


def tell(value: dict[str, str] | dict[str, float]) -> None:
    """Write one line of JSON."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Play the role that is asked for."""
    role, *rest = sys.argv[1:]
    work = be_backend(int(rest[0])) if role == "backend" else be_gateway(Path(rest[0]), rest[1])
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


if __name__ == "__main__":
    main()
