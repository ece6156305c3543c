"""
Play the tasks with variants of the diets, and count valid and right calls: which tools and sentences are worth tokens.

    uv run python -m benchmarks.tools.diets                            Qwen2.5-Coder-0.5B
    uv run python -m benchmarks.tools.diets --tasks 12 --json FILE     a short run, and the raw replies, one a line
    uv run python -m benchmarks.tools.diets --variants 0,3,7           some of the variants, by number

Each prompt is the first one that the real client writes under a diet, with the words of a task in place of the user's.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

import uvloop
from benchmarks.diets.first_request import first_request
from benchmarks.machine import machine
from jsonschema import Draft202012Validator
from tests.parts.claude_code_versions import NATIVE, installed_client
from tests.parts.engines import running
from tests.parts.gateway import running_gateway

from anyclaude.backends import fitted_to_template
from anyclaude.backends.http import HttpBackend, open_session
from anyclaude.engine import EngineOptions
from anyclaude.launcher.client.diets import CLIENT_DIETS
from anyclaude.launcher.compose import launch_options
from anyclaude.launcher.embedded import engine_target
from anyclaude.protocol.json_values import JsonObject
from anyclaude.protocol.messages_request import MessagesRequest, decode_request, encode_request
from anyclaude.settings import Settings

from .arms import Arm, Way
from .models import PINNED, model_file
from .play import ask, client_session, conversation_of
from .replies import Reply, Verdict, verdict
from .tasks import Task
from .variants import VARIANTS, Variant, answerable, tools_only

CONTEXT_TOKENS = 16_384
"""Twice the longest prompt; a model that was trained for less gets its own."""
FOLDER = "/srv/app"
"""The working directory of the tasks."""
CORE = ("Bash", "Edit", "Read", "Write")
"""The tools of `minimal`: tasks that one of them answers can be compared across all variants."""
HEADER = ("variant", "tokens", "valid calls", "right calls", "of these with the tools of `minimal`", "cut replies")


@dataclass(frozen=True, slots=True)
class Played:
    """One reply: the task, the variant, what came, and what it is worth."""

    task: Task
    variant: Variant
    reply: Reply
    verdict: Verdict


def main() -> None:
    """Read the command line, play, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tools.diets", description="Tool calls by diet.")
    parser.add_argument("--model", default="qwen2.5-coder-0.5b", help=f"NAME=PATH.gguf, or {', '.join(PINNED)}")
    parser.add_argument("--tasks", type=int, default=60, help="how many tasks, spread over the sets of tools")
    parser.add_argument("--max-tokens", type=int, default=100, help="the longest reply")
    parser.add_argument("--variants", default=",".join(map(str, range(len(VARIANTS)))), help="their numbers")
    parser.add_argument("--tools-only", action="store_true", help="two sentences in place of the system prompt")
    parser.add_argument("--tool-choice", default="auto", choices=("auto", "any"), help="whether a call is demanded")
    parser.add_argument(
        "--threads", type=int, help="of the engine; one on a busy machine, where threads wait for each other"
    )
    parser.add_argument("--json", type=Path, help="write the raw replies to this file, one a line")
    options = parser.parse_args()
    variants = [VARIANTS[int(number)] for number in options.variants.split(",")]
    with ExitStack() as stack:
        raw = stack.enter_context(options.json.open("w", encoding="utf-8")) if options.json else None
        played = uvloop.run(measure(options, variants, raw))
    command = " ".join(("uv run python -m benchmarks.tools.diets", *sys.argv[1:]))
    sys.stdout.write(f"`{command}` · {machine()}\n\n{table(played, variants)}\n")


async def measure(options: argparse.Namespace, variants: Sequence[Variant], raw: TextIO | None) -> list[Played]:
    """Return the replies of all variants to all tasks."""
    _, file = await model_file(options.model)
    with tempfile.TemporaryDirectory(prefix="anyclaude-benchmark-") as folder:
        written = await _written({variant.client for variant in variants}, Path(folder))
        if options.tools_only:
            written = {diet: tools_only(request) for diet, request in written.items()}
        turns = _turns(answerable(written, options.tasks), variants)
        async with _open_way(file, Path(folder), options.threads) as way, client_session() as session:
            played: list[Played] = []
            for task, variant in turns:
                prompt = variant.prompt(written[variant.client], task)
                body = _body(prompt, options.max_tokens, options.tool_choice)
                reply = await ask(session, way, conversation_of(task, variant.title), body)
                played.append(Played(task, variant, reply, verdict(task, reply, _validators(prompt))))
                _report(played[-1], raw)
            return played


