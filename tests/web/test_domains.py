"""Which pages a client's filter includes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from anyclaude.errors import WebToolFailed
from anyclaude.web.domains import MAX_ENTRIES, DomainFilter

LABELS = st.text("abcdefghij", min_size=1, max_size=5)
HOSTS = st.lists(LABELS, min_size=2, max_size=4).map(".".join)
PATHS = st.lists(LABELS, max_size=3).map(lambda parts: "/" + "/".join(parts))


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        ("example.com", "https://example.com"),
        ("example.com", "http://docs.example.com:8080/page?q=1"),
        ("Example.COM.", "https://example.com./"),
        ("docs.example.com", "https://docs.example.com/"),
        ("example.com/blog", "https://example.com/blog"),
        ("example.com/blog", "https://example.com/blog/one"),
        ("example.com/*", "https://example.com/any/page"),
        ("example.com/*/articles", "https://example.com/en/articles/1"),
        ("bücher.example", "https://xn--bcher-kva.example/"),
        ("example.com/ä", "https://example.com/%C3%A4"),
    ],
)
def test_an_entry_includes_subdomains_and_paths_below(entry: str, url: str) -> None:
    assert DomainFilter((entry,)).allows(URL(url))
    assert not DomainFilter((), (entry,)).allows(URL(url))


@pytest.mark.parametrize(
    ("entry", "url"),
    [
        ("example.com", "https://example.org"),
        ("example.com", "https://notexample.com"),
        ("example.com", "https://example.com.evil.org"),
        ("example.com", "https://evil.org/example.com"),
        ("docs.example.com", "https://example.com/"),
        ("example.com/blog", "https://example.com/"),
        ("example.com/blog", "https://example.com/blogs"),
        ("example.com/blog", "https://example.com/blog/../admin"),
        ("example.com/blog", "https://example.com/blog/%2e%2e/admin"),
        ("example.com/blog", "https://example.com/blog%2f..%2fadmin"),
        ("example.com/*/articles", "https://example.com/articles"),
        ("example.com/a.c", "https://example.com/abc"),
    ],
)
def test_an_entry_includes_nothing_else(entry: str, url: str) -> None:
    assert not DomainFilter((entry,)).allows(URL(url))
    assert DomainFilter((), (entry,)).allows(URL(url))


@pytest.mark.parametrize(
    "entry",
    ["", "https://example.com", "*.example.com", "ex*.com", "example.com:80", "example.com/*/*", "a b.com", "/blog"],
)
def test_what_is_no_domain_is_refused(entry: str) -> None:
    with pytest.raises(WebToolFailed, match=r"example\.com/blog") as raised:
        DomainFilter((entry,))

    assert raised.value.code == "invalid_tool_input"


def test_a_filter_with_too_many_domains_is_refused() -> None:
    names = tuple(f"{n}.example" for n in range(MAX_ENTRIES))

    DomainFilter(names)
    with pytest.raises(WebToolFailed, match="Name fewer"):
        DomainFilter(names, ("example.com",))


@given(host=HOSTS, other=HOSTS, prefix=LABELS, path=PATHS)
def test_a_host_is_included_if_and_only_if_it_is_the_domain_or_below_it(
    host: str, other: str, prefix: str, path: str
) -> None:
    domains = DomainFilter((host,))

    assert domains.allows(URL(f"https://{host}{path}"))
    assert domains.allows(URL(f"https://{prefix}.{host}{path}"))
    assert not domains.allows(URL(f"https://{prefix}{host}{path}")) or f"{prefix}{host}".endswith(f".{host}")
    assert domains.allows(URL(f"https://{other}{path}")) == (other == host or other.endswith(f".{host}"))


@given(hosts=st.lists(HOSTS, max_size=4), blocked=st.lists(HOSTS, max_size=4), host=HOSTS, path=PATHS)
def test_a_blocked_domain_wins_and_an_empty_filter_allows_all(
    hosts: list[str], blocked: list[str], host: str, path: str
) -> None:
    url = URL(f"https://{host}{path}")

    assert DomainFilter().allows(url)
    assert not DomainFilter((*hosts, host), (*blocked, host)).allows(url)
    both = DomainFilter(tuple(hosts), tuple(blocked))
    assert both.allows(url) == (DomainFilter(tuple(hosts)).allows(url) and DomainFilter((), tuple(blocked)).allows(url))


def test_hosts_are_named_once_and_blocked_ones_only_as_a_whole() -> None:
    domains = DomainFilter(("a.example/x", "a.example/y"), ("b.example/x", "c.example"))

    assert domains.allowed_hosts == ("a.example",)
    assert domains.blocked_hosts == ("c.example",)
