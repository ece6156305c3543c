"""
`anyclaude doctor`: shows what computes, which flags would help the user's servers, and what was learned about them.

It asks the servers, starts none, and runs no model.  A gateway that is running keeps what it has learned until it
stops.
"""

import asyncio
import sys
from collections.abc import Mapping
from itertools import groupby
from typing import TextIO

from anyclaude.backends import LearnedAmendments
from anyclaude.engine.unused_gpus import install_command, unused_because
from anyclaude.errors import InvalidSetting
from anyclaude.launcher import Signals
from anyclaude.launcher.examined_engine import ExaminedEngine, examined_engine
from anyclaude.launcher.examined_servers import ExaminedFlag, ExaminedServer, examined_servers
from anyclaude.launcher.folders import learned_file
from anyclaude.network import parse_address
from anyclaude.settings import Settings

from .commands import Call
from .event_loop import run_until_complete
from .screen import Screen

EMBEDDED = "embedded"
"""What stands for the embedded engine where a server is named by its address."""

NONE_FOUND = "No model server was found; to ask one at another address: anyclaude doctor ADDRESS"


def run(call: Call) -> int:
    """Show all about the server that was named, or about engine and servers; with `--forget`, forget."""
    learned = LearnedAmendments(learned_file(call.settings))
    server = server_meant(call.options.get("server"), learned)
    if "forget" in call.options:
        forget(learned, server, sys.stdout)
        return 0

    async def work(settings: Settings, signals: Signals) -> int:
        await examine(settings, call.environment, server, sys.stdout)
        return 0

    status = run_until_complete(work, call.settings)
    show(learned, server, sys.stdout)
    return status


async def examine(settings: Settings, environment: Mapping[str, str], server: str | None, out: TextIO) -> None:
    """Write what the engine computes on, and which flags would help the servers that answer."""
    said: list[str] = []
    if server is None:
        engine, servers = await asyncio.gather(
            examined_engine(settings, environment), examined_servers(settings, None, said.append)
        )
        show_engine(engine, out)
    elif server == EMBEDDED:
        show_engine(await examined_engine(settings, environment), out)
        return
    else:
        servers = await examined_servers(settings, server, said.append)
    for one in servers:
        show_server(one, out)
    for sentence in said:
        Screen(out).paragraph("", sentence, "")
    if server is None and not servers:
        Screen(out).paragraph("", NONE_FOUND, "")


def show_engine(engine: ExaminedEngine, out: TextIO) -> None:
    """Write what is known of the engine."""
    screen = Screen(out)
    screen.line(engine.title, "bold")
    for fact in engine.facts:
        screen.paragraph("", f"  {fact}", "")
    for gpu in engine.unused:
        screen.paragraph("", f"  {unused_because(gpu)}. To install one that can, which needs {gpu.needs}:", "")
        out.write(f"    {install_command(gpu)}\n")  # to be copied, so it is never cut


def show_server(server: ExaminedServer, out: TextIO) -> None:
    """Write which flags a server has, as far as it tells, and then those that would help it."""
    screen, title = Screen(out), server.target.profile.title
    version = f", version {server.version}" if server.version else ""
    screen.line(f"{title} at {server.target.address}{version}", "bold")
    if not server.release:
        screen.paragraph("", f"  no flags are known for {title}", "")
        return
    if not server.version:
        screen.paragraph("", f"  it does not tell its version; these are the flags of {server.release}", "")
    for flag in sorted(server.flags, key=lambda one: one.state != "set"):
        _show_flag(flag, out)
    if server.is_older:
        screen.paragraph("", f"  it is too old for flags of {server.release}", "")


def _show_flag(examined: ExaminedFlag, out: TextIO) -> None:
    screen, flag = Screen(out), examined.flag
    if examined.state == "set":
        screen.paragraph("", f"  it has {flag.words.split()[0]} (it reports {examined.value})", "")
        return
    told = f"it reports {examined.value}" if examined.value else "it does not tell what it has"
    out.write(f"  {flag.words}\n")  # to be copied, so it is never cut
    screen.paragraph("", f"    helps {flag.helps} ({told})", "")
    measured = f" ({flag.command})" if flag.command else ""
    screen.paragraph("", f"    {flag.brought}{measured}", "")


def server_meant(text: str | None, learned: LearnedAmendments) -> str | None:
    """
    Return the server that was named, as the file names it: its address may be written in any way that a setting may.

    Raises:
        InvalidSetting: when it is no address.
    """
    known = {EMBEDDED, *(one.about.server for one in learned.all())}
    return text if text is None or text in known else parse_address(text).shown


def show(learned: LearnedAmendments, server: str | None, out: TextIO) -> None:
    """Write what was learned, by server and model, with the words that taught it."""
    screen = Screen(out)
    known = [one for one in learned.all() if server in (None, one.about.server)]
    if not known:
        about = "" if server is None else f" about {server}"
        screen.line(f"Nothing was learned{about}: no request was refused that its kind of server accepts.")
    for about, lessons in groupby(known, lambda one: one.about):
        version = f", version {about.version}" if about.version else ""
        screen.line(f"{about.server} · {about.model}{version}", "bold")
        for lesson in lessons:
            screen.paragraph("  " + lesson.amendment.change, "", "")
            screen.paragraph("", f"    because it said: {lesson.amendment.because}", "")


def forget(learned: LearnedAmendments, server: str | None, out: TextIO) -> None:
    """
    Forget what was learned, and write how much that was.

    Raises:
        InvalidSetting: when the file cannot be changed.
    """
    try:
        count = learned.forget(server)
    except OSError as error:
        raise InvalidSetting(f"the file of what was learned cannot be changed: {error}") from error
    Screen(out).line(f"Forgotten: {count} {'amendment' if count == 1 else 'amendments'}.")
