"""
Ask real models plain questions with their own chat template and with ours, and print what is wrong with the answers.

    uv run python -m benchmarks.plain_answers                  the models that the tests use
    uv run python -m benchmarks.plain_answers --model FILE     another model, as well
    uv run python -m benchmarks.plain_answers --write          the table goes into docs/benchmarks.md
"""

import argparse
import asyncio
import os
import platform
import sys
import tempfile
from pathlib import Path

import aiohttp
import msgspec
from tests.parts.gateway import running_gateway, target_at
from tests.parts.null_progress import NullProgress
from tests.parts.weights import qwen_coder_file, smollm2_file

from anyclaude.engine import EngineOptions
from anyclaude.engine.chat_templates import chat_template_for
from anyclaude.engine.embedded import start_engine
from anyclaude.engine.gguf import read_metadata
from anyclaude.secret import Secret

from .judgement import Answer, Faults, faults_of
from .questions import QUESTIONS
from .report import Comparison, section, write_section

PAGE = Path(__file__).parents[2] / "docs/benchmarks.md"
MAX_TOKENS = 120
CONTEXT_TOKENS = 1024
KEY = "measuring"


def main() -> None:
    """Read the command line, measure, print, and write the page if told to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plain_answers", description="Answers without tools.")
    parser.add_argument("--model", type=Path, action="append", default=[], help="a GGUF file to measure as well")
    parser.add_argument("--threads", type=int, help="compute threads of the engine; by default all cores")
    parser.add_argument("--show", action="store_true", help="print every answer")
    parser.add_argument("--write", action="store_true", help="write the table into docs/benchmarks.md")
    given = parser.parse_args()
    comparisons = asyncio.run(_compare(given.model, given.threads, given.show))
    machine = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    text = section(comparisons, len(QUESTIONS), MAX_TOKENS, machine)
    sys.stdout.write(text)
    if given.write:
        write_section(PAGE, text)


async def _compare(more: list[Path], threads: int | None, shows: bool) -> list[Comparison]:
    models = (await smollm2_file(), await qwen_coder_file(), *more)
    return [await _comparison(model, threads, shows) for model in models]


async def _comparison(model: Path, threads: int | None, shows: bool) -> Comparison:
    metadata = await asyncio.to_thread(read_metadata, model)
    faults: list[Faults] = []
    for template in (metadata.chat_template, chat_template_for(metadata) or metadata.chat_template):
        options = EngineOptions(context_tokens=CONTEXT_TOKENS, threads=threads, chat_template=template)
        answers = await _answers(model, options)
        faults.append(faults_of(answers))
        if shows:
            _show(answers)
    return Comparison(model.stem, *faults)


def _show(answers: list[Answer]) -> None:
    for question, answer in zip(QUESTIONS, answers, strict=True):
        sys.stdout.write(f"{question!r}: {answer}\n")


async def _answers(model: Path, options: EngineOptions) -> list[Answer]:
    """Return the model's answers, as a client of the gateway receives them."""
    with tempfile.TemporaryDirectory(prefix="anyclaude-benchmark-") as name:
        folder = Path(name)
        async with start_engine(model, folder / "logs", NullProgress(), api_key=KEY, options=options) as engine:
            target = msgspec.structs.replace(
                target_at(f"{engine.base_url}/v1", "embedded"),
                model=engine.model_name,
                api_key=Secret(KEY),
                context_tokens=engine.context_tokens,
            )
            async with running_gateway(folder, target) as gateway, aiohttp.ClientSession(gateway.base_url) as session:
                return [await _answer(session, question) for question in QUESTIONS]


class _Block(msgspec.Struct, frozen=True):
    type: str
    text: str = ""


class _Message(msgspec.Struct, frozen=True):
    content: tuple[_Block, ...]
    stop_reason: str


async def _answer(session: aiohttp.ClientSession, question: str) -> Answer:
    body = {
        "model": "local",
        "max_tokens": MAX_TOKENS,
        "temperature": 0,
        "messages": [{"role": "user", "content": question}],
    }
    async with session.post("/v1/messages", json=body, raise_for_status=True) as response:
        message = msgspec.json.decode(await response.read(), type=_Message)
    return Answer("".join(block.text for block in message.content), message.stop_reason == "end_turn")


if __name__ == "__main__":
    main()
