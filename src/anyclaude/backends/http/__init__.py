"""The `Backend` over HTTP; the only part of `backends` that knows the HTTP library."""

from .client import HttpBackend, open_session
from .way import way_to

__all__ = ["HttpBackend", "open_session", "way_to"]
