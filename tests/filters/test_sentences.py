"""Where sentences end."""

import pytest

from anyclaude.filters.sentences import MAX_SENTENCE_CHARACTERS, end_of_sentence, sentences_in


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two!\nThree", ["One.", "Two!", "Three"]),
        ("A line\nthat goes on. B", ["A line\nthat goes on.", "B"]),
        ("First\n\nSecond", ["First", "Second"]),
        ("Fruit:\n- apples\n- pears", ["Fruit:", "- apples", "- pears"]),
        ("See Dr. No, e.g. here. Bye", ["See Dr. No, e.g. here.", "Bye"]),
        ("一。二！", ["一。", "二！"]),
        (" \n ", []),
    ],
)
def test_sentences_of_a_source(text: str, expected: list[str]) -> None:
    assert [text[start:end] for start, end in sentences_in(text)] == expected


def test_an_end_is_certain_when_something_follows() -> None:
    assert [end_of_sentence(text) for text in ("One", "One.", "One. ", "One. T")] == [0, 0, 0, 5]
    assert end_of_sentence("One. ", is_whole=True) == 5


def test_a_line_of_a_reply_is_a_paragraph() -> None:
    assert end_of_sentence("One\ntwo") == 4


def test_what_has_no_end_is_divided() -> None:
    assert end_of_sentence("x" * (MAX_SENTENCE_CHARACTERS + 1)) == MAX_SENTENCE_CHARACTERS
