"""
A reply is broken at every one of its bytes, in every way: what the client takes for a whole reply is the reply.

The claims about what a client sees are the referee's, and hold for each case: what came before the break is the
beginning of what was meant, nothing that is not whole says why it stopped, and a reply that cannot become whole ends
in the way its client recovers from best.
"""

import asyncio
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import uvloop
from tests.faults.faults import CLOSES, ENDS, FAILS, GARBLES, PASSING, RESETS, STALLS, Fault, marks_in
from tests.faults.meant import REPLIES, SOMETHING_ELSE, TEXT, Meant
from tests.faults.spectator import Asking
from tests.faults.sweep import PATIENCE, Case, Tally, stage
from tests.parts.faulty_backend import Play

from anyclaude.profiles import BackendName
from anyclaude.timeouts import Timeouts

WHOLE = frozenset({"whole"})
REFUSED = frozenset({"refused"})
BROKEN = frozenset({"broken", "refused"})
"""Where the reply has not been streamed, a break is an error status too."""
ANY = WHOLE | BROKEN

NO = Play((b'{"error":{"message":"no such luck","code":400}}',), status=400, content_type="application/json")

HURRY = Timeouts(first_byte_seconds=2.0, stall_seconds=0.2, finish_seconds=0.2, retry_seconds=3000.0)
"""Silence is waited out, so it is made short; the first byte comes late where the machine is busy."""

Endings = Callable[[int], frozenset[str]]


def cases(name: str, fault: Fault, second: Play | Meant, endings: Endings) -> Iterator[Case]:
    """Break the reply at each of its bytes; the ways to ask take turns."""
    meant = REPLIES[name]
    body = meant.body()
    askings = list(Asking)
    for at in range(len(body) + 1):
        asking = askings[(at + len(fault.name)) % len(askings)]
        yield Case(f"{name}, {fault.name}, {at}", asking, (fault.strike(body, at), second), meant, endings(at))


def sweep(
    folder: Path,
    chosen: Iterable[Case],
    backend: BackendName = "generic",
    timeouts: Timeouts = PATIENCE,
    at_once: int = 32,
) -> Tally:
    """Play the cases, on the event loop the gateway is made for."""

    async def run() -> Tally:
        async with stage(folder, backend, timeouts) as played:
            return await played.run(mixed(chosen), at_once)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())


def mixed(chosen: Iterable[Case]) -> list[Case]:
    """Return the cases in an order that is no order: many failures in a row would open the circuit."""
    cases = list(chosen)
    random.Random(0).shuffle(cases)
    return cases


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: fault.name)
@pytest.mark.parametrize("name", REPLIES)
def test_a_reply_that_breaks_off_is_whole_after_a_second_attempt_that_says_the_same(
    name: str, fault: Fault, tmp_path: Path, tallies: dict[str, Tally]
) -> None:
    tally = sweep(tmp_path, cases(name, fault, REPLIES[name], lambda at: WHOLE))
    tallies[f"said again: {name}, {fault.name}"] = tally

    assert not tally.fouls, tally.fouls[0]
    assert tally.outcomes["whole"] == len(REPLIES[name].body()) + 1


@pytest.mark.parametrize("fault", [ENDS, RESETS], ids=lambda fault: fault.name)
def test_text_that_breaks_off_is_whole_after_the_server_has_gone_on_with_it(
    fault: Fault, tmp_path: Path, tallies: dict[str, Tally]
) -> None:
    tally = sweep(tmp_path, cases("text", fault, TEXT, lambda at: WHOLE), backend="llamacpp")
    tallies[f"gone on with: {fault.name}"] = tally

    assert not tally.fouls, tally.fouls[0]
    assert tally.outcomes["whole"] == len(TEXT.body()) + 1


def test_text_that_is_said_again_from_its_start_where_it_should_be_gone_on_with_is_not_repeated(
    tmp_path: Path, tallies: dict[str, Tally]
) -> None:
    tally = sweep(tmp_path, cases("text", ENDS, Play((TEXT.body(),)), lambda at: ANY), backend="llamacpp")
    tallies[f"gone on with: {ENDS.name}, from the start"] = tally

    assert not tally.fouls, tally.fouls[0]
    assert tally.outcomes["broken"] > 0


