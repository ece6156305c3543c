"""The table of the gateway's memory, and what is more than allowed."""

from pathlib import Path

from benchmarks.memory.measures import MEBIBYTE, Measures, Row
from benchmarks.memory.report import BEGIN, END, section, write_section

MODEST = Row("a modest attack", {"200": 2}, 50 * MEBIBYTE, 90 * MEBIBYTE, 60 * MEBIBYTE, {"turns": 7 * MEBIBYTE}, 12, 0)
WORST = Row("a bad attack", {"200": 1, "broken off": 1}, 60 * MEBIBYTE, 1101 * MEBIBYTE, 70 * MEBIBYTE, {}, 0, 1)
MEASURES = Measures((MODEST, WORST), 50 * MEBIBYTE, 256 * MEBIBYTE, 1100 * MEBIBYTE)


def test_each_attack_has_a_row_and_the_one_that_took_too_much_is_marked() -> None:
    lines = section(MEASURES, "a machine").splitlines()

    assert "| a modest attack | 2 x 200 | 50 | 90 | 60 | 7 | 12 | 0 |  |" in lines
    assert "| a bad attack | 1 x 200, 1 x broken off | 60 | 1,101 | 70 | 0 | 0 | 1 | more than allowed |" in lines
    assert MEASURES.broken == (WORST,)


def test_an_earlier_version_has_columns_of_its_own() -> None:
    row = section(MEASURES, "a machine", before=MEASURES).splitlines()[-2]

    assert row == "| a modest attack | 2 x 200 | 50 | 90 | 60 | 7 | 12 | 0 | 2 x 200 | 90 |  |"


def test_the_section_takes_the_place_of_the_former_one(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")

    write_section(page, "new\n")

    assert page.read_text() == f"before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"