def _turns(tasks: Sequence[Task], variants: Sequence[Variant]) -> Iterator[tuple[Task, Variant]]:
    """Yield each task with each variant; the variants take turns, and another begins with each task."""
    for number, task in enumerate(tasks):
        start = number % len(variants)
        for variant in (*variants[start:], *variants[:start]):
            yield task, variant


def table(played: Sequence[Played], variants: Sequence[Variant]) -> str:
    """Return the figures of each variant as a Markdown table."""
    lines = [HEADER, ("---", *("---:" for _ in HEADER[1:])), *(_row(played, variant) for variant in variants)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _row(played: Sequence[Played], variant: Variant) -> tuple[str, ...]:
    ours = [one for one in played if one.variant == variant]
    core = [one for one in ours if any(call.tool in CORE for call in one.task.right)]
    tokens = sorted(one.reply.input_tokens or 0 for one in ours)
    return (
        variant.title,
        f"{tokens[len(tokens) // 2]:,}",
        f"{sum(one.verdict.is_valid for one in ours)} of {len(ours)}",
        f"{sum(one.verdict.is_right for one in ours)} of {len(ours)}",
        f"{sum(one.verdict.is_right for one in core)} of {len(core)}",
        str(sum(one.verdict.is_cut for one in ours)),
    )


async def _written(diets: set[str], folder: Path) -> Mapping[str, MessagesRequest]:
    """Return the first request that the client writes under each diet, in the folder of the tasks."""
    found: dict[str, MessagesRequest] = {}
    for diet in CLIENT_DIETS:
        if diet.name in diets:
            request = await first_request(installed_client(NATIVE), diet, folder / diet.name)
            tree = str(folder / diet.name / "tree").encode()
            found[diet.name] = decode_request(encode_request(request).replace(tree, FOLDER.encode()))
    return found


@asynccontextmanager
async def _open_way(file: Path, folder: Path, threads: int | None) -> AsyncIterator[Way]:
    """Run an engine, and a gateway that edits no prompt in front of it."""
    async with AsyncExitStack() as stack:
        options = EngineOptions(context_tokens=CONTEXT_TOKENS, threads=threads)
        engine = await stack.enter_async_context(running(file, folder / "engine", options))
        async with open_session() as session:
            target = await fitted_to_template(HttpBackend(session, engine_target(engine, Settings())))
        gateway_options = launch_options(Settings(log_dir=folder / "logs"), "full")
        gateway = await stack.enter_async_context(running_gateway(folder / "gateway", target, options=gateway_options))
        yield Way(Arm("anyclaude", "constrained"), gateway.base_url, gateway=gateway)


def _body(prompt: MessagesRequest, max_tokens: int, tool_choice: str) -> JsonObject:
    """Return the body of a request for a reply that is sampled without chance."""
    body: JsonObject = json.loads(encode_request(prompt))
    kept = {part: body[part] for part in ("model", "system", "tools", "messages")}
    return {**kept, "max_tokens": max_tokens, "temperature": 0, "stream": True, "tool_choice": {"type": tool_choice}}


def _validators(prompt: MessagesRequest) -> Mapping[str, Draft202012Validator]:
    return {tool.name: Draft202012Validator(dict(tool.input_schema or {})) for tool in prompt.tools}


def _report(played: Played, raw: TextIO | None) -> None:
    """Print a line for a reply, and write it to `raw`, for analysis."""
    judged, reply = played.verdict, played.reply
    word = "right" if judged.is_right else "valid" if judged.is_valid else "no valid call"
    sys.stderr.write(f"{reply.seconds:6.1f} s  {word:14} {played.variant.title:40} {played.task.prompt}\n")
    if raw is not None:
        line = {"task": played.task.prompt, "variant": played.variant.title, **asdict(judged), **asdict(reply)}
        raw.write(f"{json.dumps(line, ensure_ascii=False)}\n")
        raw.flush()


if __name__ == "__main__":
    main()
