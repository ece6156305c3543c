"""What a gateway may do on the web: search by a provider, and fetch pages."""

from typing import Protocol

from msgspec import Struct

from anyclaude.protocol.server_tools import WEB_FETCH, WEB_SEARCH

from .search import SearchProvider


class Fetched(Struct, frozen=True):
    """A page or a file that was fetched, as text; of a PDF file, `pages` has the text of each page."""

    url: str
    """Where it was in the end, after redirects."""
    title: str | None
    media_type: str
    text: str
    pages: tuple[str, ...]
    retrieved_at: str
    """ISO 8601."""


class PageFetcher(Protocol):
    """What fetches pages."""

    async def fetch(
        self,
        url: str,
        *,
        max_characters: int | None = None,
        allowed_domains: tuple[str, ...] = (),
        blocked_domains: tuple[str, ...] = (),
    ) -> Fetched:
        """Return what is at an address, its text cut after `max_characters`; raises `WebToolFailed`."""
        ...


class WebAccess(Struct, frozen=True):
    """What was switched on; nothing is contacted before a model asks for it."""

    search: SearchProvider | None = None
    fetcher: PageFetcher | None = None

    @property
    def tools(self) -> frozenset[str]:
        """The tools of Anthropic's servers that can be run."""
        found = {WEB_SEARCH: self.search, WEB_FETCH: self.fetcher}
        return frozenset(name for name, runs_it in found.items() if runs_it is not None)


NO_WEB = WebAccess()
