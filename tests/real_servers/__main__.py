"""
Install the real servers, and see which are there.

    uv run python -m tests.real_servers                     the servers, and whether they are installed
    uv run python -m tests.real_servers install [NAME]      install those that are named, or all, into your user cache
    uv run python -m tests.real_servers matrix              write the matrix in docs/backends.md
    uv run python -m tests.real_servers matrix --print      print it
    uv run python -m tests.real_servers session NAME        let the real Claude Code read a file on one
"""

import argparse
import asyncio
import sys
from pathlib import Path

from .claims import collected_claims, contradictions
from .matrix import PAGE, matrix, page_with
from .servers import SERVERS, server_named
from .session import played_session


def main() -> None:
    """Read the command line and do what it says."""
    parser = argparse.ArgumentParser(prog="python -m tests.real_servers", description="Real model servers for tests.")
    commands = parser.add_subparsers(dest="command")
    install = commands.add_parser("install", help="install servers into your user cache")
    install.add_argument("name", nargs="*", metavar="NAME", help="one of the servers; all of them without a name")
    matrix_command = commands.add_parser("matrix", help="write the matrix in docs/backends.md")
    matrix_command.add_argument("--print", action="store_true", help="print it instead")
    session = commands.add_parser("session", help="let the real Claude Code read a file")
    session.add_argument("name", choices=[server.name for server in SERVERS])
    session.add_argument("--model", type=Path, metavar="FILE", help="another model, as a GGUF file")
    session.add_argument("flags", nargs=argparse.REMAINDER, help="more flags for the server, such as --threads 1")
    options = parser.parse_args()
    if options.command == "session":
        session_on = played_session(server_named(options.name), options.model, *options.flags)
        sys.stdout.write(asyncio.run(session_on).report())
        return
    if options.command == "matrix":
        _write_matrix(prints=options.print)
        return
    if options.command == "install":
        try:
            named = [server_named(name) for name in options.name]
        except LookupError as error:
            parser.error(str(error))
        for server in named or SERVERS:
            if not server.installation.is_installed:
                server.installation.install()
    for server in SERVERS:
        state = "installed" if server.installation.is_installed else "not installed"
        sys.stdout.write(f"{server.name:<14} {state}\n")


def _write_matrix(*, prints: bool) -> None:
    claims = collected_claims()
    if contradicted := contradictions(claims):
        raise SystemExit(f"tests show what the table of servers calls impossible: {contradicted}")
    section = matrix(claims)
    if prints:
        sys.stdout.write(section)
    else:
        PAGE.write_text(page_with(section, PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
