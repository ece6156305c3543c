"""What a user of `-p` sees while Claude Code shows nothing."""

import asyncio
import os
import pty
import signal
import stat
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # it ships no types
import pytest
from msgspec.structs import replace
from tests.launcher.test_status_line import Screen, visible
from tests.parts.chat_reply import Hold, Raw, reply, say, sse
from tests.parts.chat_script import one_by_one
from tests.parts.chat_server import chat_server
from tests.parts.exchange_events import MAIN, ended
from tests.parts.fake_backend import FakeBackend
from tests.parts.gateway import target_at
from tests.parts.manual_clock import ManualClock
from tests.parts.processes import LONG_SECONDS, children_of
from tests.parts.restarting_server import RestartingServer, Restarts
from tests.parts.upstreams import HELLO, prepared_for

from anyclaude.dialects import EngineProgress
from anyclaude.exchange import ExchangeEnded, ExchangeProgressed
from anyclaude.exchange_record import RecordedError
from anyclaude.launcher.print_mode import (
    SAID_AFTER_SECONDS,
    SHOWN_AFTER_SECONDS,
    ProgressLine,
    ServerWatch,
    waited_for,
)
from anyclaude.launcher.status_line import REMOVE, StatusLine
from anyclaude.protocol.json_values import JsonObject, JsonValue
from anyclaude.scheduling import Stage

PREPARED = prepared_for(FakeBackend(target_at("http://127.0.0.1:9/v1")), replace(HELLO, characters=31_000))
FALLBACK = prepared_for(FakeBackend(target_at("http://127.0.0.1:8/v1")))
OWN = prepared_for(FakeBackend(target_at("http://127.0.0.1:9/v1", "embedded")))
NAME = "llama.cpp at http://127.0.0.1:9/v1"
NOTHING = EngineProgress()
REFUSED = f"no connection to {NAME}: Connection refused. Is it running?"


def progressed(
    stage: Stage, engine: EngineProgress = NOTHING, failure: str = "", number: int = 1
) -> ExchangeProgressed:
    return ExchangeProgressed(f"req_{number}", MAIN, stage, PREPARED, lambda: engine, failure)


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (progressed("queued"), "waiting for a turn"),
        (progressed("failing"), "waiting for llama.cpp"),
        (progressed("evaluating"), "evaluating a prompt of 31,000 characters"),
        (progressed("evaluating", EngineProgress(3_210, 0, 0)), "evaluating the prompt: 0 % of 3,210 tokens"),
        (
            progressed("evaluating", EngineProgress(12_210, 10_605, 9_000)),
            "evaluating the prompt: 50 % of 3,210 tokens (9,000 more are cached)",
        ),
        (progressed("evaluating", EngineProgress(10, 10, 10)), "evaluating the prompt"),
        (progressed("replying"), "the reply arrives"),
        (
            progressed("replying", EngineProgress(output_tokens=57, generation_seconds=1.5)),
            "generating: 57 tokens, 38 tok/s",
        ),
        (progressed("replying", EngineProgress(output_tokens=1, generation_seconds=0.0)), "the reply arrives"),
    ],
)
def test_figures_are_the_engines_own_and_without_them_there_is_no_estimate(
    event: ExchangeProgressed, text: str
) -> None:
    assert waited_for(event) == text


@dataclass
class Line:
    """The line of a terminal, and what is visible there."""

    clock: ManualClock = field(default_factory=ManualClock)
    screen: Screen = field(default_factory=Screen)

    def __post_init__(self) -> None:
        self.progress = ProgressLine(StatusLine(self.screen, {"TERM": "xterm"}, self.clock.seconds), self.clock.seconds)

    def visible_after(self, seconds: float) -> str:
        """Return what is visible when this time has passed."""
        self.clock.time += seconds
        self.progress.tick()
        return visible(self.screen.getvalue())


def test_a_quick_reply_is_not_announced() -> None:
    line = Line()
    line.progress.exchange_progressed(progressed("evaluating"))
    before = line.visible_after(SHOWN_AFTER_SECONDS / 2)
    line.progress.exchange_progressed(progressed("ending"))
    line.visible_after(60.0)

    assert before == ""
    assert line.screen.getvalue() == ""


