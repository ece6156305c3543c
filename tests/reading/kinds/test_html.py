"""The main text of pages of HTML."""

import pytest

from anyclaude.reading.frames import UnreadableFile
from anyclaude.reading.kinds import html

PARAGRAPH = "Rivers carry sand to the sea, and the sea carries it along the coast for many miles. "
PAGE = (
    "<html><head><title>Sand</title></head><body><nav><a href='/home'>Home</a></nav><article><h1>Sand</h1>"
    f"<p>{PARAGRAPH * 4}</p><p>{PARAGRAPH * 4} See <a href='/coast'>the coast</a>.</p></article></body></html>"
).encode()


def test_the_main_text_is_markdown_with_links_and_without_navigation() -> None:
    value = html.read(PAGE, {"url": "https://example.org/sand", "max_characters": 10_000}).value

    assert isinstance(value, dict)
    assert value["title"] == "Sand"
    assert PARAGRAPH.strip() in value["pages"][0]
    assert "[the coast](https://example.org/coast)" in value["pages"][0]
    assert "Home" not in value["pages"][0]
    assert value["is_cut"] is False


def test_a_long_text_is_cut() -> None:
    value = html.read(PAGE, {"max_characters": 100}).value

    assert isinstance(value, dict)
    assert len(value["pages"][0]) == 100
    assert value["is_cut"] is True


def test_a_page_without_text_says_so() -> None:
    with pytest.raises(UnreadableFile) as refused:
        html.read(b"<html><body></body></html>", {"max_characters": 100})

    assert refused.value.code == "no_text"


def test_without_the_extra_the_reason_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "HAS_TRAFILATURA", False)

    with pytest.raises(UnreadableFile, match=r"anyclaude\[web\]") as refused:
        html.read(PAGE, {"max_characters": 100})

    assert refused.value.code == "unavailable"
