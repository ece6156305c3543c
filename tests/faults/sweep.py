"""Plays many broken replies through one gateway, and checks each against the response its client received."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.expected_reply import Block, ExpectedReply
from tests.faults.observer import ClientKind, ObservedResponse, observe
from tests.parts.faulty_backend import FaultyBackend, Play, Received, faulty_backend
from tests.parts.gateway import running_gateway, target_at
from tests.parts.referee import Verdict, judge

from anyclaude.exchange import Clock
from anyclaude.profiles import BackendName
from anyclaude.server import GatewayOptions
from anyclaude.timeouts import Timeouts

CLOCK_SPEED = 100.0
"""Seconds of the gateway's clock per real second; shortens the pauses between attempts and the open circuit."""

TIMEOUTS = Timeouts(first_byte_seconds=20.0, stall_seconds=20.0, finish_seconds=20.0, retry_seconds=3000.0)

MAX_CONCURRENT = 48


@dataclass(frozen=True, slots=True)
class Case:
    """
    One conversation: what the backend plays for its requests in turn, and which outcomes are allowed.

    Outcomes are `whole`, `broken` (cut short or ended by an error event, depending on the client) and `refused` (an
    error status).  A whole reply must equal `expected`.
    """

    name: str
    client: ClientKind
    plays: tuple[Play | ExpectedReply, ...]
    expected: ExpectedReply
    allowed: frozenset[str]


@dataclass(slots=True)
class Tally:
    """The outcomes of all cases, and a description of each violation."""

    outcomes: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    @property
    def tried(self) -> int:
        """The number of cases."""
        return self.outcomes.total()


class Harness:
    """A gateway in front of a backend that plays cases."""

    def __init__(self, backend: FaultyBackend, cases: dict[str, Case], origin: str) -> None:
        self.backend = backend
        self._cases = cases
        host, _, port = origin.removeprefix("http://").partition(":")
        self._host, self._port = host, int(port)

    async def run(self, cases: Sequence[Case], max_concurrent: int = MAX_CONCURRENT) -> Tally:
        """Play all cases, at most `max_concurrent` of them at once."""
        tally = Tally()
        remaining = iter(cases)
        await asyncio.gather(*(self._run_cases(remaining, tally) for _ in range(max_concurrent)))
        return tally

    async def response_to(self, case: Case) -> ObservedResponse:
        """Play one case, and return the response its client received."""
        self._cases[case.name] = case
        response = await observe(self._host, self._port, case.client.request(case.name))
        del self._cases[case.name]
        return response

    async def _run_cases(self, remaining: Iterator[Case], tally: Tally) -> None:
        for case in remaining:
            response = await self.response_to(case)
            try:
                tally.outcomes[outcome_of(case, response)] += 1
            except AssertionError as error:
                tally.outcomes["VIOLATION"] += 1
                tally.violations.append(f"{case.name} [{case.client.value}]: {error}\n    received {response}")


@asynccontextmanager
async def running_harness(folder: Path, backend: BackendName, timeouts: Timeouts = TIMEOUTS) -> AsyncIterator[Harness]:
    """Run a harness with one kind of backend; at the end, wait until the gateway has closed every upstream reply."""
    cases: dict[str, Case] = {}

    def play(received: Received) -> Play:
        case = cases[received.conversation]
        chosen = case.plays[min(received.attempt, len(case.plays) - 1)]
        return chosen if isinstance(chosen, Play) else Play((chosen.continuing(received.prefill).body(),))

    clock = Clock(
        seconds=lambda: time.monotonic() * CLOCK_SPEED, sleep=lambda seconds: asyncio.sleep(seconds / CLOCK_SPEED)
    )
    options = GatewayOptions(timeouts=timeouts, queue_limit=100_000)
    async with (
        faulty_backend(play) as server,
        running_gateway(folder, target_at(server.base_url, backend, 10_000), options=options, clock=clock) as gateway,
    ):
        yield Harness(server, cases, gateway.base_url)
        await asyncio.wait_for(server.wait_until_released(), 10.0)


def outcome_of(case: Case, response: ObservedResponse) -> str:
    """
    Return the outcome of a case for its client.

    Raises `AssertionError` if the outcome is not allowed or the response is not consistent with it.
    """
    if response.status == 0:
        outcome = _outcome_without_head(case, response)
    elif case.client.streams and response.status == 200:
        outcome = _outcome_of_stream(case, response)
    else:
        outcome = _outcome_of_document(case, response)
    assert outcome in case.allowed, f"the outcome is {outcome}, not {' or '.join(sorted(case.allowed))}"
    return outcome


def _outcome_without_head(case: Case, response: ObservedResponse) -> str:
    assert case.client is ClientKind.CLAUDE_CODE, "no response at all"
    assert response.was_reset, "no response at all"
    return "broken"  # the reset discarded the head before the client read it


def _outcome_of_stream(case: Case, response: ObservedResponse) -> str:
    verdict = judge(response.body)
    blocks = blocks_of(verdict)
    if verdict.outcome == "whole":
        assert response.is_intact, "the reply is whole, but its connection broke"
        assert blocks == case.expected.blocks(), "a whole reply differs from the expected one"
        assert verdict.stop_reason == case.expected.stop_reason
        return "whole"
    assert is_prefix(blocks, case.expected.blocks()), "the content before the break is not a prefix of the reply"
    assert verdict.stop_reason is None, "a broken reply has a stop reason"
    if verdict.outcome == "cut_short":
        assert case.client is ClientKind.CLAUDE_CODE, "only Claude Code's stream may be cut without an error event"
        assert not response.is_intact, "a broken reply ended as if it were whole"
    else:
        assert response.is_intact
    return "broken"


def _outcome_of_document(case: Case, response: ObservedResponse) -> str:
    assert response.is_intact, "the response itself was cut"
    if response.status == 200:
        message = json.loads(response.body)
        assert message["stop_reason"] == case.expected.stop_reason
        assert [_block_of(raw) for raw in message["content"]] == [_as_input(block) for block in case.expected.blocks()]
        return "whole"
    kind, text = response.error()
    assert kind
    assert text
    return "refused"


def blocks_of(verdict: Verdict) -> list[Block]:
    """Return the blocks of a stream, as far as it arrived."""
    kinds = {"text": "text", "thinking": "thinking", "tool_use": "tool_use"}
    return [(kinds[block.kind], block.name, block.text) for block in verdict.blocks]  # type: ignore[misc]


def is_prefix(received: list[Block], expected: list[Block]) -> bool:
    """Return whether the received blocks are a prefix of the expected ones; the last of them may be cut."""
    if not received:
        return True
    *before, last = received
    if len(received) > len(expected) or before != expected[: len(before)]:
        return False
    kind, name, text = expected[len(before)]
    return last[:2] == (kind, name) and text.startswith(last[2])


def _block_of(raw: Mapping[str, object]) -> tuple[object, object, object]:
    match raw["type"]:
        case "text":
            return "text", "", raw["text"]
        case "thinking":
            return "thinking", "", raw["thinking"]
        case kind:
            return kind, raw["name"], raw["input"]


def _as_input(block: Block) -> tuple[object, object, object]:
    kind, name, text = block
    if kind != "tool_use":
        return block
    try:
        value = json.loads(text)
    except ValueError:
        return kind, name, text
    return kind, name, value if isinstance(value, dict) else text
