"""
What a browser wants to know before it shows a page an answer from here (CORS, fetch.spec.whatwg.org).

Only allowed origins get these headers; the guard refuses the others.  Credentials of the browser (cookies) are never
allowed: the gateway's token is a header that the page itself must know.
"""

import re
from collections.abc import Mapping

from aiohttp import web

METHODS = "GET, HEAD, POST, OPTIONS"

EXPOSED = "request-id, retry-after, x-should-retry, anyclaude-counted-by, anyclaude-input-tokens"
"""Our headers, which a page could not read otherwise; `Content-Type` needs no permission."""

PREFLIGHT_SECONDS = 600
"""How long a browser may remember a permission: Chromium forgets it after two hours, WebKit after ten minutes."""

_FIELD_NAME = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)


def is_preflight(method: str, headers: Mapping[str, str]) -> bool:
    """Return whether a browser asks for permission, and sends neither a token nor a body yet."""
    return method == "OPTIONS" and "Origin" in headers and "Access-Control-Request-Method" in headers


def preflight_response(headers: Mapping[str, str]) -> web.Response:
    """Return the permission for an allowed origin, with the headers that it has asked for."""
    asked = _FIELD_NAME.findall(headers.get("Access-Control-Request-Headers", ""))
    permission = {"Access-Control-Allow-Methods": METHODS, "Access-Control-Max-Age": str(PREFLIGHT_SECONDS)}
    if asked:
        permission["Access-Control-Allow-Headers"] = ", ".join(asked)
    for space in ("Private", "Local"):  # a public page asks for a private network; both names are in use
        if headers.get(f"Access-Control-Request-{space}-Network") == "true":
            permission[f"Access-Control-Allow-{space}-Network"] = "true"
    return web.Response(status=204, headers=permission)


def share_with(origin: str, response: web.StreamResponse) -> None:
    """Let a page of this origin read a response."""
    response.headers["Access-Control-Allow-Origin"] = origin
    response.headers["Access-Control-Expose-Headers"] = EXPOSED
    others = [name for name in response.headers.get("Vary", "").split(", ") if name and name.lower() != "origin"]
    response.headers["Vary"] = ", ".join((*others, "Origin"))
