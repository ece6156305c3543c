"""What a provider has found, as the model may read it: plain, bounded, each page once, from allowed domains only."""

import re
from collections.abc import Iterable
from html import unescape
from itertools import islice

from msgspec import Struct
from yarl import URL

from anyclaude.shown_text import shown_line

from .domains import DomainFilter
from .search import Hit

MAX_HITS = 10
"""As many as Anthropic's own search returns at most (docs: "Web search tool", example)."""

MAX_RESULTS = 100
"""The results that are looked at; providers send 20 to 50."""

MAX_TITLE_CHARACTERS = 300
MAX_EXCERPT_CHARACTERS = 2000
"""Ten excerpts of this size are 5,000 tokens; providers send some 200 characters, Tavily up to 1,500."""

MAX_URL_CHARACTERS = 2048
"""Longer addresses are data, not pages; no search engine lists them (sitemaps.org allows as many)."""

_TAG = re.compile(
    r"</?(?:a|abbr|b|big|blockquote|br|cite|code|dd|div|dl|dt|em|embed|font|form|h[1-6]|hr|i|iframe|img|input|kbd|li|"
    r"link|mark|meta|object|ol|p|pre|q|s|script|small|span|strong|style|sub|sup|svg|table|tbody|td|th|tr|tt|u|ul|video)"
    r"(?:\s[^<>]{0,1000})?/?>",
    re.IGNORECASE,
)
"""The tags of HTML that are in excerpts; `List<String>` is none."""


class Found(Struct, frozen=True):
    """One result as a provider sends it; any field may be missing."""

    url: str | None = None
    title: str | None = None
    text: str | None = None
    age: str | None = None


def usable_hits(found: Iterable[Found], domains: DomainFilter) -> tuple[Hit, ...]:
    """Return the first hits that have an address which may be used; those behind the first hundred do not count."""
    hits: dict[str, Hit] = {}
    for result in islice(found, MAX_RESULTS):
        if len(hits) == MAX_HITS:
            break
        url = _page(result.url or "")
        if url is not None and domains.allows(url) and str(url) not in hits:
            title = _plain(result.title or "", MAX_TITLE_CHARACTERS)
            text = _plain(result.text or "", MAX_EXCERPT_CHARACTERS)
            age = _plain(result.age or "", MAX_TITLE_CHARACTERS)
            hits[str(url)] = Hit(str(url), title or str(url), text, age or None)
    return tuple(hits.values())


def _page(text: str) -> URL | None:
    """Return the address of a page, `None` for what is no page on the web."""
    if len(text) > MAX_URL_CHARACTERS or not text.isprintable():
        return None
    try:
        url = URL(text.strip()).with_fragment(None)
    except ValueError:
        return None
    return url if url.scheme in {"http", "https"} and url.raw_host and url.user is None else None


def _plain(text: str, limit: int) -> str:
    """Return a text without tags, references and control characters, on one line; secrets are masked."""
    plain = unescape(_TAG.sub(" ", text[: 4 * limit]))
    return " ".join(shown_line(plain).split())[:limit].rstrip()
