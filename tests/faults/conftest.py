"""Reports at the end of the run how many broken replies were tried, and their outcomes."""

from collections import Counter
from collections.abc import Iterator

import pytest
from tests.faults.sweep import Tally

OUTCOMES = "outcomes: "
"""Begins the names of the properties in which a test's report has its counts, from whatever process it ran in."""


@pytest.fixture
def tallies(request: pytest.FixtureRequest) -> Iterator[dict[str, Tally]]:
    """Yield the mapping in which a test stores its counts."""
    found: dict[str, Tally] = {}
    yield found
    request.node.user_properties.extend((OUTCOMES + name, dict(tally.outcomes)) for name, tally in found.items())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the counts of each group of tests, and the total."""
    groups: dict[str, Counter[str]] = {}
    for report in terminalreporter.getreports(""):  # the category of what passed beside the tests: their ends
        for name, outcomes in report.user_properties:
            if name.startswith(OUTCOMES):
                groups.setdefault(name.removeprefix(OUTCOMES).partition(":")[0], Counter()).update(outcomes)
    if not groups:
        return
    terminalreporter.section("broken replies")
    for group, counts in sorted(groups.items()):
        terminalreporter.write_line(f"{group}: {counts.total():,} tried, {_listed(counts)}")
    total = sum(groups.values(), Counter[str]())
    terminalreporter.write_line(f"all: {total.total():,} tried, {_listed(total)}")


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))
