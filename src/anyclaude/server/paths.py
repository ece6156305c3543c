"""The paths that clients ask for, in the form that the routes have."""

VERSION = "/v1"
VERSIONED = ("/messages", "/models")
"""What stands below the version; clients with a base URL of OpenAI's form may leave the version out."""


def canonical_path(path: str) -> str:
    """Return a path as the routes have it: with single slashes, and the version exactly once."""
    plain = "/" + "/".join(filter(None, path.split("/")))
    while plain.startswith(f"{VERSION}{VERSION}/"):
        plain = plain.removeprefix(VERSION)
    return f"{VERSION}{plain}" if f"{plain}/".startswith(tuple(f"{part}/" for part in VERSIONED)) else plain
