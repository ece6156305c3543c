"""`anyclaude tune`: measures options of the embedded engine on this machine, and keeps the fastest for its model."""

import math
import sys

from anyclaude.engine.tuning import Row, TunedOptions, Tuning
from anyclaude.errors import InvalidSetting
from anyclaude.launcher import Signals, Terminal
from anyclaude.launcher.tuning import keep, subject_of, tune_engine
from anyclaude.settings import Settings

from .commands import Call
from .event_loop import run_until_complete
from .screen import Screen

DEFAULT_MINUTES = 3.0


def run(call: Call) -> int:
    """
    Measure and show each option; with `--forget`, forget what was found.

    Raises:
        InvalidSetting: when the time is no number of minutes.
    """
    minutes = _minutes(call.options.get("minutes"))
    forgets = "forget" in call.options

    async def work(settings: Settings, _: Signals) -> int:
        progress, screen = Terminal(sys.stderr), Screen(sys.stdout)
        subject = await subject_of(settings, progress)
        if forgets:
            keep(settings, subject, TunedOptions())
            screen.line(f"Forgotten: what was found for {subject.title}.")
            return 0

        def show(row: Row) -> None:
            screen.line(row_text(row))
            sys.stdout.flush()  # in a pipe too, a line is seen when it is measured

        screen.line(f"{subject.title}: at most {minutes:g} minutes", "bold")
        screen.line(f"{'':<22}{'evaluated':>12}{'generated':>12}{'window':>10}")
        found = await tune_engine(settings, subject, minutes, progress, show)
        screen.paragraph("", conclusion(found), "green" if found.chosen != TunedOptions() else "")
        return 0

    return run_until_complete(work, call.settings)


def row_text(row: Row) -> str:
    """Return one line of the table: tokens per second, the window in tokens, and what follows from them."""
    trial = row.trial
    if trial is None or trial.failure:
        return f"{row.title:<22}{'':>34}  {row.verdict}".rstrip()
    speeds = f"{trial.evaluated:>10.1f}/s{trial.generated:>10.1f}/s{trial.window:>10,}"
    return f"{row.title:<22}{speeds}  {row.verdict}".rstrip()


def conclusion(found: Tuning) -> str:
    """Return what was kept."""
    if found.chosen == TunedOptions():
        return "The defaults are kept: nothing was clearly faster."
    values = ((name, getattr(found.chosen, name)) for name in found.chosen.__struct_fields__)
    names = ", ".join(f"{name} {value}" for name, value in values if value is not None)
    return f"Kept for the next launches: {names}. A turn is {found.faster:.2f} times as fast. `--forget` undoes it."


def _minutes(text: str | None) -> float:
    try:
        minutes = DEFAULT_MINUTES if text is None else float(text)
    except ValueError:
        minutes = math.nan
    if not 0 < minutes <= 60:
        raise InvalidSetting(f"--minutes: {text!r} is no number of minutes, up to 60")
    return minutes
