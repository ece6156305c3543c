"""How the figures of a start become a section of the page."""

from pathlib import Path

from benchmarks.startup.commands import NOTHING, Cost
from benchmarks.startup.launches import Launches
from benchmarks.startup.report import added_seconds, section, write_section

COMMANDS = {NOTHING: Cost(0.9, 0.02), "anyclaude --help": Cost(0.2, 0.1)}
LAUNCHES = Launches(alone=(1.0, 2.0, 3.0), through_anyclaude=(1.3, 2.9, 3.1))


def test_the_added_time_is_the_median_of_the_differences() -> None:
    assert round(added_seconds(LAUNCHES), 6) == 0.3


def test_the_section_states_whether_the_targets_are_met() -> None:
    text = section(COMMANDS, LAUNCHES, 3, "a machine")

    assert "| `anyclaude --help` | 200 | 100 |" in text
    assert "| `anyclaude -p` | 2,900 | 300 |" in text
    assert text.count("| met |") == 2


def test_a_target_is_missed_above_its_limit() -> None:
    slow = section({NOTHING: Cost(0.0, 0.0), "x": Cost(0.3, 0.3)}, Launches((1.0,), (1.5,)), 1, "a machine")

    assert slow.count("| missed |") == 2


def test_only_the_section_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- startup: begin -->\nold\n<!-- startup: end -->\nafter\n")

    write_section(page, "new")

    assert page.read_text() == "before\n<!-- startup: begin -->\n\nnew\n<!-- startup: end -->\nafter\n"
