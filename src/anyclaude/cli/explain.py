"""
`anyclaude explain`: finds what was recorded about an exchange, and writes why it took so long.

It reads files only; neither the gateway nor the engine needs to run.
"""

import sys
from typing import TextIO

from anyclaude.cache_report import ExchangeHistory, listed
from anyclaude.errors import InvalidSetting, PlaceUnusable
from anyclaude.exchange_record import ExchangeRecord
from anyclaude.settings import Settings, variable_named

from .commands import Call
from .screen import Screen


def run(call: Call) -> int:
    """
    Explain the exchange that was named, or the newest; with `--last`, list several.

    Raises:
        PlaceUnusable: when the folder of the records cannot be read.
    """
    last = call.options.get("last")
    try:
        if last is None:
            explain(call.options.get("request"), call.settings, sys.stdout)
        else:
            list_exchanges(_count(last), call.settings, sys.stdout)
    except PermissionError as error:
        raise PlaceUnusable(
            f"{error.filename} cannot be read ({error.strerror}). {variable_named('log_dir')} names another folder"
        ) from error
    return 0


def explain(request: str | None, settings: Settings, out: TextIO) -> None:
    """
    Write the explanation of one exchange, the newest if none is named.

    Raises:
        InvalidSetting: when no exchange or several exchanges have such an id.
    """
    history = _history(settings)
    record = history.newest() if request is None else _named(request, history)
    if record is None:
        raise InvalidSetting(f"{settings.log_dir / 'request-logs'} contains no exchange to explain")
    screen = Screen(out)
    for line in history.explain(record):
        screen.paragraph(line.label, line.text, line.style)


def list_exchanges(count: int, settings: Settings, out: TextIO) -> None:
    """Write one line for each of the last exchanges, the oldest first."""
    screen = Screen(out)
    for number, line in enumerate(listed(_history(settings).latest(count))):
        screen.line(line, "bold" if number == 0 else "")


def _history(settings: Settings) -> ExchangeHistory:
    return ExchangeHistory(settings.log_dir / "request-logs", settings.log_dir / "prompts")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise InvalidSetting(f"--last: {text!r} is not a whole number of at least 1")
    return int(text)


def _named(request: str, history: ExchangeHistory) -> ExchangeRecord:
    """Return the exchange whose request or message id begins with `request`."""
    matching = history.matching(request)
    if not matching:
        raise InvalidSetting(
            f"no exchange has an id that begins with {request}; `anyclaude explain --last 20` lists them"
        )
    if len(matching) > 1:
        some = ", ".join(record.request_id for record in matching[:3])
        raise InvalidSetting(f"{len(matching)} exchanges have an id that begins with {request}: {some}")
    return matching[0]
