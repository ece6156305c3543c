"""
Breaks a reply at every one of its bytes, with every fault: whatever the client takes for a whole reply is the reply.

`sweep.outcome_of` checks the same claims for each case: the content before the break is a prefix of the expected reply,
a reply that is not whole has no stop reason, and a reply that cannot be completed ends in the way from which its client
recovers best.
"""

import asyncio
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import uvloop
from tests.faults.expected_reply import REPLIES, SOMETHING_ELSE, TEXT, ExpectedReply
from tests.faults.faults import CLOSES, ENDS, FAILS, GARBLES, RESETS, RETRYABLE, STALLS, Fault, offsets_in
from tests.faults.observer import ClientKind
from tests.faults.sweep import TIMEOUTS, Case, Tally, running_harness
from tests.parts.faulty_backend import Play

from anyclaude.profiles import BackendName
from anyclaude.timeouts import Timeouts

WHOLE = frozenset({"whole"})
REFUSED = frozenset({"refused"})
BROKEN = frozenset({"broken", "refused"})
"""A break is an error status as well, unless part of the reply has been streamed."""
ANY = WHOLE | BROKEN

REFUSAL = Play((b'{"error":{"message":"no such luck","code":400}}',), status=400, content_type="application/json")

SHORT_TIMEOUTS = Timeouts(first_byte_seconds=2.0, stall_seconds=0.2, finish_seconds=0.2, retry_seconds=3000.0)
"""For faults that the gateway waits out.  The first byte has more time, as it comes late on a busy machine."""

AllowedAt = Callable[[int], frozenset[str]]
"""Returns the outcomes that are allowed when the reply breaks at an offset."""


def cases(name: str, fault: Fault, second: Play | ExpectedReply, allowed: AllowedAt) -> Iterator[Case]:
    """Break the reply at each of its bytes; the kinds of client take turns."""
    reply = REPLIES[name]
    body = reply.body()
    clients = list(ClientKind)
    for at in range(len(body) + 1):
        client = clients[(at + len(fault.name)) % len(clients)]
        yield Case(f"{name}, {fault.name}, {at}", client, (fault.apply(body, at), second), reply, allowed(at))


def sweep(
    folder: Path,
    chosen: Iterable[Case],
    backend: BackendName = "generic",
    timeouts: Timeouts = TIMEOUTS,
    max_concurrent: int = 32,
) -> Tally:
    """Play the cases on uvloop, the event loop the gateway runs on."""

    async def run() -> Tally:
        async with running_harness(folder, backend, timeouts) as harness:
            return await harness.run(shuffled(chosen), max_concurrent)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())


def shuffled(chosen: Iterable[Case]) -> list[Case]:
    """Return the cases in random order: consecutive failures would open the circuit."""
    cases = list(chosen)
    random.Random(0).shuffle(cases)
    return cases


@pytest.mark.parametrize("fault", RETRYABLE, ids=lambda fault: fault.name)
@pytest.mark.parametrize("name", REPLIES)
def test_a_second_attempt_that_repeats_the_reply_completes_it(
    name: str, fault: Fault, tmp_path: Path, tallies: dict[str, Tally]
) -> None:
    tally = sweep(tmp_path, cases(name, fault, REPLIES[name], lambda at: WHOLE))
    tallies[f"repeated: {name}, {fault.name}"] = tally

    assert not tally.violations, tally.violations[0]
    assert tally.outcomes["whole"] == len(REPLIES[name].body()) + 1


@pytest.mark.parametrize("fault", [ENDS, RESETS], ids=lambda fault: fault.name)
def test_a_server_that_continues_a_prefill_completes_the_text(
    fault: Fault, tmp_path: Path, tallies: dict[str, Tally]
) -> None:
    tally = sweep(tmp_path, cases("text", fault, TEXT, lambda at: WHOLE), backend="llamacpp")
    tallies[f"continued: {fault.name}"] = tally

    assert not tally.violations, tally.violations[0]
    assert tally.outcomes["whole"] == len(TEXT.body()) + 1


def test_text_that_a_server_starts_again_instead_of_continuing_is_not_repeated(
    tmp_path: Path, tallies: dict[str, Tally]
) -> None:
    tally = sweep(tmp_path, cases("text", ENDS, Play((TEXT.body(),)), lambda at: ANY), backend="llamacpp")
    tallies[f"continued: {ENDS.name}, from the start"] = tally

    assert not tally.violations, tally.violations[0]
    assert tally.outcomes["broken"] > 0


