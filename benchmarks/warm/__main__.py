"""
Start the same session on a fresh engine in five ways, and print the cost of its first turn.

    uv run python -m benchmarks.warm                    Qwen2.5-Coder-0.5B, some minutes
    uv run python -m benchmarks.warm --model tiny       random weights, seconds

Tokens and the time to evaluate them are the engine's own counts; the time to first token is the gateway's.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop
from benchmarks.gateway.bodies import SENTENCE, request_body
from msgspec.structs import replace
from rich.console import Console
from rich.table import Table
from tests.parts.engines import running
from tests.parts.gateway import QUICK, RunningGateway, running_gateway
from tests.parts.json_at import at
from tests.parts.raw_client import connected
from tests.parts.sessions import send
from tests.parts.tiny_model import tiny_model_file
from tests.parts.weights import qwen_coder_file, smollm2_file, tests_cache

from anyclaude.engine import EngineOptions
from anyclaude.engine.identity import engine_identity
from anyclaude.launcher.embedded import engine_target
from anyclaude.prewarm import FirstPromptOptions, LaunchKey, PrewarmOptions, SlotSaverOptions
from anyclaude.protocol.json_values import JsonObject
from anyclaude.settings import Settings

LAUNCH_KEY = LaunchKey("/garden")
CONTEXT_TOKENS = 8_192
LIMIT_BYTES = 4 * 1024**3
REMINDER = f"<system-reminder>\n{SENTENCE * 20}</system-reminder>\n"


@dataclass(frozen=True, slots=True)
class Start:
    """How a session starts: with or without prewarming and a restore, and whether it waits until they are done."""

    title: str
    prewarms: bool
    restores: bool
    waits: bool = True


COLUMNS = (
    "start",
    "prompt",
    "tokens evaluated before the turn",
    "in, s",
    "tokens evaluated in the turn",
    "time to first token, s",
)

STARTS = (
    Start("cold", prewarms=False, restores=False),
    Start("request sent at once, during prewarming", prewarms=True, restores=False, waits=False),
    Start("after prewarming", prewarms=True, restores=False),
    Start("after a restore", prewarms=False, restores=True),
    Start("after a restore verified by prewarming", prewarms=True, restores=True),
)


def first_request_body(question: str, tools: int) -> bytes:
    """Return the first request of a session: tools, instructions, a reminder and the user's question."""
    body = json.loads(request_body(4_000, tools))
    blocks = [{"type": "text", "text": text} for text in (REMINDER, question)]
    return json.dumps({**body, "max_tokens": 8, "messages": [{"role": "user", "content": blocks}]}).encode()


@asynccontextmanager
async def running_session(folder: Path, model_file: Path, start: Start) -> AsyncIterator[RunningGateway]:
    """Run a fresh engine, and a gateway with the options of the start."""
    snapshots = folder / "states"
    snapshots.mkdir(exist_ok=True)
    options = EngineOptions(context_tokens=CONTEXT_TOKENS, slot_save_folder=str(snapshots))
    async with running(model_file, folder / "logs", options) as engine:
        identity = engine_identity(model_file, engine.context_tokens)
        slot_saver = SlotSaverOptions(folder=snapshots, engine=identity, launch_key=LAUNCH_KEY, limit_bytes=LIMIT_BYTES)
        first_prompt = FirstPromptOptions(folder / "prompts", LAUNCH_KEY)
        prewarm = PrewarmOptions(
            first_prompt=first_prompt if start.prewarms else None, slot=slot_saver if start.restores else None
        )
        chosen = replace(QUICK, prewarm=prewarm)
        async with running_gateway(folder, engine_target(engine, Settings()), options=chosen) as gateway:
            yield gateway


async def first_turn(folder: Path, model_file: Path, start: Start, body: bytes) -> tuple[list[JsonObject], float]:
    """Return the journal's records of a run up to its first turn, and the seconds before that turn was sent."""
    seen = len(_records(folder))
    async with running_session(folder, model_file, start) as gateway:
        started = time.perf_counter()
        if start.waits:
            await _wait_until_warm(gateway, start)
        seconds = time.perf_counter() - started
        async with connected(gateway.base_url) as client:
            await send(client, body, f"session-{start.title.replace(' ', '-')}")
            await client.response()
    return _records(folder)[seen:], seconds


async def measure(model_file: Path, tools: int, console: Console) -> Table:
    """Play a first session, then start the next one in every way."""
    table = Table(*COLUMNS)
    with tempfile.TemporaryDirectory(prefix="anyclaude-benchmark-") as name:
        folder = Path(name)
        earlier = Start("the earlier session", prewarms=True, restores=True, waits=False)
        await first_turn(folder, model_file, earlier, first_request_body("Pull the weeds.", tools))
        for file in (folder / "states").glob("*.bin"):
            console.print(f"slot snapshot: {file.stat().st_size:,} bytes")
        for start in STARTS:
            body = first_request_body("Water the roses.", tools)
            records, seconds = await first_turn(folder, model_file, start, body)
            table.add_row(start.title, *_row(records, seconds))
    return table


async def _wait_until_warm(gateway: RunningGateway, start: Start) -> None:
    """Wait until prewarming or a restore is over, like a user who types for long enough."""
    if start.prewarms:
        await gateway.journal.written.wait()
    elif start.restores:
        while not await _has_restored(gateway):
            pass


async def _has_restored(gateway: RunningGateway) -> bool:
    async with connected(gateway.base_url) as client:
        health = (await client.ask("GET", "/health")).json
    return at(health, "warmth", "kept_state", "restored_tokens") is not None


def _row(records: list[JsonObject], seconds: float) -> tuple[str, ...]:
    turn = next(record for record in records if record["request_class"] != "warm_up")
    before = [record for record in records if record["request_class"] == "warm_up"]
    return (
        f"{at(turn, 'usage', 'input_tokens'):,}",
        ", ".join(
            "pre-empted" if record["outcome"] == "pre_empted" else f"{_evaluated(record):,}" for record in before
        ),
        f"{seconds:.2f}",
        f"{_evaluated(turn):,}",
        f"{at(turn, 'durations', 'first_token'):.2f}",
    )


def _evaluated(record: JsonObject) -> int:
    prompt, cached = at(record, "usage", "input_tokens"), at(record, "usage", "cached_tokens")
    assert isinstance(prompt, int)
    return prompt - (cached if isinstance(cached, int) else 0)


def _records(folder: Path) -> list[JsonObject]:
    files = sorted((folder / "request-logs").glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


async def _model_file(name: str) -> Path:
    match name:
        case "qwen":
            return await qwen_coder_file()
        case "smollm2":
            return await smollm2_file()
        case _:
            return tiny_model_file(await smollm2_file(), tests_cache() / "models")


def main() -> None:
    """Read the command line, measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.warm", description="The cost of a first turn.")
    parser.add_argument("--model", choices=["qwen", "smollm2", "tiny"], default="qwen")
    parser.add_argument("--tools", type=int, default=8, help="how many tools the prompt has; each is about 350 tokens")
    options = parser.parse_args()
    console = Console(file=sys.stdout, width=110)
    console.print(uvloop.run(_measured(options.model, options.tools, console)))


async def _measured(model: str, tools: int, console: Console) -> Table:
    return await measure(await _model_file(model), tools, console)


if __name__ == "__main__":
    main()
