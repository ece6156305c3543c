"""The operators with which search engines restrict a search to sites, or keep sites out."""

from anyclaude.web.domains import DomainFilter
from anyclaude.web.search import MAX_QUERY_CHARACTERS

MAX_SITES = 5
"""Engines drop terms of long queries; hits are filtered in any case, so that less is found, never something else."""


def with_sites(text: str, domains: DomainFilter) -> str:
    """Return a query with `site:` operators, if it has room for all of them, else as it is."""
    allowed, blocked = domains.allowed_hosts, domains.blocked_hosts
    if (not allowed and not blocked) or len(allowed) > MAX_SITES:
        return text
    places = " OR ".join(f"site:{host}" for host in allowed)
    words = [text, f"({places})" if len(allowed) > 1 else places, *(f"-site:{host}" for host in blocked[:MAX_SITES])]
    whole = " ".join(filter(None, words))
    return whole if len(whole) <= MAX_QUERY_CHARACTERS else text
