"""Reports at the end of the run how many broken replies were tried, and their outcomes."""

from collections import Counter

import pytest
from tests.faults.sweep import Tally

TALLIES = pytest.StashKey[dict[str, Tally]]()


@pytest.fixture
def tallies(request: pytest.FixtureRequest) -> dict[str, Tally]:
    """Return the mapping in which a test stores its counts."""
    return request.config.stash.setdefault(TALLIES, {})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the counts of each group of tests, and the total."""
    tallies = config.stash.get(TALLIES, {})
    if not tallies:
        return
    terminalreporter.section("broken replies")
    total = Counter[str]()
    for group in sorted({name.partition(":")[0] for name in tallies}):
        counts = sum((tally.outcomes for name, tally in tallies.items() if name.startswith(group)), Counter[str]())
        total += counts
        terminalreporter.write_line(f"{group}: {counts.total():,} tried, {_listed(counts)}")
    terminalreporter.write_line(f"all: {total.total():,} tried, {_listed(total)}")


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))
