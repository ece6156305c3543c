"""
Install the real servers, and see which are there.

    uv run python -m tests.real_servers                 the servers, and whether they are installed
    uv run python -m tests.real_servers install NAME    install one, or several, into your user cache
"""

import argparse
import sys

from .servers import SERVERS, server_named


def main() -> None:
    """Read the command line and do what it says."""
    parser = argparse.ArgumentParser(prog="python -m tests.real_servers", description="Real model servers for tests.")
    commands = parser.add_subparsers(dest="command")
    install = commands.add_parser("install", help="install servers into your user cache")
    install.add_argument("name", nargs="+", choices=[server.name for server in SERVERS])
    options = parser.parse_args()
    for name in options.name if options.command == "install" else ():
        if not server_named(name).installation.is_installed:
            server_named(name).installation.install()
    for server in SERVERS:
        state = "installed" if server.installation.is_installed else "not installed"
        sys.stdout.write(f"{server.name:<14} {state}\n")


if __name__ == "__main__":
    main()
