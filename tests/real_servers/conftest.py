"""The fixture of a real server, for the tests of this folder."""

from .played import played

__all__ = ["played"]
