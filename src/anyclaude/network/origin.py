"""
Origins of web pages: how people write them, and how browsers send them (RFC 6454 §6.1).

An entry of the list may leave out what differs from one start to the next: the port (`http://localhost:*`), or the host
of a scheme of its own, such as that of an editor's panels (`vscode-webview://*`).
"""

import re

from anyclaude.errors import InvalidSetting

ANY = "*"
"""Every origin; any page could use the gateway, so a token is required with it."""

OPAQUE = "null"
"""What a browser sends for a page without an origin: a file, or a frame in a sandbox, which any page can open."""

USUAL_PORTS = {"http": "80", "https": "443"}
"""The ports that a browser leaves out."""

_ORIGIN = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>\[[0-9a-f:.]+\]|[^\s/?#@\\:*]*|\*)(:(?P<port>[0-9]{1,5}|\*))?"
)


def parse_origin(text: str) -> str:
    """
    Return an origin as browsers send it: scheme, host and port in lower case, without a path.

    Raises:
        InvalidSetting: when it is none, such as an address with a path.
    """
    plain = text.strip().lower()
    if plain in {ANY, OPAQUE}:
        return plain
    found = _ORIGIN.fullmatch(plain) or _ORIGIN.fullmatch(plain.removesuffix("/"))
    if found is None:
        raise _no_origin(text)
    scheme, host, port = found["scheme"], _sent(found["host"], text), found["port"]
    if (host == ANY and (scheme in USUAL_PORTS or port)) or (not host and scheme != "file"):
        raise _no_origin(text)
    return f"{scheme}://{host}" + (f":{port}" if port and port != USUAL_PORTS.get(scheme) else "")


def is_allowed_origin(origin: str, allowed: frozenset[str]) -> bool:
    """Return whether requests of a page may be answered; `allowed` are origins as `parse_origin` returns them."""
    plain = origin.lower()
    known = {ANY}
    if plain == OPAQUE:
        known.add(plain)
    elif ANY not in plain and (found := _ORIGIN.fullmatch(plain)):
        known |= {plain, f"{found['scheme']}://{ANY}", f"{found['scheme']}://{found['host']}:{ANY}"}
    return not known.isdisjoint(allowed)


def _sent(host: str, text: str) -> str:
    """Return a host as browsers send it: names in other scripts are encoded (RFC 5891)."""
    try:
        return host if host.isascii() else host.encode("idna").decode()
    except UnicodeError as error:
        raise _no_origin(text) from error


def _no_origin(text: str) -> InvalidSetting:
    return InvalidSetting(
        f"{text!r:.100} is not the origin of a web page; write it as the browser sends it, like http://localhost:3000 "
        f"or app://obsidian.md, or {ANY} for every page"
    )
