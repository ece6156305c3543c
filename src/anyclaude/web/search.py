"""A search of the web with any provider: the query, what is found, and the interface to a provider."""

from typing import Protocol

from msgspec import Struct

from anyclaude.errors import WebToolFailed

MAX_QUERY_CHARACTERS = 400
"""The longest query that Brave takes (api-dashboard.search.brave.com) and that Tavily does (docs.tavily.com)."""


class UserLocation(Struct, frozen=True):
    """Where the user is, as far as the client says it; `country` has two letters (ISO 3166-1)."""

    city: str | None = None
    region: str | None = None
    country: str | None = None
    timezone: str | None = None


class Query(Struct, frozen=True):
    """What is searched, and where results may come from (`domains.py`)."""

    text: str
    allowed_domains: tuple[str, ...] = ()
    blocked_domains: tuple[str, ...] = ()
    location: UserLocation | None = None


class Hit(Struct, frozen=True):
    """A page that was found; `text` is the provider's excerpt, `age` when it was written, both as plain text."""

    url: str
    title: str
    text: str
    age: str | None = None


class SearchProvider(Protocol):
    """What searches the web; `name` is its name in sentences."""

    name: str

    async def search(self, query: Query) -> tuple[Hit, ...]:
        """Return what is found, the best first; raises `WebToolFailed`."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


def checked_text(query: Query) -> str:
    """
    Return the words of a query, on one line.

    Raises:
        WebToolFailed: when there are none, or too many.
    """
    text = " ".join(query.text.split())
    if not text:
        raise WebToolFailed("invalid_tool_input", "The query of the web search is empty. Search with words.")
    if len(text) > MAX_QUERY_CHARACTERS:
        raise WebToolFailed(
            "query_too_long",
            f"The query of the web search has {len(text)} characters, and {MAX_QUERY_CHARACTERS} are allowed. "
            "Search with fewer words.",
        )
    return text
