"""
Tells whether this anyclaude runs in place of the client that another anyclaude has started.

A `claude` on the PATH may be a script that runs anyclaude again.  Every client gets a mark in its environment: who
started it, and which programs were tried.  A script passes the mark on as it is.  So does Claude Code to the commands
of its tools and to its MCP servers, but it adds variables of its own (`CLAUDECODE`, the session's id; 2.1.332), and an
anyclaude that is started there is a launch like any other.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from anyclaude.storage import is_running

VARIABLE = "_ANYCLAUDE_CLIENT"

CLIENTS_OWN = ("CLAUDECODE", "CLAUDE_CODE_SESSION_ID")
"""What Claude Code adds to the environment of the commands that it runs."""

SCRIPTS_OF_NODE = frozenset({".js", ".cjs", ".mjs"})


class Mark(Struct, frozen=True):
    """The parent of the client's process, the values of `CLIENTS_OWN` then, and the programs tried, the latest last."""

    parent: int
    clients_own: tuple[str | None, ...]
    programs: tuple[str, ...]


def marked(environment: Mapping[str, str], program: str, parent: int) -> dict[str, str]:
    """Return the environment of a client that is about to be started; `parent` is the process that it is a child of."""
    tried = (*programs_tried(environment, parent), os.path.abspath(program))
    mark = Mark(parent, _clients_own(environment), tried)
    return {**environment, VARIABLE: msgspec.json.encode(mark).decode()}


def programs_tried(environment: Mapping[str, str], parent: int) -> tuple[str, ...]:
    """
    Return the programs that lead back to us, in place of which we run; `parent` is the parent of our process.

    We do if we are the child of the anyclaude that started the client: the script has become us.  A script may also
    have started us and be waiting; only its environment, which is the client's own, shows this.
    """
    mark = _mark_in(environment)
    if mark is None:
        return ()
    is_passed_on = mark.clients_own == _clients_own(environment) and is_running(mark.parent)
    if mark.parent == parent or (is_passed_on and is_script(Path(mark.programs[-1]))):
        return mark.programs
    return ()


def is_script(program: Path) -> bool:
    """Return whether a program is a script that may run anything; those of Node are Claude Code itself."""
    if program.resolve().suffix in SCRIPTS_OF_NODE:
        return False
    try:
        with program.open("rb") as file:
            return file.read(2) == b"#!"
    except OSError:
        return False


def _mark_in(environment: Mapping[str, str]) -> Mark | None:
    try:
        mark = msgspec.json.decode(environment.get(VARIABLE, ""), type=Mark)
    except msgspec.DecodeError:
        return None
    return mark if mark.programs else None


def _clients_own(environment: Mapping[str, str]) -> tuple[str | None, ...]:
    return tuple(environment.get(name) for name in CLIENTS_OWN)
