"""How the faults become a section of the page."""

from pathlib import Path

from benchmarks.plain_answers.judgement import Faults
from benchmarks.plain_answers.report import BEGIN, END, Comparison, section, write_section

WORSE = Comparison("small", own=Faults(did_not_end=1), ours=Faults(begins_like_code=2))
EQUAL = Comparison("large", own=Faults(repeats_itself=1), ours=Faults(is_empty=1))


def test_the_section_has_a_row_for_each_template() -> None:
    text = section([WORSE], 24, 120, "a machine")

    assert "| small | its own | 0 | 0 | 0 | 1 | 0 |" in text
    assert "| small | ours | 2 | 0 | 0 | 0 | 0 |" in text


def test_the_target_is_missed_with_more_faults_than_with_the_own_template() -> None:
    text = section([WORSE, EQUAL], 24, 120, "a machine")

    assert "| small: no more faults than with its own template | 2 against 1 | missed |" in text
    assert "| large: no more faults than with its own template | 1 against 1 | met |" in text


def test_only_the_section_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")

    write_section(page, "new")

    assert page.read_text() == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n".replace("new\n\n", "new\n")
