"""Origins as people write them and as browsers send them."""

import pytest

from anyclaude.errors import InvalidSetting
from anyclaude.network import is_allowed_origin, parse_origin


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("http://localhost:3000", "http://localhost:3000"),
        (" HTTPS://Example.org/ ", "https://example.org"),
        ("app://obsidian.md", "app://obsidian.md"),
        ("chrome-extension://abcdef", "chrome-extension://abcdef"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("null", "null"),
        ("*", "*"),
    ],
)
def test_an_origin_is_kept_as_browsers_send_it(text: str, origin: str) -> None:
    assert parse_origin(text) == origin


@pytest.mark.parametrize("text", ["", "localhost", "https://", "https://a/b", "https://u@a", "https://a?b", "://a"])
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(InvalidSetting, match="not the origin"):
        parse_origin(text)


def test_only_origins_that_are_listed_are_allowed() -> None:
    allowed = frozenset({"http://localhost:3000"})

    assert is_allowed_origin("HTTP://localhost:3000", allowed)
    assert not is_allowed_origin("http://localhost:30000", allowed)
    assert not is_allowed_origin("null", allowed)
    assert is_allowed_origin("null", frozenset({"*"}))