def test_the_line_says_what_is_waited_for_and_since_when() -> None:
    line = Line()
    line.progress.exchange_progressed(progressed("queued"))
    first = line.visible_after(2.0)
    line.progress.exchange_progressed(progressed("evaluating"))

    assert first == "anyclaude: waiting for a turn, 2 s"
    assert line.visible_after(3.0) == "anyclaude: evaluating a prompt of 31,000 characters, 5 s"


def test_the_line_is_gone_before_the_end_of_the_reply_is_delivered() -> None:
    line = Line()
    line.progress.exchange_progressed(progressed("replying"))
    line.visible_after(2.0)
    line.progress.exchange_progressed(progressed("ending"))

    assert visible(line.screen.getvalue()) == ""
    assert line.visible_after(60.0) == ""


def test_an_exchange_that_ends_in_any_other_way_is_forgotten() -> None:
    line = Line()
    line.progress.exchange_progressed(progressed("evaluating"))
    line.visible_after(2.0)
    line.progress.exchange_ended(ended())

    assert line.visible_after(60.0) == ""


def test_of_several_requests_the_oldest_is_shown_and_the_others_are_counted() -> None:
    line = Line()
    line.progress.exchange_progressed(progressed("replying", number=1))
    line.progress.exchange_progressed(progressed("queued", number=2))
    both = line.visible_after(2.0)
    line.progress.exchange_progressed(progressed("ending", number=1))

    assert both == "anyclaude: the reply arrives, 2 s, and 1 more"
    assert line.visible_after(1.0) == "anyclaude: waiting for a turn, 3 s"


def test_what_the_gateway_evaluates_in_advance_is_not_shown() -> None:
    line = Line()
    warm_up = replace(MAIN, request_class="warm_up")
    line.progress.exchange_progressed(replace(progressed("evaluating"), caller=warm_up))

    assert line.visible_after(60.0) == ""


@dataclass
class Watched:
    """A server that is watched, and what was said of it."""

    clock: ManualClock = field(default_factory=ManualClock)
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.server = ServerWatch(self.said.append, self.clock.seconds)

    def after(self, seconds: float) -> list[str]:
        """Return what was said when this time has passed."""
        self.clock.time += seconds
        self.server.tick()
        return self.said


def given_up(status: int, *, reply_began: bool = False, kind: str = "api_error") -> ExchangeEnded:
    """Return the end of an exchange that failed with this status."""
    event = ended(sent=PREPARED)
    record = replace(event.record, status=status, outcome="failed", error=RecordedError(kind, "it broke off"))
    return replace(event, record=record, outcome="failed", reply_began=reply_began)


def test_a_server_that_fails_is_said_once_and_its_return_too() -> None:
    watched = Watched()
    watched.server.exchange_progressed(progressed("failing", failure=REFUSED))
    watched.after(SAID_AFTER_SECONDS)
    watched.server.exchange_progressed(progressed("failing", failure=REFUSED))
    watched.after(60.0)
    watched.server.exchange_progressed(progressed("replying"))

    assert watched.after(60.0) == [
        f"anyclaude: {REFUSED} It is asked again for some minutes; Ctrl-C ends this.",
        f"anyclaude: {NAME} answers again.",
    ]


def test_a_connection_that_broke_by_chance_is_not_worth_a_word() -> None:
    watched = Watched()
    watched.server.exchange_progressed(progressed("failing", failure=REFUSED))
    watched.after(SAID_AFTER_SECONDS / 2)
    watched.server.exchange_progressed(progressed("replying"))

    assert watched.after(60.0) == []


def test_a_server_that_evaluates_a_prompt_answers_again() -> None:
    watched = Watched()
    watched.server.exchange_progressed(progressed("failing", failure=REFUSED))
    watched.after(2.0)
    watched.server.exchange_progressed(progressed("evaluating"))
    without_figures = [*watched.after(2.0)]
    watched.server.exchange_progressed(progressed("evaluating", EngineProgress(100, 0, 0)))

    assert len(without_figures) == 1
    assert watched.after(2.0)[1:] == [f"anyclaude: {NAME} answers again."]


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (given_up(503), "it broke off."),
        (given_up(200, reply_began=True), "it broke off."),
        (given_up(400), None),
        (given_up(200, reply_began=True, kind="invalid_request_error"), None),
        (ended(sent=PREPARED), None),
    ],
    ids=["given up", "broken off", "refused", "refused in the reply", "completed"],
)
def test_an_exchange_that_the_client_will_repeat_is_a_failure_of_the_server(
    end: ExchangeEnded, words: str | None
) -> None:
    watched = Watched()
    watched.server.exchange_ended(end)
    said = watched.after(60.0)

    assert (words in said[0]) if words else said == []


