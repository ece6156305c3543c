"""
The tokens llama.cpp evaluates when conversations share its slots, chosen automatically or pinned with `id_slot`.

    uv run python -m benchmarks.slots                     every combination, about two minutes
    uv run python -m benchmarks.slots --together          main conversation and sub-agents send requests concurrently

A main conversation, two sub-agents with a common prefix, and auxiliary calls, against a new server for each
combination.  The figures are the server's own (`timings.prompt_n`), summed over all prompts.
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
from benchmarks.child_server import child_server
from msgspec import Struct
from rich.console import Console
from tests.parts.tiny_model import tiny_model_file
from tests.parts.weights import smollm2_file, tests_cache

CONTEXT_TOKENS = 65_536
TURNS = 6


class ServerOptions(Struct, frozen=True):
    """The options of a llama.cpp server."""

    slots: int
    unified: bool
    cache_ram_mib: int
    similarity: float


class Prompt(Struct, frozen=True):
    """One request: its conversation, and its text."""

    conversation: str
    text: str


class _Timings(Struct):
    prompt_n: int
    cache_n: int


class _Response(Struct):
    timings: _Timings


def combinations() -> Iterator[ServerOptions]:
    """Yield all combinations; with one slot, a unified KV cache makes no difference."""
    for slots, unified, ram, similarity in itertools.product((1, 2, 4), (False, True), (0, 8192), (0.1, 0.95)):
        if slots > 1 or not unified:
            yield ServerOptions(slots, unified, ram, similarity)


def rounds() -> Iterator[list[Prompt]]:
    """Yield the prompts of each round: in the first and last rounds there is no sub-agent."""
    for turn in range(TURNS):
        prompts = [Prompt("main", _grown("main", 5000, 400, turn))]
        if 1 <= turn <= 4:
            shared = _words("the sub-agents' instructions", 3500)
            prompts += [Prompt(name, shared + _grown(name, 150, 300, turn - 1)) for name in ("one", "two")]
        if turn in {0, 2, 3}:
            prompts.append(Prompt("auxiliary", _words(f"title {turn}", 300)))
        yield prompts


def pinned_slot(conversation: str, slots: int) -> int:
    """Return the slot of a conversation; the main conversation does not share its slot if there are others."""
    number = ("main", "one", "two", "auxiliary").index(conversation)
    return 0 if slots == 1 or number == 0 else 1 + (number - 1) % (slots - 1)


async def evaluated(options: ServerOptions, model_file: Path, *, pinned: bool, together: bool) -> int:
    """Return the number of tokens the server evaluates."""
    async with serving(options, model_file) as url, aiohttp.ClientSession(url) as session:
        total = 0
        for prompts in rounds():
            requests = [_evaluate(session, prompt, options.slots if pinned else None) for prompt in prompts]
            counts = await asyncio.gather(*requests) if together else [await request for request in requests]
            total += sum(counts)
        return total


async def _evaluate(session: aiohttp.ClientSession, prompt: Prompt, pinned_among: int | None) -> int:
    body: dict[str, object] = {"prompt": prompt.text, "n_predict": 1, "cache_prompt": True}
    if pinned_among is not None:
        body["id_slot"] = pinned_slot(prompt.conversation, pinned_among)
    async with session.post("/completion", json=body, raise_for_status=True) as response:
        return msgspec.json.decode(await response.read(), type=_Response).timings.prompt_n


@asynccontextmanager
async def serving(options: ServerOptions, model_file: Path) -> AsyncIterator[str]:
    """Run a server until the block ends, and yield its URL."""
    command = (sys.executable, "-m", "benchmarks.slots", "--serve", str(model_file), msgspec.json.encode(options))
    async with child_server(command, subprocess.DEVNULL) as url:
        yield url


def _serve(model_file: str, encoded: str) -> None:
    """Run llama.cpp's server until standard input ends, and print its URL."""
    import xllamacpp

    options = msgspec.json.decode(encoded, type=ServerOptions)
    os.environ["LLAMA_SERVER_SLOTS_DEBUG"] = "1"  # `/slots` then shows the prompts
    output = os.dup(1)
    os.dup2(2, 1)
    parameters = xllamacpp.CommonParams()
    parameters.model.path = model_file
    parameters.hostnames, parameters.port = ["127.0.0.1"], 0
    parameters.n_ctx = CONTEXT_TOKENS
    parameters.n_parallel, parameters.kv_unified = options.slots, options.unified
    parameters.cache_ram_mib, parameters.slot_prompt_similarity = options.cache_ram_mib, options.similarity
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    parameters.fit_params = parameters.ui = False
    server = xllamacpp.Server(parameters)
    os.write(output, f"{server.listening_address}\n".encode())
    sys.stdin.read()
    os._exit(0)


def _grown(name: str, first: int, each: int, turn: int) -> str:
    return _words(name, first) + "".join(_words(f"{name} {number}", each) for number in range(1, turn + 1))


def _words(seed: str, count: int) -> str:
    """Return text of about `count` tokens with a prefix that no other seed has."""
    return f"[{seed}] " + " ".join(("read", "file", "line", "test")[hash_of(seed, n) % 4] for n in range(count))


def hash_of(seed: str, number: int) -> int:
    """Return a number that is the same in every process."""
    return sum(map(ord, seed)) * 31 + number * number // 3


async def measure(*, together: bool) -> None:
    """Print the table."""
    model_file = tiny_model_file(await smollm2_file(), tests_cache() / "models")
    console = Console(file=sys.stdout)
    console.print("| slots | unified | cache-ram | similarity | automatic | pinned |\n|---|---|---|---:|---:|---:|")
    for options in combinations():
        counts = [await evaluated(options, model_file, pinned=pinned, together=together) for pinned in (False, True)]
        columns = (options.slots, options.unified, options.cache_ram_mib, options.similarity, *counts)
        console.print("| " + " | ".join(map(str, columns)) + " |")


def main() -> None:
    """Read the command line, and serve or measure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.slots", description="What slots evaluate again.")
    parser.add_argument("--together", action="store_true", help="send requests concurrently, as far as there are slots")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        _serve(*arguments.serve)
    else:
        uvloop.run(measure(together=arguments.together))


if __name__ == "__main__":
    main()
