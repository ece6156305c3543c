"""
`anyclaude doctor`: shows what was learned about servers, and forgets it.

A gateway that is running keeps what it has learned until it stops.
"""

import sys
from itertools import groupby
from typing import TextIO

from anyclaude.backends import LearnedAmendments
from anyclaude.errors import InvalidSetting
from anyclaude.launcher.folders import learned_file
from anyclaude.network import parse_address

from .commands import Call
from .screen import Screen


def run(call: Call) -> int:
    """Show what was learned about the server that was named, or about all; with `--forget`, forget it."""
    learned = LearnedAmendments(learned_file(call.settings))
    server = server_meant(call.options.get("server"), learned)
    if "forget" in call.options:
        forget(learned, server, sys.stdout)
    else:
        show(learned, server, sys.stdout)
    return 0


def server_meant(text: str | None, learned: LearnedAmendments) -> str | None:
    """
    Return the server that was named, as the file names it: its address may be written in any way that a setting may.

    Raises:
        InvalidSetting: when it is no address.
    """
    known = {one.about.server for one in learned.all()}  # among them `embedded`, which has no address
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
