"""Origins of web pages: how people write them, and how browsers send them (RFC 6454 §6.1)."""

import re

from anyclaude.errors import InvalidSetting

ANY = "*"
"""Every origin; any page could use the gateway, so a token is required with it."""

OPAQUE = "null"
"""What a browser sends for a page without an origin, such as a file."""

_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^\s/?#@\\]+", re.IGNORECASE)


def parse_origin(text: str) -> str:
    """
    Return an origin as browsers send it: scheme, host and port in lower case, without a path.

    Raises:
        InvalidSetting: when it is none, such as an address with a path.
    """
    plain = text.strip().removesuffix("/").lower()
    if plain in {ANY, OPAQUE} or _ORIGIN.fullmatch(plain):
        return plain
    raise InvalidSetting(
        f"{text!r:.100} is not the origin of a web page; write it as the browser sends it, like http://localhost:3000 "
        "or app://obsidian.md"
    )


def is_allowed_origin(origin: str, allowed: frozenset[str]) -> bool:
    """Return whether requests of a page may be answered; `allowed` are origins as `parse_origin` returns them."""
    return ANY in allowed or origin.lower() in allowed