@pytest.mark.parametrize("fault", [ENDS, STALLS], ids=lambda fault: fault.name)
@pytest.mark.parametrize("name", REPLIES)
def test_a_reply_that_cannot_be_continued_is_whole_if_the_backend_had_finished_it_and_else_never(
    name: str, fault: Fault, tmp_path: Path, tallies: dict[str, Tally]
) -> None:
    marks = marks_in(REPLIES[name].body())

    def endings(at: int) -> frozenset[str]:
        if at < marks.may_speak:
            return REFUSED
        if at < marks.may_be_finished:
            return BROKEN
        return WHOLE if at >= marks.is_finished else ANY

    timeouts, at_once = (HURRY, 64) if fault is STALLS else (PATIENCE, 32)
    tally = sweep(tmp_path, cases(name, fault, NO, endings), timeouts=timeouts, at_once=at_once)
    tallies[f"not continued: {name}, {fault.name}"] = tally

    assert not tally.fouls, tally.fouls[0]
    assert tally.outcomes["whole"] >= len(REPLIES[name].body()) + 1 - marks.is_finished


@pytest.mark.parametrize("name", REPLIES)
def test_a_second_attempt_that_says_something_else_is_never_joined_to_the_first(
    name: str, tmp_path: Path, tallies: dict[str, Tally]
) -> None:
    marks = marks_in(REPLIES[name].body())

    def case(at: int, old: Case) -> Case:
        if at < marks.speaks:
            return replace(old, truth=SOMETHING_ELSE, endings=WHOLE)
        return replace(old, endings=BROKEN if at < marks.may_be_finished else WHOLE)

    chosen = [case(at, old) for at, old in enumerate(cases(name, ENDS, SOMETHING_ELSE, lambda at: ANY))]
    tally = sweep(tmp_path, chosen)
    tallies[f"something else: {name}"] = tally

    assert not tally.fouls, tally.fouls[0]
    assert tally.outcomes["broken"] > 0


@pytest.mark.parametrize("fault", [GARBLES, FAILS], ids=lambda fault: fault.name)
@pytest.mark.parametrize("name", REPLIES)
def test_a_damaged_reply_is_never_taken_for_a_whole_one(
    name: str, fault: Fault, tmp_path: Path, tallies: dict[str, Tally]
) -> None:
    marks = marks_in(REPLIES[name].body())

    tally = sweep(tmp_path, cases(name, fault, NO, lambda at: BROKEN if at < marks.may_be_finished else ANY))
    tallies[f"damaged: {name}, {fault.name}"] = tally

    assert not tally.fouls, tally.fouls[0]
    assert tally.outcomes["broken"] > 0


@pytest.mark.parametrize("fault", [CLOSES, RESETS], ids=lambda fault: fault.name)
def test_a_reply_that_breaks_off_in_its_head_is_asked_for_again(
    fault: Fault, tmp_path: Path, tallies: dict[str, Tally]
) -> None:
    tally = sweep(tmp_path, heads(fault, TEXT, WHOLE))
    tallies[f"head: {fault.name}"] = tally

    assert not tally.fouls, tally.fouls[0]
    assert tally.outcomes["whole"] == len(Asking) * (len(Play().head()) + 1)


def test_a_backend_that_goes_silent_in_the_head_of_its_reply_is_not_asked_again(
    tmp_path: Path, tallies: dict[str, Tally]
) -> None:
    """It may be at work.  Replies without a fault come between, or the circuit would open."""
    timeouts = Timeouts(first_byte_seconds=0.1, retry_seconds=3000.0)
    silent = list(heads(STALLS, TEXT, REFUSED))[:: len(Asking)]
    chosen = [
        case for at, silence in enumerate(silent) for case in (silence, Case(f"{at}", Asking.WHOLE, (TEXT,), TEXT, ANY))
    ]

    tally = sweep(tmp_path, chosen, timeouts=timeouts, at_once=4)
    tallies[f"head: {STALLS.name}"] = tally

    assert not tally.fouls, tally.fouls[0]
    assert tally.outcomes["refused"] >= len(silent)


def heads(fault: Fault, second: Meant, endings: frozenset[str]) -> Iterator[Case]:
    """Break the reply at each byte of its HTTP head."""
    ending = fault.strike(b"", 0).ending
    for at in range(len(Play().head()) + 1):
        for asking in Asking:
            broken = Play(ending=ending, head_bytes=at)
            yield Case(f"{asking.name}, head, {at}", asking, (broken, second), TEXT, endings)
