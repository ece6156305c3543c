"""The page shows the measures, and whether each target is met."""

from pathlib import Path

import pytest
from benchmarks.gateway.contestants import ANYCLAUDE, DIRECT, NGINX
from benchmarks.gateway.measures import Pacing, Rate
from benchmarks.gateway.report import BEGIN, END, SITUATIONS, Results, quantile, tables, write_section


def results_with(anyclaude: int, nginx: int = 1000, delivered: int = 1000) -> Results:
    """Return the results of one round with these rates of events."""
    results = Results()
    for contestant, events in ((DIRECT, 9000), (NGINX, nginx), (ANYCLAUDE, anyclaude)):
        results.short_replies[contestant.title].append(Rate(events, 1.0, 0.5))
        results.long_replies[contestant.title].append(Rate(events, 1.0, 0.5))
        results.pacings[contestant.title].append(Pacing(256, 256, 1000, delivered, [0.001] * 9, 0.1, 1024.0))
        for size in ("4 kB", "300 kB"):
            for situation in SITUATIONS:
                wait = 0.001 if contestant is DIRECT else 0.0018
                results.waits[contestant.title, size, situation].append([wait] * 5)
    return results


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1.0), (0.5, 3.0), (0.99, 4.0)])
def test_a_quantile_is_one_of_the_values(share: float, expected: float) -> None:
    assert quantile([4.0, 1.0, 3.0, 2.0], share) == expected


def test_the_quantile_of_no_values_is_infinite() -> None:
    assert quantile([], 0.5) == float("inf")


@pytest.mark.parametrize(("events", "expected"), [(450, "45.0% | met"), (449, "44.9% | missed")])
def test_the_throughput_target_is_a_share_of_the_throughput_of_nginx(events: int, expected: str) -> None:
    page = tables(results_with(events), "1 round", "a machine")

    assert f"| events/s ≥ 45 % of nginx | {expected} |" in page


def test_the_added_wait_is_the_wait_minus_that_of_the_direct_connection() -> None:
    added = results_with(500).added_wait(ANYCLAUDE.title, "4 kB", "alone", 0.5)

    assert added == pytest.approx(0.0008)


@pytest.mark.parametrize(("delivered", "keeps_up"), [(1000, True), (900, False)])
def test_a_contestant_that_delivers_less_than_was_sent_falls_behind(delivered: int, keeps_up: bool) -> None:
    assert results_with(500, delivered=delivered).kept_up(ANYCLAUDE.title) is keeps_up


def test_a_contestant_that_did_not_run_is_listed_with_the_reason() -> None:
    results = results_with(500)
    results.absent["Claude Code Router 2.0.0"] = "npm is not on the PATH"

    assert "Claude Code Router 2.0.0 did not run: npm is not on the PATH" in tables(results, "1 round", "a machine")


def test_only_the_text_between_the_markers_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    page.write_text(f"# Before\n\n{BEGIN}\nold\n{END}\n\n## After\n")

    write_section(page, "new\n")

    assert page.read_text() == f"# Before\n\n{BEGIN}\n\nnew\n\n{END}\n\n## After\n"