@pytest.mark.parametrize("fault", [ENDS, STALLS], ids=lambda fault: fault.name)
@pytest.mark.parametrize("name", REPLIES)
def test_a_reply_that_cannot_be_continued_is_whole_only_if_the_backend_had_finished_it(
    name: str, fault: Fault, tmp_path: Path, tallies: dict[str, Tally]
) -> None:
    offsets = offsets_in(REPLIES[name].body())

    def allowed(at: int) -> frozenset[str]:
        if at < offsets.may_have_content:
            return REFUSED
        if at < offsets.may_be_finished:
            return BROKEN
        return WHOLE if at >= offsets.is_finished else ANY

    timeouts, max_concurrent = (SHORT_TIMEOUTS, 64) if fault is STALLS else (TIMEOUTS, 32)
    tally = sweep(tmp_path, cases(name, fault, REFUSAL, allowed), timeouts=timeouts, max_concurrent=max_concurrent)
    tallies[f"not continued: {name}, {fault.name}"] = tally

    assert not tally.violations, tally.violations[0]
    assert tally.outcomes["whole"] >= len(REPLIES[name].body()) + 1 - offsets.is_finished


@pytest.mark.parametrize("name", REPLIES)
def test_a_second_attempt_with_another_reply_is_never_joined_to_the_first(
    name: str, tmp_path: Path, tallies: dict[str, Tally]
) -> None:
    offsets = offsets_in(REPLIES[name].body())

    def case(at: int, old: Case) -> Case:
        if at < offsets.has_content:
            return replace(old, expected=SOMETHING_ELSE, allowed=WHOLE)
        return replace(old, allowed=BROKEN if at < offsets.may_be_finished else WHOLE)

    chosen = [case(at, old) for at, old in enumerate(cases(name, ENDS, SOMETHING_ELSE, lambda at: ANY))]
    tally = sweep(tmp_path, chosen)
    tallies[f"something else: {name}"] = tally

    assert not tally.violations, tally.violations[0]
    assert tally.outcomes["broken"] > 0


@pytest.mark.parametrize("fault", [GARBLES, FAILS], ids=lambda fault: fault.name)
@pytest.mark.parametrize("name", REPLIES)
def test_a_damaged_reply_is_never_taken_for_a_whole_one(
    name: str, fault: Fault, tmp_path: Path, tallies: dict[str, Tally]
) -> None:
    offsets = offsets_in(REPLIES[name].body())

    tally = sweep(tmp_path, cases(name, fault, REFUSAL, lambda at: BROKEN if at < offsets.may_be_finished else ANY))
    tallies[f"damaged: {name}, {fault.name}"] = tally

    assert not tally.violations, tally.violations[0]
    assert tally.outcomes["broken"] > 0


@pytest.mark.parametrize("fault", [CLOSES, RESETS], ids=lambda fault: fault.name)
def test_a_request_is_retried_if_the_response_breaks_in_its_head(
    fault: Fault, tmp_path: Path, tallies: dict[str, Tally]
) -> None:
    tally = sweep(tmp_path, broken_heads(fault, TEXT, WHOLE))
    tallies[f"head: {fault.name}"] = tally

    assert not tally.violations, tally.violations[0]
    assert tally.outcomes["whole"] == len(ClientKind) * (len(Play().head()) + 1)


def test_a_request_is_not_retried_if_the_backend_stalls_in_the_head(tmp_path: Path, tallies: dict[str, Tally]) -> None:
    """A stalled backend may still be working.  Intact replies come in between, as the circuit would open otherwise."""
    timeouts = Timeouts(first_byte_seconds=0.1, retry_seconds=3000.0)
    stalled = list(broken_heads(STALLS, TEXT, REFUSED))[:: len(ClientKind)]
    chosen = [
        case
        for at, stall in enumerate(stalled)
        for case in (stall, Case(f"{at}", ClientKind.NOT_STREAMING, (TEXT,), TEXT, ANY))
    ]

    tally = sweep(tmp_path, chosen, timeouts=timeouts, max_concurrent=4)
    tallies[f"head: {STALLS.name}"] = tally

    assert not tally.violations, tally.violations[0]
    assert tally.outcomes["refused"] >= len(stalled)


def broken_heads(fault: Fault, second: ExpectedReply, allowed: frozenset[str]) -> Iterator[Case]:
    """Break the response at each byte of its HTTP head."""
    ending = fault.apply(b"", 0).ending
    for at in range(len(Play().head()) + 1):
        for client in ClientKind:
            broken = Play(ending=ending, head_bytes=at)
            yield Case(f"{client.name}, head, {at}", client, (broken, second), TEXT, allowed)
