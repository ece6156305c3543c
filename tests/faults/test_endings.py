"""What counts as the end of a reply, what as an error, and what a repeated chunk is."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
import uvloop
from tests.faults.faults import doubled
from tests.faults.meant import REPLIES, TEXT
from tests.faults.spectator import Asking, Seen
from tests.faults.sweep import PATIENCE, Case, Tally, stage
from tests.parts.faulty_backend import Ending, Framing, Play

NO = Play((b'{"error":{"message":"no such luck","code":400}}',), status=400, content_type="application/json")


def play(folder: Path, *cases: Case) -> Tally:
    """Play the cases one after the other."""

    async def run() -> Tally:
        async with stage(folder, "generic", PATIENCE) as played:
            return await played.run(cases, at_once=1)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())


@pytest.mark.parametrize("asking", Asking, ids=lambda asking: asking.value)
@pytest.mark.parametrize("name", REPLIES)
@pytest.mark.parametrize("ends_by", ["reason and mark", "reason", "mark", "nothing"])
def test_a_reply_is_finished_by_a_reason_or_by_the_mark_and_by_nothing_else(
    ends_by: str, name: str, asking: Asking, tmp_path: Path
) -> None:
    usual = REPLIES[name]
    meant = replace(usual, finish=usual.finish if "reason" in ends_by else None, done="mark" in ends_by)
    broken = "broken" if asking.streams else "refused"
    allowed = frozenset({broken if ends_by == "nothing" else "whole"})
    plays = [Play((meant.body(),), framing=framing) for framing in Framing]

    tally = play(tmp_path, *(Case(f"{at}", asking, (first, NO), meant, allowed) for at, first in enumerate(plays)))

    assert not tally.fouls, tally.fouls[0]


@pytest.mark.parametrize("asking", Asking, ids=lambda asking: asking.value)
@pytest.mark.parametrize("name", REPLIES)
def test_a_chunk_that_is_sent_twice_is_said_twice_for_so_the_backend_sent_it(
    name: str, asking: Asking, tmp_path: Path
) -> None:
    cases = [
        Case(f"twice {at}", asking, (Play(tuple(sent.events())), NO), understood, frozenset({"whole"}))
        for at, (sent, understood) in enumerate(doubled(REPLIES[name]))
    ]

    tally = play(tmp_path, *cases)

    assert not tally.fouls, tally.fouls[0]
    assert tally.tried == len(REPLIES[name].pieces)


@pytest.mark.parametrize("asking", Asking, ids=lambda asking: asking.value)
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, b'{"error":{"message":"bad","type":"invalid_request_error"}}'),
        (401, b'{"error":"no key"}'),
        (404, b"<html>not here</html>"),
        (413, b""),
        (422, b'{"detail":[{"loc":["body"],"msg":"field required"}]}'),
        (500, b"\xff\xfe no text"),
        (500, b"null"),
        (302, b""),
        (204, b""),
    ],
)
def test_an_error_status_is_told_in_the_anthropic_shape_whatever_its_body(
    status: int, body: bytes, asking: Asking, tmp_path: Path
) -> None:
    answer = Play((body,), status=status, content_type="application/json")

    tally = play(tmp_path, Case("refusal", asking, (answer, answer), TEXT, frozenset({"refused"})))

    assert not tally.fouls, tally.fouls[0]


@pytest.mark.parametrize("status", [429, 503, 529])
def test_a_backend_that_is_busy_for_a_moment_is_asked_again_before_the_client_hears_of_it(
    status: int, tmp_path: Path
) -> None:
    busy = Play((b'{"error":{"message":"Loading model","code":503}}',), status=status, headers={"Retry-After": "1"})

    tally = play(tmp_path, Case("busy", Asking.CLAUDE_CODE, (busy, busy, busy, TEXT), TEXT, frozenset({"whole"})))

    assert not tally.fouls, tally.fouls[0]


async def test_a_broken_reply_is_cut_off_by_a_reset_for_claude_code_and_told_to_others(tmp_path: Path) -> None:
    async def seen_by(asking: Asking) -> Seen:
        async with stage(tmp_path, "generic") as played:
            return await played.seen(
                Case("cut", asking, (Play((TEXT.events()[0],), Ending.CLOSED), NO), TEXT, frozenset({"broken"}))
            )

    by_claude_code, by_another = await seen_by(Asking.CLAUDE_CODE), await seen_by(Asking.OTHER)

    assert by_claude_code.was_reset
    assert b"event: error" not in by_claude_code.body
    assert by_another.is_intact
    assert b"event: error" in by_another.body
