"""Words that mean the same have one form."""

import pytest

from anyclaude.filters.words import words_of


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1,500,000", "1500000"),
        ("1.500.000", "1500000"),
        ("2,5", "2.5"),
        ("12 percent", "12%"),
        ("Offices", "office"),
        ("two", "2"),
        ("Acme's", "acme"),
    ],
)
def test_two_ways_to_write_it(one: str, other: str) -> None:
    assert [word.form for word in words_of(one)] == [word.form for word in words_of(other)]


@pytest.mark.parametrize(("one", "other"), [("1.234", "1,234"), ("-5", "5"), ("internal", "internet")])
def test_different_words_stay_different(one: str, other: str) -> None:
    assert [word.form for word in words_of(one)] != [word.form for word in words_of(other)]


def test_scripts_without_spaces_are_read_by_character() -> None:
    assert [word.form for word in words_of("東京へ go")] == ["東", "京", "へ", "go"]


def test_places_are_those_in_the_whole_text() -> None:
    text = "One more day."
    assert [text[word.start : word.end] for word in words_of(text, 4)] == ["more", "day"]


def test_negations_are_alike() -> None:
    assert [word.qualifier for word in words_of("don't never may")] == ["not", "not", "may"]
