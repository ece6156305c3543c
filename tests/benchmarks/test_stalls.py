"""What small requests wait beside others: measured, and drawn anew."""

import sys
from itertools import islice
from pathlib import Path

import pytest
from benchmarks.stalls.attacks import ATTACKS, drawn
from benchmarks.stalls.play import MOST_SECONDS, PERCENT, Row, played
from benchmarks.stalls.replies import FINISH, reply
from benchmarks.stalls.report import section


def test_a_row_is_over_the_limit_if_one_in_a_hundred_took_too_long() -> None:
    quick, slow = [0.001] * (10 * PERCENT), [0.06] * 15

    assert not Row("a", 1, ["200"], 0.1, quick).holds_up_others
    assert Row("a", 1, ["200"], 0.1, [*quick, *slow]).holds_up_others


def test_the_longest_wait_of_an_earlier_version_has_a_column() -> None:
    now, quick, given_up = (Row("a", 1, ["200"], 0.1, [seconds]) for seconds in (0.01, 0.2, MOST_SECONDS + 0.1))

    assert "| 10 | 200 |  |" in section([now], "a machine", "command", [quick])
    assert "| 10 | over 10,000 |  |" in section([now], "a machine", "command", [given_up])


def test_bodies_are_drawn_the_same_for_a_seed() -> None:
    assert list(islice(drawn(7, 5), 3)) == list(drawn(7, 3))
    assert len({attack.body for _, attack in drawn(1, 10)}) == 10


def test_every_attack_has_a_body() -> None:
    assert all(attack().request for name, attack in ATTACKS.items() if "MB" not in name and "reply" not in name)


def test_a_reply_is_what_its_name_says_with_an_end() -> None:
    assert reply("a million comments") == b":\n" * 1_000_000 + FINISH
    assert reply("256 calls in a line").count(b'"function"') == 256


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the gateway is bound to a core")
async def test_a_short_run_has_a_row_for_each_attack(tmp_path: Path) -> None:
    name = "600 text blocks"

    rows = await played([(name, ATTACKS[name]())], seconds=1.0, folder=tmp_path, python=sys.executable)

    assert [row.name for row in rows] == ["none", name]
    assert all(row.small_seconds for row in rows)
    assert f"| {name} | 0.02 | 200 |" in section(rows, "a machine", "command")
