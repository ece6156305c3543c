"""What is left of a provider's results."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.secret import Secret
from anyclaude.web.domains import DomainFilter
from anyclaude.web.hits import MAX_EXCERPT_CHARACTERS, MAX_HITS, Found, usable_hits
from anyclaude.web.search import Hit

ALL = DomainFilter()


def test_texts_are_plain() -> None:
    found = Found(
        "https://a.example/",
        "<b>List</b>&lt;String&gt; \x1b[31m",
        "One <strong>word</strong>&#x27;s\nline\u202e",
        "3 days",
    )

    assert usable_hits([found], ALL) == (Hit("https://a.example/", "List <String>", "One word 's line", "3 days"),)


def test_code_is_no_tag() -> None:
    (hit,) = usable_hits([Found("https://a.example/", "t", "List<String> and a < b > c, <br/>then")], ALL)

    assert hit.text == "List<String> and a < b > c, then"


def test_a_page_is_there_once_whatever_its_fragment() -> None:
    found = [Found("https://a.example/p#one", "first"), Found("https://a.example/p#two", "second")]

    assert [(hit.url, hit.title) for hit in usable_hits(found, ALL)] == [("https://a.example/p", "first")]


@pytest.mark.parametrize(
    "url",
    [
        *(None, "", "ftp://a.example/", "javascript:alert(1)", "data:text/html,x", "file:///etc/passwd"),
        *("//a.example/x", "https://", "https://user:secret@a.example/", "https://a.example/\x1b[2J", "https://[::1/"),
        *("/relative", "https://a.example/" + "x" * 3000),
    ],
)
def test_what_is_no_page_of_the_web_is_dropped(url: str | None) -> None:
    assert usable_hits([Found(url, "title")], ALL) == ()


def test_ten_allowed_pages_remain_the_best_first() -> None:
    found = [Found(f"https://{'a' if n % 2 else 'b'}.example/{n}") for n in range(100)]

    hits = usable_hits(found, DomainFilter(("a.example",)))

    assert [hit.url for hit in hits] == [f"https://a.example/{n}" for n in range(1, 2 * MAX_HITS, 2)]
    assert hits[0].title == hits[0].url
    assert hits[0].age is None


def test_an_endless_list_of_results_is_looked_at_to_a_bound() -> None:
    def endless() -> Iterator[Found]:
        while True:
            yield Found("ftp://a.example/")

    assert usable_hits(endless(), ALL) == ()


def test_a_key_that_a_provider_repeats_is_masked() -> None:
    Secret("tvly-9f8e7d6c5b4a")

    (hit,) = usable_hits([Found("https://a.example/", "t", "your key tvly-9f8e7d6c5b4a")], ALL)

    assert hit.text == "your key ***"


@given(text=st.text(max_size=200), times=st.integers(1, 200))
def test_no_text_is_long_or_has_control_characters(text: str, times: int) -> None:
    for hit in usable_hits([Found("https://a.example/", text * times, text * times)], ALL):
        assert len(hit.text) <= MAX_EXCERPT_CHARACTERS
        assert "\n" not in hit.title
        assert "\x1b" not in hit.text
