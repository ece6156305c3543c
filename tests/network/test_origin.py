"""Origins as people write them and as browsers send them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
        ("http://localhost:80", "http://localhost"),
        ("https://localhost:80/", "https://localhost:80"),
        ("https://Bücher.example", "https://xn--bcher-kva.example"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("app://.", "app://."),
        ("file://", "file://"),
        ("file:///", "file://"),
        ("http://localhost:*", "http://localhost:*"),
        ("vscode-webview://*", "vscode-webview://*"),
        ("null", "null"),
        ("*", "*"),
    ],
)
def test_an_origin_is_kept_as_browsers_send_it(text: str, origin: str) -> None:
    assert parse_origin(text) == origin


@pytest.mark.parametrize(
    "text",
    [
        *("", "localhost", "localhost:3000", "https://", "https://a/b", "https://u@a", "https://a?b", "://a", "app://"),
        *(
            "https://*",
            "http://*:3000",
            "app://*:1",
            "http://192.168.*",
            "https://*.example",
            "http://a:x",
            "http://a:",
        ),
        *("https://a b", "https://\ud800"),
    ],
)
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(InvalidSetting, match="not the origin"):
        parse_origin(text)


def test_only_origins_that_are_listed_are_allowed() -> None:
    allowed = frozenset({"http://localhost:3000"})

    assert is_allowed_origin("HTTP://localhost:3000", allowed)
    assert not is_allowed_origin("http://localhost:30000", allowed)
    assert not is_allowed_origin("null", allowed)
    assert is_allowed_origin("null", frozenset({"*"}))


@pytest.mark.parametrize("origin", ["http://localhost", "http://localhost:1", "http://LOCALHOST:65535"])
def test_a_port_can_be_left_open(origin: str) -> None:
    assert is_allowed_origin(origin, frozenset({"http://localhost:*"}))


@pytest.mark.parametrize(
    "origin",
    [
        *("https://localhost:1", "http://localhost.evil.example:1", "http://evil.example", "localhost:1", "null"),
        *(
            "http://localhost:x@evil.example",
            "http://localhost:1@evil.example",
            "http://localhost:",
            "http://localhost:x",
        ),
        *(
            "http://localhost:1:1",
            "http://localhost:1/",
            "http://localhost:1 ",
            "http://localhost:*",
            "http://*",
            "*",
            "",
        ),
    ],
)
def test_nothing_but_the_port_is_left_open(origin: str) -> None:
    assert not is_allowed_origin(origin, frozenset({"http://localhost:*"}))


def test_the_host_of_a_scheme_of_its_own_can_be_left_open() -> None:
    allowed = frozenset({"vscode-webview://*"})

    assert is_allowed_origin("vscode-webview://1ab2c3", allowed)
    assert not is_allowed_origin("https://1ab2c3", allowed)
    assert not is_allowed_origin("vscode-webview", allowed)


@given(st.from_regex(r"(https?|app|chrome-extension)://[a-z0-9.-]{1,20}(:[1-9][0-9]{1,3})?", fullmatch=True))
def test_what_a_browser_sends_is_allowed_by_the_same_text_in_the_setting_and_by_no_other(origin: str) -> None:
    sent = origin.removesuffix({"http": ":80", "https": ":443"}.get(origin.partition(":")[0], "\0"))

    assert is_allowed_origin(sent, frozenset({parse_origin(origin)}))
    assert not is_allowed_origin(sent + "x", frozenset({parse_origin(origin)}))