def test_a_fallback_that_is_asked_instead_is_named() -> None:
    watched = Watched()
    watched.server.exchange_progressed(progressed("failing", failure=f"no connection to {NAME}"))
    watched.server.exchange_progressed(replace(progressed("evaluating", EngineProgress(9, 0, 0)), prepared=FALLBACK))
    watched.after(60.0)
    watched.server.exchange_progressed(replace(progressed("replying"), prepared=FALLBACK))

    assert watched.after(60.0) == [
        f"anyclaude: no connection to {NAME}. llama.cpp at http://127.0.0.1:8/v1 is asked instead."
    ]


def test_a_servers_words_are_named_after_it_and_cannot_move_the_cursor() -> None:
    watched = Watched()
    watched.server.exchange_progressed(progressed("failing", failure="Loading\x1b[2J\r\n model" + "!" * 9_999))
    (said,) = watched.after(60.0)

    assert said.startswith(f"anyclaude: {NAME}: Loading model!")
    assert said.isprintable()
    assert len(said) < 600


def test_the_embedded_engine_does_not_come_back_so_it_is_not_waited_for() -> None:
    watched = Watched()
    watched.server.exchange_progressed(replace(progressed("failing", failure=REFUSED), prepared=OWN))

    assert watched.after(60.0) == []


CLIENT = """\
import json, os, sys, urllib.request
print("ready", flush=True)
sys.stdin.readline()
body = {"model": "m", "max_tokens": 99, "messages": [{"role": "user", "content": "Hello"}]}
request = urllib.request.Request(
    os.environ["ANTHROPIC_BASE_URL"] + "/v1/messages", json.dumps(body).encode(), {"Content-Type": "application/json"}
)
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
with opener.open(request) as response:
    print(json.load(response)["content"][0]["text"])
"""
"""Stands in for Claude Code with `-p`: one request when it is told to, and the answer on stdout."""


@dataclass
class Terminal:
    """A pseudo-terminal, and all that was written to it."""

    controller: int
    text: str = ""

    async def shows(self, text: str) -> None:
        """Wait until a text has been written."""
        async with asyncio.timeout(LONG_SECONDS):
            while text not in self.text:
                self.text += (await asyncio.to_thread(os.read, self.controller, 65_536)).decode()

    async def read_to_end(self) -> None:
        """Read what is left, when every program has closed the terminal."""
        with suppress(OSError):
            while text := await asyncio.to_thread(os.read, self.controller, 65_536):
                self.text += text.decode()

    @property
    def rows(self) -> list[str]:
        """The lines that are visible, as a terminal shows them that knows how to erase a line."""
        return [row.rpartition(REMOVE)[2] for row in self.text.split("\r\n")]


