"""The paths that clients ask for, as they wrote them, and in the form that the routes have."""

from yarl import URL

from anyclaude.errors import InvalidRequest

VERSION = "/v1"
VERSIONED = ("/messages", "/models")
"""What stands below the version; clients with a base URL of OpenAI's form may leave the version out."""


def canonical_path(path: str) -> str:
    """Return a path as the routes have it: with single slashes, and the version exactly once."""
    plain = "/" + "/".join(filter(None, path.split("/")))
    while plain.startswith(f"{VERSION}{VERSION}/"):
        plain = plain.removeprefix(VERSION)
    return f"{VERSION}{plain}" if f"{plain}/".startswith(tuple(f"{part}/" for part in VERSIONED)) else plain


def requested_target(target: str, host: str) -> str:
    """
    Return the path and the query as the client wrote them; in an absolute address, `host` is before them.

    Raises:
        InvalidRequest: when there is no path, as in `OPTIONS *` and `CONNECT`, or before it another host than the one
            that the guard has found in `Host`: the gateway is no proxy.
    """
    if target.startswith("/"):
        return target
    if target.startswith("http://"):
        url = URL(target, encoded=True)
        if url.raw_user is None and (url.raw_host or "").lower() == host and url.raw_path_qs.startswith("/"):
            return url.raw_path_qs
    raise InvalidRequest(f"the request's target should be a path, not {target!r:.100}")
