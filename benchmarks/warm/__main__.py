"""
Begin the same session on a fresh engine in four ways, and print what its first turn waits for.

    uv run python -m benchmarks.warm                    Qwen2.5-Coder-0.5B, some minutes
    uv run python -m benchmarks.warm --model tiny       random weights, seconds

Tokens and the time to evaluate them are the engine's own counts, the time to the first token is the gateway's.
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

PLACE = LaunchKey("/garden")
CONTEXT_TOKENS = 8_192
LIMIT_BYTES = 4 * 1024**3
REMINDER = f"<system-reminder>\n{SENTENCE * 20}</system-reminder>\n"


@dataclass(frozen=True, slots=True)
class Beginning:
    """How a session begins: what helps it, and whether it waits until all of that is done."""

    title: str
    warms_up: bool
    restores: bool
    waits: bool = True


BEGINNINGS = (
    Beginning("cold", warms_up=False, restores=False),
    Beginning("at once, during the warm-up", warms_up=True, restores=False, waits=False),
    Beginning("after the warm-up", warms_up=True, restores=False),
    Beginning("after the restore", warms_up=False, restores=True),
    Beginning("after the restore, proved by a warm-up", warms_up=True, restores=True),
)


def first_prompt(words: str, tools: int) -> bytes:
    """Return the first request of a session: tools, instructions, a reminder and the user's words."""
    body = json.loads(request_body(4_000, tools))
    blocks = [{"type": "text", "text": text} for text in (REMINDER, words)]
    return json.dumps({**body, "max_tokens": 8, "messages": [{"role": "user", "content": blocks}]}).encode()


@asynccontextmanager
async def begun(folder: Path, model_file: Path, beginning: Beginning) -> AsyncIterator[RunningGateway]:
    """Run a fresh engine and a gateway that does what the beginning says."""
    states = folder / "states"
    states.mkdir(exist_ok=True)
    options = EngineOptions(context_tokens=CONTEXT_TOKENS, slot_save_folder=str(states))
    async with running(model_file, folder / "logs", options) as engine:
        identity = engine_identity(model_file, engine.context_tokens)
        kept = SlotSaverOptions(folder=states, engine=identity, launch_key=PLACE, limit_bytes=LIMIT_BYTES)
        prompt = FirstPromptOptions(folder / "prompts", PLACE)
        prewarm = PrewarmOptions(
            first_prompt=prompt if beginning.warms_up else None, slot=kept if beginning.restores else None
        )
        chosen = replace(QUICK, prewarm=prewarm)
        async with running_gateway(folder, engine_target(engine, Settings()), options=chosen) as gateway:
            yield gateway


async def first_turn(
    folder: Path, model_file: Path, beginning: Beginning, body: bytes
) -> tuple[list[JsonObject], float]:
    """Return the journal of a run up to its first turn, and the seconds from the start until it could be asked."""
    seen = len(_records(folder))
    async with begun(folder, model_file, beginning) as gateway:
        began = time.perf_counter()
        if beginning.waits:
            await _is_warm(gateway, beginning)
        seconds = time.perf_counter() - began
        async with connected(gateway.base_url) as client:
            await send(client, body, f"session-{beginning.title.replace(' ', '-')}")
            await client.response()
    return _records(folder)[seen:], seconds


async def measure(model_file: Path, tools: int, console: Console) -> Table:
    """Live through a first session, then begin the next one in every way."""
    table = Table("beginning", "prompt", "evaluated before", "s", "evaluated in turn", "first token, s")
    with tempfile.TemporaryDirectory(prefix="anyclaude-benchmark-") as name:
        folder = Path(name)
        everything = Beginning("the session before", warms_up=True, restores=True, waits=False)
        await first_turn(folder, model_file, everything, first_prompt("Pull the weeds.", tools))
        for file in (folder / "states").glob("*.bin"):
            console.print(f"its state: {file.stat().st_size:,} bytes")
        for beginning in BEGINNINGS:
            body = first_prompt("Water the roses.", tools)
            records, seconds = await first_turn(folder, model_file, beginning, body)
            table.add_row(beginning.title, *_row(records, seconds))
    return table


async def _is_warm(gateway: RunningGateway, beginning: Beginning) -> None:
    """Wait until a warm-up or a restore is over, as a user does who types for long enough."""
    if beginning.warms_up:
        await gateway.journal.written.wait()
    elif beginning.restores:
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
    parser = argparse.ArgumentParser(prog="python -m benchmarks.warm", description="What a first turn waits for.")
    parser.add_argument("--model", choices=["qwen", "smollm2", "tiny"], default="qwen")
    parser.add_argument("--tools", type=int, default=8, help="how many tools the prompt has; each is about 350 tokens")
    given = parser.parse_args()
    console = Console(file=sys.stdout, width=110)
    console.print(uvloop.run(_measured(given.model, given.tools, console)))


async def _measured(model: str, tools: int, console: Console) -> Table:
    return await measure(await _model_file(model), tools, console)


if __name__ == "__main__":
    main()
