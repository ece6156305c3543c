"""Code between backticks ends with as many backticks, or with the line."""

import pytest

from anyclaude.filters.written.code_span import read_code_span
from anyclaude.filters.written.source import Source


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a` b", "a`"),
        ("a", "a"),
        ("a\nb`", "a"),
        ("a``b` c", "a``b`"),
        ("", ""),
    ],
)
@pytest.mark.parametrize("is_split", [False, True])
def test_code_ends_with_its_backticks_or_with_the_line(text: str, code: str, is_split: bool) -> None:
    passed: list[str] = []
    source = Source()
    reading = read_code_span(source, "`", passed.append)
    for piece in text if is_split else [text]:
        source.add(piece)
        next(reading, None)
    source.end(was_cut=False)
    next(reading, None)

    assert "".join(passed) == code
