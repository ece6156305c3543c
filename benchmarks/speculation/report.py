"""The figures as a section of the page."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median

from msgspec import Struct

from .texts import KINDS, Kind

BEGIN, END = "<!-- speculation: begin -->", "<!-- speculation: end -->"
MIN_SPEEDUP, MIN_SPEED = 1.8, 0.97
"""The targets: how many times as fast a file is rewritten, and how much of its speed a text keeps that copies none."""

Row = list[str]


class Generated(Struct):
    """One reply: its text, its tokens per second, and how many of its tokens were drafted, and accepted."""

    text: str
    tokens: int
    speed: float
    drafted: int = 0
    accepted: int = 0


Replies = Mapping[str, Sequence[Sequence[Generated]]]
"""By the name of a setup: for each request of a kind, the replies of the rounds."""


def section(results: Mapping[str, Replies], command: str, machine: str) -> str:
    """Return the section of the page: a row for each kind and setup, and the targets of the default."""
    head = ["text", "speculation", "tokens", "per second", "of `off`", "drafted", "accepted", "the same text"]
    rows = [_row(kind, name, results[kind.title]) for kind in KINDS for name in results[kind.title]]
    parts = (
        f"`{command}` · {machine} · temperature 0, medians",
        _table(head, rows, labels=2),
        "**Targets**",
        _table(["target", "measured", ""], list(_targets(results)), labels=1),
    )
    return "\n\n".join(parts) + "\n"


def write_section(page: Path, text: str) -> None:
    """Put the section between its markers."""
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8")


def _row(kind: Kind, name: str, replies: Replies) -> Row:
    last = [rounds[-1] for rounds in replies[name]]
    drafted, accepted = sum(reply.drafted for reply in last), sum(reply.accepted for reply in last)
    return [
        kind.title,
        f"`{name}`",
        f"{sum(reply.tokens for reply in last):,}",
        f"{median(reply.speed for rounds in replies[name] for reply in rounds):.1f}",
        f"{speedup(replies, name):.2f} x" if name != "off" else "",
        f"{drafted:,}" if drafted else "",
        f"{accepted / drafted:.0%}" if drafted else "",
        "" if name == "off" else "yes" if is_unchanged(replies, name) else "**no**",
    ]


def speedup(replies: Replies, name: str) -> float:
    """Return how many times as fast as without drafts a setup is: the median over the pairs of a round."""
    pairs = zip(_all(replies[name]), _all(replies["off"]), strict=True)
    return median(reply.speed / without.speed for reply, without in pairs)


def is_unchanged(replies: Replies, name: str) -> bool:
    """Return whether each reply is the one without drafts."""
    pairs = zip(_all(replies[name]), _all(replies["off"]), strict=True)
    return all(reply.text == without.text for reply, without in pairs)


def _all(replies: Sequence[Sequence[Generated]]) -> list[Generated]:
    return [reply for rounds in replies for reply in rounds]


def _targets(results: Mapping[str, Replies]) -> Iterator[Row]:
    for kind in KINDS:
        replies = results[kind.title]
        if not kind.is_copied:
            reached = speedup(replies, "short")
            yield [f"{kind.title}: ≥ {MIN_SPEED} x", f"{reached:.2f} x", _result(reached >= MIN_SPEED)]
    rewriting = speedup(results[KINDS[0].title], "short")
    yield [f"{KINDS[0].title}: ≥ {MIN_SPEEDUP} x", f"{rewriting:.2f} x", _result(rewriting >= MIN_SPEEDUP)]
    same = all(is_unchanged(replies, "short") for replies in results.values())
    yield ["no reply changes", "none" if same else "some did", _result(same)]


def _result(is_met: bool) -> str:
    return "met" if is_met else "missed"


def _table(head: Row, rows: Sequence[Row], labels: int) -> str:
    lines = [head, [*["---"] * labels, *["---:"] * (len(head) - labels)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
