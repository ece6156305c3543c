"""The `Backend` over HTTP; the only part of `backends` that knows the HTTP library."""

from .client import HttpBackend, open_session, translated_errors
from .way import headers_on_the_way, way_arguments

__all__ = ["HttpBackend", "headers_on_the_way", "open_session", "translated_errors", "way_arguments"]
