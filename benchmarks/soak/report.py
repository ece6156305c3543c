"""The soak as Markdown."""

from collections.abc import Mapping

from .measures import KEPT, MEMORY, Trend
from .run import Lane, Soak

MEBIBYTE = 1024 * 1024


def report(soak: Soak, machine: str, command: str) -> str:
    """Return the section."""
    lines = [
        f"`{command}`: {soak.minutes:g} minutes on {machine}.",
        "",
        "| gateway before | exchanges | wrong replies | restarts | how they ended |",
        "|---|---|---|---|---|",
        *(_outcomes(lane) for lane in soak.lanes),
        "",
        "| gateway before | resource | in each quarter of the time | flat |",
        "|---|---|---|---|",
        *(_trend(lane, trend) for lane in soak.lanes for trend in lane.trends),
        "",
    ]
    return "\n".join([*lines, *(f"    {wrong}" for lane in soak.lanes for wrong in lane.tally.wrong)])


def _outcomes(lane: Lane) -> str:
    tally = lane.tally
    ended = _listed(tally.outcomes)
    if lane.tally.other_answers:
        ended += f"; {tally.other_answers:,} of the whole ones with other words than the first"
    wrong = tally.outcomes["WRONG"]
    return f"| {lane.name} | {tally.outcomes.total():,} | {wrong} | {lane.restarts} | {ended} |"


def _listed(outcomes: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(outcomes.items()))


def _trend(lane: Lane, trend: Trend) -> str:
    is_memory = trend.name in {MEMORY, KEPT}
    values = [f"{value / MEBIBYTE:.0f}" if is_memory else f"{value:g}" for value in trend.quarters]
    name = f"{trend.name}, median, MiB" if is_memory else f"{trend.name}, lowest"
    verdict = "bounded" if trend.name == KEPT else "yes" if trend.is_flat else "**no**"
    return f"| {lane.name} | {name} | {', '.join(values)} | {verdict} |"
