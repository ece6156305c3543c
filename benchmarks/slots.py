"""
What llama.cpp evaluates when conversations share its slots: chosen by itself, or pinned with `id_slot`.

    uv run python -m benchmarks.slots                     every combination, about two minutes
    uv run python -m benchmarks.slots --together          main conversation and sub-agents ask at the same time

A main conversation, two sub-agents whose prompts begin alike, and auxiliary calls, against a server of its own for
each combination.  The figures are the server's own (`timings.prompt_n`), summed over all prompts.
"""

import argparse
import asyncio
import itertools
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec
import uvloop
from msgspec import Struct
from rich.console import Console
from tests.parts.tiny_model import tiny_model_file
from tests.parts.weights import smollm2_file, tests_cache

CONTEXT_TOKENS = 65_536
TURNS = 6


class Setting(Struct, frozen=True):
    """How a user runs llama.cpp."""

    slots: int
    unified: bool
    cache_ram_mib: int
    similarity: float


class Prompt(Struct, frozen=True):
    """One request: whose, and what it says."""

    who: str
    text: str


class _Timings(Struct):
    prompt_n: int
    cache_n: int


class _Answer(Struct):
    timings: _Timings


def settings() -> Iterator[Setting]:
    """Return all combinations; with one slot there is nothing to unify."""
    for slots, unified, ram, similarity in itertools.product((1, 2, 4), (False, True), (0, 8192), (0.1, 0.95)):
        if slots > 1 or not unified:
            yield Setting(slots, unified, ram, similarity)


def rounds() -> Iterator[list[Prompt]]:
    """Yield what is asked at one time: in the first and last rounds only the main conversation speaks."""
    for turn in range(TURNS):
        asked = [Prompt("main", _grown("main", 5000, 400, turn))]
        if 1 <= turn <= 4:
            shared = _words("the sub-agents' instructions", 3500)
            asked += [Prompt(name, shared + _grown(name, 150, 300, turn - 1)) for name in ("one", "two")]
        if turn in {0, 2, 3}:
            asked.append(Prompt("auxiliary", _words(f"title {turn}", 300)))
        yield asked


def pinned_slot(who: str, slots: int) -> int:
    """Return where a conversation is pinned: the main one has the first slot to itself if there are others."""
    place = ("main", "one", "two", "auxiliary").index(who)
    return 0 if slots == 1 or place == 0 else 1 + (place - 1) % (slots - 1)


async def evaluated(setting: Setting, model_file: Path, *, pinned: bool, together: bool) -> int:
    """Return how many tokens the server evaluates."""
    async with serving(setting, model_file) as url, aiohttp.ClientSession(url) as session:
        total = 0
        for asked in rounds():
            requests = [_ask(session, prompt, setting.slots if pinned else None) for prompt in asked]
            counts = await asyncio.gather(*requests) if together else [await request for request in requests]
            total += sum(counts)
        return total


async def _ask(session: aiohttp.ClientSession, prompt: Prompt, pinned_among: int | None) -> int:
    body: dict[str, object] = {"prompt": prompt.text, "n_predict": 1, "cache_prompt": True}
    if pinned_among is not None:
        body["id_slot"] = pinned_slot(prompt.who, pinned_among)
    async with session.post("/completion", json=body, raise_for_status=True) as response:
        return msgspec.json.decode(await response.read(), type=_Answer).timings.prompt_n


@asynccontextmanager
async def serving(setting: Setting, model_file: Path) -> AsyncIterator[str]:
    """Run a server for the time of the block, and return where it listens."""
    command = (sys.executable, "-m", "benchmarks.slots", "--serve", str(model_file), msgspec.json.encode(setting))
    process = await asyncio.create_subprocess_exec(
        *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.kill()
        await process.wait()


def _serve(model_file: str, encoded: str) -> None:
    """Run llama.cpp's server until standard input ends, and say where it listens."""
    import xllamacpp

    setting = msgspec.json.decode(encoded, type=Setting)
    os.environ["LLAMA_SERVER_SLOTS_DEBUG"] = "1"  # `/slots` then shows the prompts
    answers = os.dup(1)
    os.dup2(2, 1)
    parameters = xllamacpp.CommonParams()
    parameters.model.path = model_file
    parameters.hostnames, parameters.port = ["127.0.0.1"], 0
    parameters.n_ctx = CONTEXT_TOKENS
    parameters.n_parallel, parameters.kv_unified = setting.slots, setting.unified
    parameters.cache_ram_mib, parameters.slot_prompt_similarity = setting.cache_ram_mib, setting.similarity
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    parameters.fit_params = parameters.ui = False
    server = xllamacpp.Server(parameters)
    os.write(answers, f"{server.listening_address}\n".encode())
    sys.stdin.read()
    os._exit(0)


def _grown(name: str, first: int, each: int, turn: int) -> str:
    return _words(name, first) + "".join(_words(f"{name} {number}", each) for number in range(1, turn + 1))


def _words(seed: str, count: int) -> str:
    """Return text of about so many tokens that no other seed begins with."""
    return f"[{seed}] " + " ".join(("read", "file", "line", "test")[hash_of(seed, n) % 4] for n in range(count))


def hash_of(seed: str, number: int) -> int:
    """Return the same number in every process."""
    return sum(map(ord, seed)) * 31 + number * number // 3


async def measure(*, together: bool) -> None:
    """Print the table."""
    model_file = tiny_model_file(await smollm2_file(), tests_cache() / "models")
    console = Console(file=sys.stdout)
    console.print("| slots | unified | cache-ram | similarity | automatic | pinned |\n|---|---|---|---:|---:|---:|")
    for setting in settings():
        counts = [await evaluated(setting, model_file, pinned=pinned, together=together) for pinned in (False, True)]
        columns = (setting.slots, setting.unified, setting.cache_ram_mib, setting.similarity, *counts)
        console.print("| " + " | ".join(map(str, columns)) + " |")


def main() -> None:
    """Read the command line, and serve or measure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.slots", description="What slots evaluate twice.")
    parser.add_argument("--together", action="store_true", help="ask at the same time, as far as there are slots")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        _serve(*given.serve)
    else:
        uvloop.run(measure(together=given.together))


if __name__ == "__main__":
    main()
