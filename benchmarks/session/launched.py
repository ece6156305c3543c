"""
`anyclaude` itself, with a server between its gateway and its engine that has the engine write a session's replies.

It runs in a process of its own, with the environment that a user's shell has, and in the project's folder.
"""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import msgspec
from msgspec.structs import replace

from anyclaude.cli import main as anyclaude
from anyclaude.engine import Progress
from anyclaude.launcher import embedded
from anyclaude.launcher.servers import EngineStarter, OwnEngine
from anyclaude.settings import Settings

from .backend import forcing
from .measures import PlayedSession
from .script import SESSIONS

ROOT = Path(__file__).parents[2]


def command(session: str, result: Path, arguments: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command that runs anyclaude with these arguments and writes what was measured to `result`."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from benchmarks.session.launched import main; main()"
    return (sys.executable, "-P", "-c", code, session, str(result), *arguments)


def main() -> None:
    """Run anyclaude; the first two arguments are the name of the session and the file for what is measured."""
    _, session, result, *arguments = sys.argv
    sys.argv = ["anyclaude", *arguments]
    # The launcher looks the function up by its name.
    embedded.running_engine = asynccontextmanager(partial(_running, embedded.running_engine, session, Path(result)))
    anyclaude()


async def _running(
    running_engine: EngineStarter,
    session: str,
    result: Path,
    settings: Settings,
    progress: Progress,
    say: Callable[[str], None],
) -> AsyncIterator[OwnEngine]:
    """Run the engine at the address of a server that has it write the session's replies."""
    async with running_engine(settings, progress, say) as own:
        assert own.target.api_key is not None
        headers = {"Authorization": f"Bearer {own.target.api_key.reveal()}"}
        url = own.target.base_url.removesuffix("/v1")
        async with forcing(url, SESSIONS[session](Path.cwd()), headers, _say) as backend:
            backend.start()
            yield replace(own, target=replace(own.target, base_url=backend.base_url))
            played = PlayedSession(tuple(backend.turns), backend.seconds(), own.target.context_tokens or 0)
            backend.check()
            _write(result, played)


def _write(file: Path, played: PlayedSession) -> None:
    file.write_bytes(msgspec.json.encode(played))


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