@dataclass(frozen=True)
class Started:
    """The command, and the terminal of its stderr."""

    process: Process
    terminal: Terminal

    def ask(self) -> None:
        """Have the client send its request."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")


@asynccontextmanager
async def on_terminal(folder: Path, *words: str, streams: str = "out err") -> AsyncIterator[Started]:
    """Run the command with stdout, stderr, or both on a terminal, and wait for its end."""
    program = folder / "claude"
    program.write_text(f"#!{sys.executable} -IS\n{CLIENT}")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    controller, program_end = pty.openpty()
    terminal = Terminal(controller)
    environment = {"HOME": str(folder), "PATH": f"{folder}:{os.environ['PATH']}", "TERM": "xterm"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "anyclaude", *words),
        stdin=PIPE,
        stdout=program_end if "out" in streams else DEVNULL,
        stderr=program_end if "err" in streams else DEVNULL,
        cwd=folder,
        env=environment,
    )
    try:
        yield Started(process, terminal)
        async with asyncio.timeout(LONG_SECONDS):
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        os.close(program_end)
        await terminal.read_to_end()
        os.close(controller)


def at(url: str) -> tuple[str, str]:
    return "--backend-url", url


def progress_of(**fields: JsonValue) -> Raw:
    """Return an event with what llama.cpp adds to its chunks."""
    choice: JsonObject = {"index": 0, "delta": {"role": "assistant", "content": None}, "finish_reason": None}
    return Raw(sse({"choices": [choice], **fields}))


async def test_a_user_sees_how_far_the_engine_is_and_then_the_answer_alone(tmp_path: Path) -> None:
    evaluates, generates = asyncio.Event(), asyncio.Event()
    script = one_by_one(
        reply(
            progress_of(prompt_progress={"total": 400, "cache": 200, "processed": 300, "time_ms": 1}),
            Hold(evaluates),
            say("All is "),
            progress_of(timings={"cache_n": 200, "prompt_n": 200, "predicted_n": 30, "predicted_ms": 2000.0}),
            Hold(generates),
            say("well."),
        )
    )
    async with (
        chat_server(script) as server,
        on_terminal(tmp_path, "--backend-url", server.base_url, "-p", "Hello") as started,
    ):
        started.ask()
        await started.terminal.shows("evaluating the prompt: 50 % of 200 tokens (200 more are cached)")
        evaluates.set()
        await started.terminal.shows("generating: 30 tokens, 15 tok/s")
        generates.set()
        await started.terminal.shows("All is well.\r\n")

    assert "All is well." in started.terminal.rows


@pytest.mark.parametrize(
    ("words", "streams", "is_asked"),
    [
        (("-p", "Hello"), "out err", True),
        (("-p", "--output-format", "json"), "out err", True),
        (("-p", "--output-format", "stream-json"), "out err", False),
        (("-p", "--output-format=stream-json"), "err", True),
        (("-p", "Hello"), "out", False),
        (("-p", "Hello"), "", False),
        (("Say hello",), "out err", False),
        (("Say hello",), "err", True),
    ],
    ids=[
        "text",
        "json",
        "events on the same terminal",
        "events to a pipe",
        "stderr to a file",
        "no terminal",
        "interactive",
        "prints without the flag, to a pipe",
    ],
)
async def test_the_engine_is_asked_how_far_it_is_only_if_it_is_shown(
    words: tuple[str, ...], streams: str, is_asked: bool, tmp_path: Path
) -> None:
    async with (
        chat_server(one_by_one(reply(say("All is well.")))) as server,
        on_terminal(tmp_path, *at(server.base_url), *words, streams=streams) as started,
    ):
        started.ask()

    assert ("return_progress" in server.requests[0].raw) is is_asked


async def test_a_server_that_dies_is_named_within_seconds_and_so_is_its_return(tmp_path: Path) -> None:
    server = RestartingServer()
    async with (
        Restarts(server) as restart,
        on_terminal(tmp_path, *at(server.origin), "-p", "Hello") as started,
    ):
        await started.terminal.shows("ready\r\n")
        await restart.stop()
        started.ask()
        await started.terminal.shows("Is it running? It is asked again for some minutes; Ctrl-C ends this.\r\n")
        await restart()
        await started.terminal.shows("answers again.\r\n")
        await started.terminal.shows("I am qwen.\r\n")

    assert "I am qwen." in started.terminal.rows
    assert started.process.returncode == 0


async def test_the_death_of_the_embedded_engine_is_said_once_and_at_once(tmp_path: Path, tiny_model: Path) -> None:
    words = ("--mode", "embedded", "--model", str(tiny_model), "--context-tokens", "2048", "-p", "Hello")
    async with on_terminal(tmp_path, *words) as started:
        await started.terminal.shows("ready\r\n")
        (engine,) = [pid for pid in children_of(started.process.pid) if is_engine(pid)]
        os.kill(engine, signal.SIGKILL)
        await started.terminal.shows("The embedded engine died: it was killed (SIGKILL)")
        started.ask()
        await started.terminal.shows("HTTP Error 500")

    assert started.terminal.text.count("The embedded engine died") == 1


def is_engine(pid: int) -> bool:
    return "anyclaude.engine" in psutil.Process(pid).cmdline()
