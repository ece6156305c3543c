"""Plays many broken replies through one gateway at a time, and judges each by what its client saw."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.meant import Block, Meant
from tests.faults.spectator import Asking, Seen, see
from tests.parts.faulty_backend import FaultyBackend, Play, Received, faulty_backend
from tests.parts.gateway import running_gateway, target_at
from tests.parts.referee import Verdict, judge

from anyclaude.exchange import Clock
from anyclaude.profiles import BackendName
from anyclaude.server import GatewayOptions
from anyclaude.timeouts import Timeouts

HASTE = 100.0
"""The gateway's clock runs this much faster than ours: pauses between attempts, and the rest of an open circuit."""

PATIENCE = Timeouts(first_byte_seconds=20.0, stall_seconds=20.0, finish_seconds=20.0, retry_seconds=3000.0)

AT_ONCE = 48


@dataclass(frozen=True, slots=True)
class Case:
    """
    One conversation: what is played for its requests in turn, and what may come of it.

    `endings` are the outcomes allowed: `whole`, `broken` (cut short or an error event, as the client needs it) and
    `refused` (an error status).  `truth` is what a whole reply must be.
    """

    name: str
    asking: Asking
    plays: tuple[Play | Meant, ...]
    truth: Meant
    endings: frozenset[str]


@dataclass(slots=True)
class Tally:
    """What came of the cases."""

    outcomes: Counter[str] = field(default_factory=Counter)
    fouls: list[str] = field(default_factory=list)

    @property
    def tried(self) -> int:
        """How many there were."""
        return self.outcomes.total()


class Stage:
    """A gateway before a backend that plays cases."""

    def __init__(self, backend: FaultyBackend, cases: dict[str, Case], origin: str) -> None:
        self.backend = backend
        self._cases = cases
        host, _, port = origin.removeprefix("http://").partition(":")
        self._host, self._port = host, int(port)

    async def run(self, cases: Sequence[Case], at_once: int = AT_ONCE) -> Tally:
        """Play them all, so many at a time."""
        tally = Tally()
        rest = iter(cases)
        await asyncio.gather(*(self._work(rest, tally) for _ in range(at_once)))
        return tally

    async def seen(self, case: Case) -> Seen:
        """Play one case, and return what its client saw."""
        self._cases[case.name] = case
        seen = await see(self._host, self._port, case.asking.request(case.name))
        del self._cases[case.name]
        return seen

    async def _work(self, rest: Iterator[Case], tally: Tally) -> None:
        for case in rest:
            seen = await self.seen(case)
            try:
                tally.outcomes[outcome_of(case, seen)] += 1
            except AssertionError as error:
                tally.outcomes["FOUL"] += 1
                tally.fouls.append(f"{case.name} [{case.asking.value}]: {error}\n    saw {seen}")


@asynccontextmanager
async def stage(folder: Path, backend: BackendName, timeouts: Timeouts = PATIENCE) -> AsyncIterator[Stage]:
    """Set the stage with one kind of backend."""
    cases: dict[str, Case] = {}

    def play(received: Received) -> Play:
        case = cases[received.conversation]
        chosen = case.plays[min(received.attempt, len(case.plays) - 1)]
        return chosen if isinstance(chosen, Play) else Play((chosen.after(received.prefill).body(),))

    clock = Clock(seconds=lambda: time.monotonic() * HASTE, sleep=lambda seconds: asyncio.sleep(seconds / HASTE))
    options = GatewayOptions(timeouts=timeouts, queue_limit=100_000)
    async with (
        faulty_backend(play) as server,
        running_gateway(folder, target_at(server.base_url, backend, 10_000), options=options, clock=clock) as gateway,
    ):
        yield Stage(server, cases, gateway.base_url)
        await asyncio.wait_for(server.wait_until_released(), 10.0)


def outcome_of(case: Case, seen: Seen) -> str:
    """Return how the case ended for its client; raises `AssertionError` where that was not allowed."""
    if seen.status == 0:
        kind = _headless(case, seen)
    elif case.asking.streams and seen.status == 200:
        kind = _streamed(case, seen)
    else:
        kind = _at_once(case, seen)
    assert kind in case.endings, f"it ended {kind}, not {' or '.join(sorted(case.endings))}"
    return kind


def _headless(case: Case, seen: Seen) -> str:
    assert case.asking is Asking.CLAUDE_CODE, "no response at all"
    assert seen.was_reset, "no response at all"
    return "broken"  # the reset has overtaken the head


def _streamed(case: Case, seen: Seen) -> str:
    verdict = judge(seen.body)
    blocks = blocks_of(verdict)
    if verdict.outcome == "whole":
        assert seen.is_intact, "the reply is whole, but its connection broke"
        assert blocks == case.truth.blocks(), "a whole reply differs from what was meant"
        assert verdict.stop_reason == case.truth.stop_reason
        return "whole"
    assert is_beginning(blocks, case.truth.blocks()), "what came before the break is not the beginning"
    assert verdict.stop_reason is None, "a reply that broke off says why it stopped"
    if verdict.outcome == "cut_short":
        assert case.asking is Asking.CLAUDE_CODE, "only Claude Code is cut off without a word"
        assert not seen.is_intact, "a reply that broke off was ended as if it were whole"
    else:
        assert seen.is_intact
    return "broken"


def _at_once(case: Case, seen: Seen) -> str:
    assert seen.is_intact, "the response itself broke off"
    if seen.status == 200:
        message = json.loads(seen.body)
        assert message["stop_reason"] == case.truth.stop_reason
        assert [_block_of(raw) for raw in message["content"]] == [_as_input(block) for block in case.truth.blocks()]
        return "whole"
    kind, text = seen.error()
    assert kind
    assert text
    return "refused"


def blocks_of(verdict: Verdict) -> list[Block]:
    """Return the blocks of a stream, as far as it went."""
    kinds = {"text": "text", "thinking": "thinking", "tool_use": "tool_use"}
    return [(kinds[block.kind], block.name, block.text) for block in verdict.blocks]  # type: ignore[misc]


def is_beginning(seen: list[Block], meant: list[Block]) -> bool:
    """Whether the blocks are the beginning of what was meant; the last of them may be cut."""
    if not seen:
        return True
    *before, last = seen
    if len(seen) > len(meant) or before != meant[: len(before)]:
        return False
    kind, name, text = meant[len(before)]
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
