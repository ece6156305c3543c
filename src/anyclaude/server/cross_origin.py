"""
What a browser wants to know before it shows a page an answer from here (CORS, fetch.spec.whatwg.org).

Only allowed origins get these headers; the guard refuses the others.  Credentials of the browser (cookies) are never
allowed: the gateway's token is a header that the page itself must know.
"""

import re
from collections.abc import Mapping

from aiohttp import web
from multidict import CIMultiDict

METHODS = ("GET", "HEAD", "POST", "OPTIONS")
"""The methods of our routes; another one that a page asks for gets 405, which the page can read."""

EXPOSED = ("request-id", "retry-after", "x-should-retry")
EXPOSED_FAMILIES = ("anyclaude-", "anthropic-")
"""The headers that a page could not read otherwise; `Content-Type` needs no permission."""

PREFLIGHT_SECONDS = 600
"""How long a browser may remember a permission: Chromium forgets it after two hours, WebKit after ten minutes."""

_TOKEN = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)
"""The form of the names of headers and methods (RFC 9110 §5.6.2)."""


def is_preflight(method: str, headers: Mapping[str, str]) -> bool:
    """Return whether a browser asks for permission, and sends neither a token nor a body yet."""
    return method == "OPTIONS" and "Origin" in headers and "Access-Control-Request-Method" in headers


def preflight_response(headers: Mapping[str, str]) -> web.Response:
    """Return the permission for an allowed origin, with the method and the headers that it has asked for."""
    method = _tokens(headers.get("Access-Control-Request-Method", ""))
    asked = _tokens(headers.get("Access-Control-Request-Headers", ""))
    permission = {
        "Access-Control-Allow-Methods": ", ".join(dict.fromkeys((*METHODS, *method))),
        "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
    }
    if asked:
        permission["Access-Control-Allow-Headers"] = ", ".join(asked)
    for space in ("Private", "Local"):  # a public page asks for a private network; both names are in use
        if headers.get(f"Access-Control-Request-{space}-Network") == "true":
            permission[f"Access-Control-Allow-{space}-Network"] = "true"
    return web.Response(status=204, headers=permission)


def share_with(origin: str, response: web.StreamResponse) -> None:
    """Let a page of this origin read a response, and no other page, whatever a server that we forward to has said."""
    headers = response.headers
    ours = (name for name in headers if name.lower().startswith(EXPOSED_FAMILIES))
    exposed = (*EXPOSED, *ours, *_listed(headers, "Access-Control-Expose-Headers"))
    vary = [name for name in _listed(headers, "Vary") if name.lower() != "origin"]
    headers.popall("Access-Control-Allow-Credentials", None)
    headers["Access-Control-Allow-Origin"] = origin
    headers["Access-Control-Expose-Headers"] = ", ".join(dict.fromkeys(exposed))
    headers["Vary"] = ", ".join((*vary, "Origin"))


def _tokens(value: str) -> list[str]:
    """Return what is listed, without what is no name."""
    return [word for word in map(str.strip, value.split(",")) if _TOKEN.fullmatch(word)]


def _listed(headers: CIMultiDict[str], name: str) -> list[str]:
    """Return what all headers of a name list."""
    return [word for value in headers.getall(name, []) for word in _tokens(value)]
