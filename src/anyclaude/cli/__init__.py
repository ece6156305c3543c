"""
The command line: words in, exit status out.

`commands.py` is the table of commands; each is a module with a function `run`, loaded only when it is called, so that
`--help`, `--version`, wrong flags and `explain` need not wait for the gateway's libraries.
"""

from .main import main

__all__ = ["main"]
