"""The operators that go with a query."""

import pytest

from anyclaude.web.domains import DomainFilter
from anyclaude.web.providers.sites import with_sites


@pytest.mark.parametrize(
    ("allowed", "blocked", "query"),
    [
        ((), (), "words"),
        (("a.example",), (), "words site:a.example"),
        (("a.example/blog", "a.example/docs"), (), "words site:a.example"),
        (("a.example", "b.example"), (), "words (site:a.example OR site:b.example)"),
        ((), ("a.example", "b.example/x"), "words -site:a.example"),
        ((), ("b.example/x",), "words"),
        (tuple(f"{n}.example" for n in range(6)), (), "words"),
    ],
)
def test_sites_are_named_as_engines_read_them(allowed: tuple[str, ...], blocked: tuple[str, ...], query: str) -> None:
    assert with_sites("words", DomainFilter(allowed, blocked)) == query


def test_a_query_without_room_for_all_operators_is_left_as_it_is() -> None:
    text = "x" * 390

    assert with_sites(text, DomainFilter(("a.example",))) == text
