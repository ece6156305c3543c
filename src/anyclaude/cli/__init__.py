"""The command line: words in, exit status out."""

from .main import main

__all__ = ["main"]
