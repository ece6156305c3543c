"""The table of exchanges."""

from msgspec.structs import replace
from tests.cache_report.test_report import FINDING, RECORD

from anyclaude.cache_report.listing import HEADINGS, listed
from anyclaude.exchange_record import RecordedUsage


def test_an_exchange_is_a_row_with_the_engines_counts_and_the_cause() -> None:
    heading, known, unknown = listed([(RECORD, FINDING), (replace(RECORD, usage=RecordedUsage()), None)])

    assert heading.split() == list(HEADINGS)
    assert known.split()[3:] == ["10,000", "2,000", "8,000", "40.00", "system", "main"]
    assert unknown.split()[3:] == ["-", "-", "-", "-", "-", "main"]


def test_columns_are_aligned_and_numbers_to_the_right() -> None:
    heading, row = listed([(RECORD, FINDING)])

    assert heading.index("prompt") + len("prompt") == row.index("10,000") + len("10,000")
    assert heading.index("class") == row.index("main")
