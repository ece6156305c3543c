"""What the clients of the soak send, and whether what they get is what they may get."""

import asyncio
import gzip
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from tests.faults.chaos import ANY_OUTCOME, exchange
from tests.faults.chaos_processes import expected_reply_to
from tests.faults.observer import ClientKind, parse_response
from tests.faults.sweep import Case, outcome_of
from tests.parts.raw_client import CLAUDE_CODE, prompt, request
from tests.parts.referee import judge

CLOSE = {"Connection": "close"}
BEHAVIOURS = ("reads", "reads slowly", "disconnects")
SHARES = (6, 2, 2)

MAX_LARGE_CHARACTERS = 1_000_000
"""Of a large system prompt: a window of 250,000 tokens."""

PROMPTS = tuple(f"Name {count} things that are {colour}." for count in (2, 3, 4) for colour in ("red", "green", "blue"))
"""The questions for the engine, each with one answer: it samples without chance."""

REFUSALS = frozenset({400, 404, 405, 408, 413, 415})

MAX_KEPT = 5
"""The wrong replies of which the text is kept; one is enough to fail."""


@dataclass(slots=True)
class Tally:
    """How the exchanges of one gateway ended, and what was wrong."""

    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    other_answers: int = 0
    """Whole replies of the engine that differ from its first one to the same question."""

    def failed(self, name: str, error: AssertionError, raw: bytes) -> None:
        """Count a wrong reply."""
        self.outcomes["WRONG"] += 1
        if len(self.wrong) < MAX_KEPT:
            self.wrong.append(f"{name}: {error}\n    received {raw[-2000:]!r}")


class Client:
    """One client of the gateway with the faulty backend: one request after the other, of every kind."""

    def __init__(self, port: int, tally: Tally, name: str, rng: random.Random) -> None:
        self._port = port
        self._tally = tally
        self._name = name
        self._rng = rng
        self._count = 0
        self._kinds: tuple[tuple[int, Callable[[str], Awaitable[None]]], ...] = (
            (20, self._message),
            (2, self._large),
            (2, self._counted),
            (2, self._malformed),
            (1, self._unfinished),
        )

    async def step(self) -> None:
        """Send one request, and judge the reply."""
        self._count += 1
        weights, kinds = zip(*self._kinds, strict=True)
        await self._rng.choices(kinds, weights)[0](f"{self._name}, request {self._count}")

    async def _message(self, name: str) -> None:
        client = self._rng.choice(list(ClientKind))
        await self._judged(name, client, client.request(name))

    async def _large(self, name: str) -> None:
        """A large system prompt, which is new every time."""
        client = self._rng.choice((ClientKind.OTHER, ClientKind.NOT_STREAMING))
        system = f"{self._rng.random()} " * self._rng.randrange(MAX_LARGE_CHARACTERS // 20)
        body = prompt(name, stream=client.streams, system=system)
        await self._judged(name, client, request("POST", "/v1/messages", body, CLOSE))

    async def _judged(self, name: str, client: ClientKind, sent: bytes) -> None:
        behaviour = self._rng.choices(BEHAVIOURS, SHARES)[0]
        raw, was_reset = await exchange(self._port, sent, behaviour, self._rng)
        if behaviour == "disconnects":
            self._tally.outcomes["disconnected"] += 1
            return
        case = Case(name, client, (), expected_reply_to(name), ANY_OUTCOME)
        try:
            self._tally.outcomes[outcome_of(case, parse_response(raw, was_reset))] += 1
        except AssertionError as error:
            self._tally.failed(name, error, raw)

    async def _counted(self, name: str) -> None:
        body = json.dumps({"model": "m", "messages": [{"role": "user", "content": name}]}).encode()
        sent = request("POST", "/v1/messages/count_tokens", body, CLOSE)
        await self._answered(name, sent, frozenset({200}), "counted")

    async def _malformed(self, name: str) -> None:
        body = prompt(name)
        at = self._rng.randrange(len(body))
        broken, headers = self._rng.choice(
            (
                (body[:at], CLOSE),
                (self._rng.randbytes(200), CLOSE),
                (b"[" * 5_000, CLOSE),
                (gzip.compress(body), {**CLOSE, "Content-Encoding": "gzip"}),
                (b'{"messages": [' + b"[]," * 200_000 + b"[]]}", CLOSE),
            )
        )
        await self._answered(name, request("POST", "/v1/messages", broken, headers), REFUSALS, "refused as malformed")

    async def _unfinished(self, name: str) -> None:
        """Send a part of a body, and leave."""
        _, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            whole = request("POST", "/v1/messages", prompt(name, system="x" * 200_000), CLOSE)
            writer.write(whole[: self._rng.randrange(len(whole))])
            await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.transport.abort()
        self._tally.outcomes["left in mid-request"] += 1

    async def _answered(self, name: str, sent: bytes, statuses: frozenset[int], outcome: str) -> None:
        raw, was_reset = await exchange(self._port, sent, "reads", self._rng)
        response = parse_response(raw, was_reset)
        try:
            assert response.is_intact, "the answer is not whole"
            assert response.status in statuses, f"the status is {response.status}"
            self._tally.outcomes[outcome] += 1
        except AssertionError as error:
            self._tally.failed(name, error, raw)


class EngineClient:
    """One client of the gateway with the real engine: the same questions again and again."""

    def __init__(self, port: int, tally: Tally, rng: random.Random) -> None:
        self._port = port
        self._tally = tally
        self._rng = rng
        self._answers: dict[str, str] = {}

    async def step(self) -> None:
        """Ask one question, and judge the answer."""
        question = self._rng.choice(PROMPTS)
        streams = self._rng.random() < 0.7
        headers = {**CLOSE, **(CLAUDE_CODE if self._rng.random() < 0.5 else {})}
        body = prompt(question, stream=streams, max_tokens=12, temperature=0)
        behaviour = self._rng.choices(BEHAVIOURS, SHARES)[0]
        sent = request("POST", "/v1/messages", body, headers)
        raw, was_reset = await exchange(self._port, sent, behaviour, self._rng)
        if behaviour == "disconnects":
            self._tally.outcomes["disconnected"] += 1
            return
        response = parse_response(raw, was_reset)
        try:
            if response.status == 0 or response.was_reset:
                assert headers.keys() > CLOSE.keys(), "only Claude Code's connections may be reset"
                self._tally.outcomes["broken"] += 1
            elif response.status != 200:
                response.error()
                self._tally.outcomes["refused"] += 1
            elif streams:
                verdict = judge(response.body)
                self._take(question, verdict.outcome == "whole", "".join(verdict.texts()))
            else:
                message = json.loads(response.body)
                self._take(question, message["stop_reason"] is not None, message["content"][0]["text"])
        except AssertionError as error:
            self._tally.failed(question, error, raw)

    def _take(self, question: str, is_whole: bool, text: str) -> None:
        first = self._answers.get(question)
        if not is_whole:
            self._tally.outcomes["broken"] += 1
            return
        assert text, "a whole reply without text"
        self._tally.outcomes["whole"] += 1
        if first is None:
            self._answers[question] = text
        elif first != text:
            assert not first.startswith(text), "a cut reply was passed off as whole"
            self._tally.other_answers += 1
