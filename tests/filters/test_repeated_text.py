"""Repetition is noticed by exact comparison, wherever the text is split."""

from hypothesis import given
from hypothesis import strategies as st
from tests.parts.splits import any_split

from anyclaude.filters.repeated_text import Repeated, RepeatedText, Window, repeated_unit


@given(st.text("ab", min_size=1, max_size=12), st.integers(24, 60), st.integers(0, 60), st.sampled_from("abc"))
def test_the_repeated_unit_is_the_shortest_period(unit: str, length: int, place: int, character: str) -> None:
    repeated = (unit * length)[:length]
    text = repeated[:place] + character + repeated[place + 1 :]
    periods = [period for period in range(1, 13) if text[period:] == text[:-period]]

    assert repeated_unit(text, 12) == next(iter(periods), 0)


def noticed(*pieces: str, is_space_repeated: bool = False) -> tuple[int, Repeated] | None:
    """Return where in the text the repetition was noticed, and what."""
    watch = RepeatedText((Window(40, 4), Window(80, 20)), 10, is_space_repeated=is_space_repeated)
    at = 0
    for piece in pieces:
        if (found := watch.add(piece)) is not None:
            return at + found.end, found
        at += len(piece)
    return None


@given(st.data(), st.text("abc", min_size=1, max_size=30))
def test_what_is_noticed_does_not_depend_on_how_the_text_arrives(data: st.DataObject, unit: str) -> None:
    text = data.draw(st.text("xy z", max_size=50)) + (unit * 100)[:100]
    whole = noticed(text)
    split = noticed(*data.draw(any_split(text)))

    assert (split is None) == (whole is None)
    if whole is not None and split is not None:
        assert split[0] == whole[0]
        assert split[1].unit_characters == whole[1].unit_characters


def test_a_longer_unit_needs_the_longer_window() -> None:
    short, long = noticed("abc" * 50), noticed("abcdefghijk" * 50)

    assert short is not None and short[0] == 40
    assert long is not None and long[0] == 80
    assert noticed("abcdefghijklmnopqrstuvwxyz" * 50) is None


def test_white_space_of_any_kind_repeats_itself_only_if_asked() -> None:
    assert noticed(" \t\n \n\t  \t\n\n\t") is None
    found = noticed(" \t\n \n\t  \t\n\n\t", is_space_repeated=True)
    assert found == (10, Repeated(None, 10, 10))


def test_what_was_cleared_does_not_count() -> None:
    watch = RepeatedText((Window(40, 4),), 10)

    assert watch.add("ab" * 19) is None
    watch.clear()
    assert watch.add("ab" * 19) is None
