"""The figures as Markdown: medians of the rounds, their ratios, and the targets."""

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .contestants import ANYCLAUDE, DIRECT, LITELLM_PROXY, NGINX, ROUTER
from .measures import Pacing, Rate
from .processes import Usage

BEGIN, END = "<!-- gateway: begin -->", "<!-- gateway: end -->"
COMMAND = "uv run python -m benchmarks.gateway --write"

SITUATIONS = ("alone", "after a pause", "while 16 stream", "16 at once")
TARGETED = ("alone", "while 16 stream")
SIZES = ("4 kB", "300 kB")

LATE_SECONDS = 0.02
"""The pause between two tokens at 50 per second; a contestant with a higher median lateness has fallen behind."""


@dataclass(slots=True)
class Results:
    """The measures: one value per round for each contestant."""

    short_replies: defaultdict[str, list[Rate]] = field(default_factory=lambda: defaultdict(list))
    long_replies: defaultdict[str, list[Rate]] = field(default_factory=lambda: defaultdict(list))
    without_tools: defaultdict[str, list[Rate]] = field(default_factory=lambda: defaultdict(list))
    with_tools: defaultdict[str, list[Rate]] = field(default_factory=lambda: defaultdict(list))
    waits: defaultdict[tuple[str, str, str], list[list[float]]] = field(default_factory=lambda: defaultdict(list))
    pacings: defaultdict[str, list[Pacing]] = field(default_factory=lambda: defaultdict(list))
    idle: defaultdict[str, list[Usage]] = field(default_factory=lambda: defaultdict(list))
    absent: dict[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The titles of the contestants that were measured."""
        return list(self.short_replies)

    def added_wait(self, name: str, size: str, situation: str, share: float) -> float | None:
        """Return the median over the rounds of a quantile of the wait minus that quantile of the direct connection."""
        direct = self.waits.get((DIRECT.title, size, situation))
        own = self.waits.get((name, size, situation))
        if not direct or not own:
            return None
        return statistics.median(
            quantile(waits, share) - quantile(base, share) for waits, base in zip(own, direct, strict=False)
        )

    def rate(self, name: str) -> float | None:
        """Return the median, over the rounds, of the events per second with short replies."""
        rates = self.short_replies.get(name)
        return statistics.median(rate.per_second for rate in rates) if rates else None

    def kept_up(self, name: str) -> bool:
        """Return whether in the median round all streams started and none fell behind."""
        rounds = self.pacings[name]
        whole = statistics.median(round_.delivered_share for round_ in rounds) > 0.995
        late = statistics.median(quantile(round_.lateness, 0.5) for round_ in rounds) > LATE_SECONDS
        return whole and not late and statistics.median(round_.started / round_.streams for round_ in rounds) == 1


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value that `share` of the values do not exceed; infinity if there are no values."""
    if not values:
        return float("inf")
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def tables(results: Results, rounds: str, machine: str) -> str:
    """Return the text of the page's section."""
    parts = [
        f"`{COMMAND}` · {machine} · one core for the contestant, one for load and backend · {rounds}, medians",
        "**Throughput**: 16 streams; replies of one-token events sent without pauses, each in its own HTTP chunk.",
        _throughput(results),
        "**Plain text while tools are offered**: 40 kB with 20 tools, and as much without any; CPU per event in us.",
        _tools(results),
        "**Added time to the first event with text**, p50 / p99 in milliseconds, minus that of the direct connection.",
        _waits(results),
        "**256 streams of 50 tokens per second**, each token sent on its own (12,800 per second).",
        _pacings(results),
        "**Memory**, proportional set size.",
        _memory(results),
        "**Targets**",
        _targets(results),
        *(f"{title} did not run: {reason}" for title, reason in results.absent.items()),
    ]
    return "\n\n".join(parts) + "\n"


def write_section(page: Path, section: str) -> None:
    """Replace the text between the markers of the page."""
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{section}\n{END}{after}")


def _throughput(results: Results) -> str:
    rows = []
    nginx = results.rate(NGINX.title)
    for name in results.names:
        short, long = results.short_replies[name], results.long_replies[name]
        rate = results.rate(name) or 0.0
        rows.append(
            [
                name,
                f"{rate:,.0f}",
                f"{statistics.median(item.per_second for item in long):,.0f}",
                f"{rate / nginx:.1%}" if nginx else "",
                _cpu([(item.cpu_seconds, item.events) for item in short]),
            ]
        )
    return _table(
        ["", "events/s, 256 per reply", "events/s, 4,096 per reply", "share of nginx", "CPU per event, us"], rows
    )


def _tools(results: Results) -> str:
    rows = []
    for name in results.names:
        without = cpu_per_event(results.without_tools[name])
        with_tools = cpu_per_event(results.with_tools[name])
        if without is not None and with_tools is not None:
            rows.append([name, f"{without:.2f}", f"{with_tools:.2f}", f"{with_tools / without - 1:+.1%}"])
    return _table(["", "no tools", "20 tools", "more"], rows)


def cpu_per_event(rates: Sequence[Rate]) -> float | None:
    """Return the median processor time per event in microseconds, `None` if it was not measured."""
    each = [rate.cpu_seconds / rate.events * 1e6 for rate in rates if rate.cpu_seconds is not None and rate.events]
    return statistics.median(each) if each else None


def _waits(results: Results) -> str:
    columns = [(size, situation) for size in SIZES for situation in SITUATIONS]
    rows = []
    for name in results.names:
        cells = [
            _milliseconds(results.added_wait(name, *column, 0.5), results.added_wait(name, *column, 0.99))
            for column in columns
        ]
        if name == DIRECT.title:
            cells = [
                _milliseconds(*(_plain_wait(results, column, share) for share in (0.5, 0.99))) for column in columns
            ]
        rows.append([name + (" (total)" if name == DIRECT.title else ""), *cells])
    return _table(["", *(f"{size}, {situation}" for size, situation in columns)], rows)


def _plain_wait(results: Results, column: tuple[str, str], share: float) -> float:
    return statistics.median(quantile(waits, share) for waits in results.waits[DIRECT.title, *column])


def _pacings(results: Results) -> str:
    rows = []
    for name in results.names:
        rounds = results.pacings[name]
        lateness = [
            statistics.median(quantile(item.lateness, share) for item in rounds) * 1000 for share in (0.5, 0.99)
        ]
        rows.append(
            [
                name,
                "yes" if results.kept_up(name) else "no",
                f"{statistics.median(item.started for item in rounds):.0f}",
                f"{statistics.median(item.delivered_share for item in rounds):.1%}",
                f"{lateness[0]:.1f} / {lateness[1]:.1f}",
                _cpu([(item.cpu_seconds, item.received) for item in rounds]),
            ]
        )
    header = ["", "keeps up", "streams started", "delivered in time", "lateness p50 / p99, ms", "CPU per event, us"]
    return _table(header, rows)


def _memory(results: Results) -> str:
    rows = []
    for name in results.names:
        if not results.idle[name]:
            continue
        idle = results.idle[name][0]
        grown = [item.bytes_per_stream for item in results.pacings[name] if item.bytes_per_stream is not None]
        rows.append(
            [
                name,
                f"{idle.pss_bytes / 2**20:.0f}",
                f"{idle.rss_bytes / 2**20:.0f}",
                f"{grown[0] / 1024:.0f}" if grown else "",
            ]
        )
    return _table(["", "idle, MiB", "resident, MiB", "per paced stream, KiB"], rows)


def _targets(results: Results) -> str:
    name = ANYCLAUDE.title
    rows = [
        _ratio_row(results, "events/s ≥ 45 % of nginx", NGINX.title, 0.45),
        _ratio_row(results, "events/s ≥ 4 x Claude Code Router", ROUTER.title, 4),
        _ratio_row(results, "events/s ≥ 100 x LiteLLM", LITELLM_PROXY.title, 100),
    ]
    for size, limit in (("4 kB", 1.0), ("300 kB", 6.0)):
        for situation in TARGETED:
            added = results.added_wait(name, size, situation, 0.5)
            if added is not None:
                result = "met" if added * 1000 <= limit else "missed"
                rows.append(
                    [f"first event, {size}, {situation}: ≤ {limit:g} ms at p50", f"{added * 1000:.2f} ms", result]
                )
    without, with_tools = cpu_per_event(results.without_tools[name]), cpu_per_event(results.with_tools[name])
    if without is not None and with_tools is not None:
        more = with_tools / without - 1
        rows.append(
            ["20 tools: ≤ 10 % more CPU per event of plain text", f"{more:+.1%}", "met" if more <= 0.1 else "missed"]
        )
    if results.pacings[name]:
        rows.append(["256 paced streams on one core", "", "met" if results.kept_up(name) else "missed"])
    return _table(["target", "measured", ""], [row for row in rows if row])


def _ratio_row(results: Results, target: str, other: str, minimum: float) -> list[str]:
    own, others = results.rate(ANYCLAUDE.title), results.rate(other)
    if own is None or others is None:
        return []
    ratio = own / others
    return [target, f"{ratio:.1%}" if minimum < 1 else f"{ratio:.1f} x", "met" if ratio >= minimum else "missed"]


def _cpu(rounds: Sequence[tuple[float | None, int]]) -> str:
    """Return the processor time per event, in microseconds."""
    each = [seconds / events * 1e6 for seconds, events in rounds if seconds is not None and events]
    return f"{statistics.median(each):.1f}" if each else ""


def _milliseconds(*values: float | None) -> str:
    return " / ".join("" if value is None else f"{value * 1000:.2f}" for value in values)


def _table(header: list[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
