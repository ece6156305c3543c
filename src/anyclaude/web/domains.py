"""
The domains that a search or a fetch may use: the filters that clients send.

As Anthropic documents them (docs: "Server tools", domain filtering): an entry has no scheme; it includes subdomains;
it may go on with a path, which includes all paths below; and one `*` may stand in the path.
"""

import re
from posixpath import normpath
from urllib.parse import unquote

from msgspec import Struct
from yarl import URL

from anyclaude.errors import WebToolFailed

MAX_ENTRIES = 1000
"""Far more than any client sends; each is compared with each result."""

_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*", re.ASCII)


class Domain(Struct, frozen=True):
    """One entry of a filter."""

    host: str
    path: str = ""

    def includes(self, url: URL) -> bool:
        """Return whether a page is in this domain, and below the path."""
        host = (url.raw_host or "").lower().rstrip(".")
        if host != self.host and not host.endswith(f".{self.host}"):
            return False
        before, star, after = self.path.partition("*")
        path = re.escape(before) + (".*" if star else "") + re.escape(after)
        return re.match(f"{path}(?:/|$)", _plain_path(url.raw_path), re.DOTALL) is not None


class DomainFilter:
    """Where results may come from: the allowed domains, or all, without the blocked ones."""

    def __init__(self, allowed: tuple[str, ...] = (), blocked: tuple[str, ...] = ()) -> None:
        """
        Read the entries.

        Raises:
            WebToolFailed: for one that is no domain, or for too many.
        """
        if len(allowed) + len(blocked) > MAX_ENTRIES:
            raise WebToolFailed(
                "invalid_tool_input", f"The filter has more than {MAX_ENTRIES:,} domains. Name fewer of them."
            )
        self._allowed = tuple(map(parse_domain, allowed))
        self._blocked = tuple(map(parse_domain, blocked))

    @property
    def allowed_hosts(self) -> tuple[str, ...]:
        """The hosts of the allowed domains, each once; none if all are allowed."""
        return tuple(dict.fromkeys(domain.host for domain in self._allowed))

    @property
    def blocked_hosts(self) -> tuple[str, ...]:
        """The hosts that are blocked as a whole."""
        return tuple(dict.fromkeys(domain.host for domain in self._blocked if not domain.path))

    def allows(self, url: URL) -> bool:
        """Return whether a page may be used."""
        if any(domain.includes(url) for domain in self._blocked):
            return False
        return not self._allowed or any(domain.includes(url) for domain in self._allowed)


def parse_domain(text: str) -> Domain:
    """
    Return an entry of a filter, taken apart.

    Raises:
        WebToolFailed: when it is no domain.
    """
    host, slash, path = text.strip().partition("/")
    try:
        host = host.lower().rstrip(".").encode("idna").decode() if not host.isascii() else host.lower().rstrip(".")
    except UnicodeError:
        host = ""
    if not _HOST.fullmatch(host) or path.count("*") > 1:
        raise WebToolFailed(
            "invalid_tool_input",
            f"{text!r:.200} is no domain of a filter. Write it without scheme and port, like example.com or "
            "example.com/blog; one * may stand in the path.",
        )
    return Domain(host, _plain_path(slash + path).rstrip("/"))


def _plain_path(path: str) -> str:
    """Return a path as the server will read it: without escapes, and without steps such as `..`."""
    return normpath("/" + unquote(path).lstrip("/"))
