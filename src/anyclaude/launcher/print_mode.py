"""
What a user of `-p` sees on stderr while Claude Code shows nothing: what is waited for, and that the server fails.

Without `-p` the client owns the terminal, and shows both itself.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TextIO, assert_never

from msgspec import Struct

from anyclaude.backends import BackendTarget
from anyclaude.dialects import EngineProgress
from anyclaude.errors import TRANSIENT_STATUSES
from anyclaude.exchange import REAL_TIME, ExchangeEnded, ExchangeListener, ExchangeProgressed
from anyclaude.shown_text import shown_line

from .client.flags import flag_value, prints
from .run import Run
from .status_line import StatusLine

TICK_SECONDS = 0.25
"""How often the line is written: often enough to look alive."""

SHOWN_AFTER_SECONDS = 1.0
"""A quicker reply is not announced; the client's own notes at the start have been written by then."""

SAID_AFTER_SECONDS = 1.5
"""How long a server may fail before that is said: a connection that broke by chance is made again in less."""


MAX_WORDS = 400
"""The part of a server's words that is shown, in characters: about the words of one error."""

WORTH_A_RETRY = frozenset({"api_error", "overloaded_error", "timeout_error"})
"""The types of errors after which Claude Code repeats a request whose reply had begun."""

STDOUT = 1
"""The file, open or not: Python has no stream for a closed one."""


@asynccontextmanager
async def watched(run: Run, stderr: TextIO | None) -> AsyncIterator["Watch"]:
    """
    Show what the gateway of this run waits for, for the duration of the context, if the client only prints an answer.

    `stderr` is `None` if it is closed.
    """
    arguments, stdout_is_terminal = run.invocation.arguments, os.isatty(STDOUT)
    if stderr is None or not (prints(arguments) or not stdout_is_terminal):
        yield Watch()
        return
    line = StatusLine(stderr, run.invocation.environment, REAL_TIME.seconds)
    server = ServerWatch(line.say, REAL_TIME.seconds)
    progress = ProgressLine(line, REAL_TIME.seconds)
    is_in_the_way = stdout_is_terminal and flag_value(arguments, "--output-format") == "stream-json"
    shows_line = line.is_possible and not is_in_the_way
    tickers = [server.tick, progress.tick] if shows_line else [server.tick]
    ticking = asyncio.create_task(_tick(tickers))
    with ExitStack() as stack:
        stack.callback(line.end)
        stack.callback(ticking.cancel)
        stack.enter_context(run.monitor.announced_to(lambda reason: line.say(f"anyclaude: {reason}")))
        if run.signals is not None:
            stack.enter_context(run.signals.announced_to(line.end))
        yield Watch((server, progress) if shows_line else (server,), asks_for_progress=shows_line)


class Watch(Struct, frozen=True):
    """The listeners of a gateway that is watched, and whether servers are to report how far they are."""

    listeners: tuple[ExchangeListener, ...] = ()
    asks_for_progress: bool = False


class ProgressLine(ExchangeListener):
    """Shows what the oldest request waits for, and since when, until the end of its reply is delivered."""

    def __init__(self, line: StatusLine, seconds: Callable[[], float]) -> None:
        self._line = line
        self._seconds = seconds
        self._waiting: dict[str, ExchangeProgressed] = {}
        self._since: dict[str, float] = {}

    def exchange_progressed(self, event: ExchangeProgressed) -> None:
        """Follow the request; its reply must not be delivered behind our line."""
        if event.stage == "ending":
            self._forget(event.request_id)
        elif event.caller.request_class != "warm_up":
            self._since.setdefault(event.request_id, self._seconds())
            self._waiting[event.request_id] = event

    def exchange_ended(self, event: ExchangeEnded) -> None:
        """Follow the request no longer."""
        self._forget(event.record.request_id)

    def tick(self) -> None:
        """Show the present state."""
        if (oldest := next(iter(self._waiting.values()), None)) is None:
            return
        seconds = self._seconds() - self._since[oldest.request_id]
        if seconds >= SHOWN_AFTER_SECONDS:
            others = len(self._waiting) - 1
            more = f", and {others} more" if others else ""
            self._line.show(f"anyclaude: {waited_for(oldest)}, {seconds:.0f} s{more}")

    def _forget(self, request_id: str) -> None:
        if self._waiting.pop(request_id, None) is not None:
            self._line.remove()
        self._since.pop(request_id, None)


def waited_for(event: ExchangeProgressed) -> str:
    """Return what a request waits for, with the engine's own figures, and none where it reports none."""
    engine = event.engine()
    match event.stage:
        case "queued":
            return "waiting for a turn"
        case "failing":
            return f"waiting for {event.prepared.profile.title}"
        case "replying" if engine.output_tokens and engine.generation_seconds:
            tokens, speed = engine.output_tokens, engine.output_tokens / engine.generation_seconds
            return f"generating: {tokens:,} tokens, {speed:.0f} tok/s"
        case "replying" | "ending":
            return "the reply arrives"
        case "evaluating":
            return _evaluation(engine, event.prepared.source.characters)
        case _:
            assert_never(event.stage)


