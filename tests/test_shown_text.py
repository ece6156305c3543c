"""Text of others, made fit to be shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.secret import Secret
from anyclaude.shown_text import shown, shown_line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain — tëxt 文 👩‍💻 [red]", "plain — tëxt 文 👩‍💻 [red]"),
        ("a\tb\nc", "a\tb\nc"),
        ("a\r\nb", "a\nb"),
        ("a\rb\x00c\x7fd", "a b c d"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("a\x9b2Jb", "ab"),
        ("\x1b]0;title\x07a\x1b]52;c;aGk=\x1b\\b", "ab"),
        ("\x1bPq#0\x1b\\a\x1bcb\x1b(Bc", "abc"),
        ("a\x1b[", "a"),
        ("a\x1b]unfinished\nb", "a\nb"),
        ("abc\u202edef\u2066g\u200f", "abc def g "),
        ("a\u2028b\U000e0041c", "a b c"),
        ("a\ud83d", "a\ufffd"),
    ],
)
def test_control_characters_are_taken_out(text: str, expected: str) -> None:
    assert shown(text) == expected


@given(st.text(st.characters()))
def test_nothing_of_a_terminal_is_left(text: str) -> None:
    line = shown_line(text)

    assert "\n" not in line
    assert all(c >= " " and not "\x7f" <= c <= "\x9f" for c in line)
    assert shown_line(line) == line


def test_a_secret_that_control_characters_divide_is_masked() -> None:
    Secret("divided-key-161803")

    assert shown("divided\x1b[0m-key-161803") == "***"
