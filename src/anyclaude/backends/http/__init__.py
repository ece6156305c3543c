"""The `Backend` over HTTP; the only part of `backends` that knows the HTTP library."""

from .client import HttpBackend, open_session

__all__ = ["HttpBackend", "open_session"]