def _evaluation(engine: EngineProgress, characters: int) -> str:
    if engine.prompt_tokens is None or engine.evaluated_tokens is None:
        return f"evaluating a prompt of {characters:,} characters"
    cached = engine.cached_tokens or 0
    new, done = engine.prompt_tokens - cached, engine.evaluated_tokens - cached
    if not 0 <= done <= new or not new:
        return "evaluating the prompt"
    beside = f" ({cached:,} more are cached)" if cached else ""
    return f"evaluating the prompt: {100 * done // new} % of {new:,} tokens{beside}"


class ServerWatch(ExchangeListener):
    """
    Says that a server fails, once that has lasted for a moment, and that it answers again.

    The embedded engine is not among them: it does not come back, and its death is announced elsewhere.
    """

    def __init__(self, say: Callable[[str], None], seconds: Callable[[], float]) -> None:
        self._say = say
        self._seconds = seconds
        self._failures: dict[str, _Failure] = {}  # by the server's address

    def exchange_progressed(self, event: ExchangeProgressed) -> None:
        """Note that a server fails, or answers, or that another one is asked in its place."""
        target = event.prepared.target
        match event.stage:
            case "failing":
                self._failed(target, event.failure, event.request_id)
            case "replying":
                self._answered(target)
            case "evaluating":
                for failure in self._failures.values():
                    if failure.target.address == target.address or failure.request_id == event.request_id:
                        failure.asked = event
            case _:
                pass

    def exchange_ended(self, event: ExchangeEnded) -> None:
        """Note that the gateway has given up, which Claude Code does not: it sends the request again."""
        error = event.record.error
        if event.sent is None or error is None or event.outcome != "failed":
            return
        if event.record.status in TRANSIENT_STATUSES or (event.reply_began and error.type in WORTH_A_RETRY):
            self._failed(event.sent.target, error.message, event.record.request_id)

    def tick(self) -> None:
        """Say what is to be said by now."""
        for failure in [*self._failures.values()]:
            if failure.is_answering:
                self._answered(failure.target)
            elif not failure.is_said and self._seconds() - failure.since >= SAID_AFTER_SECONDS:
                failure.is_said = True
                self._say(f"anyclaude: {failure.words}")

    def _failed(self, target: BackendTarget, reason: str, request_id: str) -> None:
        if not target.profile.is_own:
            known = self._failures.get(target.address)
            since, is_said = (known.since, known.is_said) if known else (self._seconds(), False)
            self._failures[target.address] = _Failure(target, reason, request_id, since, is_said)

    def _answered(self, target: BackendTarget) -> None:
        failure = self._failures.pop(target.address, None)
        if failure is not None and failure.is_said:
            self._say(f"anyclaude: {_name(target)} answers again.")


@dataclass(slots=True)
class _Failure:
    """Why a server fails, and since when; `asked` is what is evaluated now, there or at another server."""

    target: BackendTarget
    reason: str
    request_id: str
    since: float
    is_said: bool
    asked: ExchangeProgressed | None = None

    @property
    def is_answering(self) -> bool:
        """Whether the server evaluates a prompt again."""
        return self._asked_instead is None and self.asked is not None and _is_evaluating(self.asked)

    @property
    def words(self) -> str:
        """What the user is to know."""
        reason = _shortened(self.reason)
        named = reason if self.target.address in reason else f"{_name(self.target)}: {reason}"
        sentence = named if named.endswith((".", "?", "!")) else f"{named}."
        if (other := self._asked_instead) is not None:
            return f"{sentence} {_name(other)} is asked instead."
        return f"{sentence} It is asked again for some minutes; Ctrl-C ends this."

    @property
    def _asked_instead(self) -> BackendTarget | None:
        other = None if self.asked is None else self.asked.prepared.target
        return None if other is None or other.address == self.target.address else other


def _is_evaluating(event: ExchangeProgressed) -> bool:
    return event.engine().evaluated_tokens is not None


def _name(target: BackendTarget) -> str:
    return target.profile.title if target.profile.is_own else f"{target.profile.title} at {target.address}"


def _shortened(words: str) -> str:
    """Return a server's words on one line, and not more than a few lines' worth of them."""
    plain = " ".join(shown_line(words).split())
    return plain if len(plain) <= MAX_WORDS else f"{plain[:MAX_WORDS]}..."


async def _tick(tickers: Sequence[Callable[[], None]]) -> None:
    while True:
        await asyncio.sleep(TICK_SECONDS)
        for tick in tickers:
            tick()
