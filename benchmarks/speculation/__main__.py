"""
Generate the same texts without drafts and with each setting of `speculation`, and compare speed and text.

    uv run python -m benchmarks.speculation             Qwen2.5-Coder-0.5B, some minutes
    uv run python -m benchmarks.speculation --model FILE [--draft-model FILE]
    uv run python -m benchmarks.speculation --write     the table goes into docs/benchmarks.md
"""

import argparse
import asyncio
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
from benchmarks.machine import machine
from tests.parts.engines import ask, running
from tests.parts.weights import qwen_coder_file

from anyclaude.engine import EngineOptions
from anyclaude.engine.embedded import EmbeddedEngine
from anyclaude.engine.speculation import SPECULATIONS

from .report import Generated, Replies, section, write_section
from .texts import KINDS, Body, Kind

PAGE = Path(__file__).parents[2] / "docs/benchmarks.md"
CONTEXT_TOKENS = 4096


def main() -> None:
    """Read the command line, measure, print, and write the page if told to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speculation", description="Speed and text with drafts.")
    parser.add_argument("--model", type=Path, help="a GGUF file; by default Qwen2.5-Coder-0.5B")
    parser.add_argument("--draft-model", type=Path, help="a GGUF file of the same family")
    parser.add_argument("--rounds", type=int, default=2, help="how often each text is generated, after a first time")
    parser.add_argument("--tokens", type=int, default=200, help="tokens of a reply at most")
    parser.add_argument("--write", action="store_true", help="write the table into docs/benchmarks.md")
    given = parser.parse_args()
    results = asyncio.run(measure(given.model, given.draft_model, given.rounds, given.tokens))
    command = f"uv run python -m benchmarks.speculation --rounds {given.rounds} --tokens {given.tokens}"
    text = section(results, command, machine())
    sys.stdout.write(text)
    if given.write:
        write_section(PAGE, text)


async def measure(model: Path | None, draft_model: Path | None, rounds: int, tokens: int) -> dict[str, Replies]:
    """Return the replies to all requests; the setups take turns, so that the machine's other load falls on all."""
    model = model or await qwen_coder_file()
    async with AsyncExitStack() as stack:
        logs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="anyclaude-benchmark-")))
        engines: dict[str, EmbeddedEngine] = {}
        for name in ("off", "short", "long"):
            drafts = str(draft_model) if draft_model and name != "off" else None
            options = EngineOptions(context_tokens=CONTEXT_TOKENS, speculation=SPECULATIONS[name], draft_model=drafts)
            engines[name] = await stack.enter_async_context(running(model, logs, options))
        return {kind.title: await _replies(kind, engines, rounds, tokens) for kind in KINDS}


async def _replies(kind: Kind, engines: dict[str, EmbeddedEngine], rounds: int, tokens: int) -> Replies:
    replies: dict[str, list[list[Generated]]] = {name: [[] for _ in kind.requests] for name in engines}
    for number, request in enumerate(kind.requests):
        for engine in engines.values():
            await _generated(engine, request, 1)  # evaluates the prompt
        for _ in range(rounds):
            for name, engine in engines.items():
                replies[name][number].append(await _generated(engine, request, tokens))
                sys.stderr.write(f"{kind.title}, {name}: {replies[name][number][-1].speed:.1f} tokens per second\n")
    return replies


class _Message(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    message: _Message


class _Timings(msgspec.Struct):
    predicted_n: int
    predicted_per_second: float
    draft_n: int = 0
    draft_n_accepted: int = 0


class _Completion(msgspec.Struct):
    choices: tuple[_Choice, ...]
    timings: _Timings


async def _generated(engine: EmbeddedEngine, request: Body, tokens: int) -> Generated:
    body = {**request, "max_tokens": tokens, "temperature": 0}
    completion = msgspec.convert(await ask(engine, "/v1/chat/completions", body), _Completion)
    timings = completion.timings
    return Generated(
        completion.choices[0].message.content or "",
        timings.predicted_n,
        timings.predicted_per_second,
        timings.draft_n,
        timings.draft_n_accepted,
    )


if __name__ == "__main__":
    main()
