"""How the outcomes become a section of the page."""

from pathlib import Path

from benchmarks.fix_task.outcome import Outcome
from benchmarks.fix_task.report import section, write_section

FAILED = Outcome("called no tool", 30.0, 1, 0, 0, 4_900)
DONE = Outcome("", 60.0, 5, 4, 1, 2_300)


def test_the_section_has_the_counts_the_medians_and_the_reasons() -> None:
    text = section({"alone": [FAILED, FAILED], "ours": [DONE, FAILED]}, "a-model", "limits", "a machine")

    assert "`uv run python -m benchmarks.fix_task --model a-model --runs 2 --write` · a machine · limits" in text
    assert "| alone | 0 of 2 | 30 | 1 | 0 | 0 | 4,900 | 2 x called no tool |" in text
    assert "| ours | 1 of 2 | 45 | 3 | 2 | 0.5 | 4,900 | 1 x called no tool |" in text


def test_only_the_section_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- fix_task: begin -->\nold\n<!-- fix_task: end -->\nafter\n")

    write_section(page, "new")

    assert page.read_text() == "before\n<!-- fix_task: begin -->\n\nnew\n<!-- fix_task: end -->\nafter\n"
