"""The figures as Markdown: what each way costs, the rewriting turns, the targets, and every turn."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from .measures import PlayedSession, PlayedTurn, Results
from .ways import COLD, DIRECT, WARM, WAYS

BEGIN, END = "<!-- session: begin -->", "<!-- session: end -->"
COMMAND = "uv run python -m benchmarks.session --json FILE --write"

Played: TypeAlias = Mapping[str, PlayedSession]
"""The sessions of one model, by their ways."""

Row: TypeAlias = list[str]

MAX_WARM, MAX_COLD, MIN_REWRITING = 1 / 3, 1 / 2, 1.8
"""The targets: waiting warm and cold as shares of that of the direct way, and the speed of rewriting as a multiple."""


def section(results: Results, machine: str) -> str:
    """Return the text of the page's section."""
    parts = [f"`{COMMAND}` · {machine} · each session played once"]
    for model, played in results.items():
        in_order: Played = {way: played[way] for way in WAYS if way in played}
        parts += [f"**{model}**", _summary(in_order), "Rewriting alone:", _rewriting(in_order)]
        parts += ["Targets:", _targets(in_order)]
        parts += [_details(model, way, session) for way, session in in_order.items()]
    return "\n\n".join(parts) + "\n"


def write_section(page: Path, text: str) -> None:
    """Replace the text between the markers of the page."""
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8")


def _summary(played: Played) -> str:
    header = ["", "waiting, s", "share of direct", "evaluation, s", "generation, s", "client and all else, s"]
    header += ["prompt tokens", "evaluated", "generated", "tokens/s"]
    return _table(header, [_summary_row(way, session, played.get(DIRECT)) for way, session in played.items()])


def _summary_row(way: str, session: PlayedSession, direct: PlayedSession | None) -> Row:
    return [
        way,
        f"{session.client_seconds:.0f}",
        f"{_share(session, direct):.0%}" if direct else "",
        f"{session.evaluation_seconds:.1f}",
        f"{session.generation_seconds:.1f}",
        f"{session.client_seconds - session.evaluation_seconds - session.generation_seconds:.1f}",
        f"{sum(turn.prompt_tokens for turn in session.turns):,}",
        f"{sum(turn.evaluated_tokens for turn in session.turns):,}",
        f"{sum(turn.generated_tokens for turn in session.turns):,}",
        f"{session.tokens_per_second:.1f}",
    ]


def _rewriting(played: Played) -> str:
    header = ["", "tokens", "generation, s", "tokens/s", "of direct", "drafted", "accepted"]
    rewriting = {way: session.of_kind("rewrite") for way, session in played.items()}
    return _table(header, [_rewriting_row(way, session, rewriting.get(DIRECT)) for way, session in rewriting.items()])


def _rewriting_row(way: str, session: PlayedSession, direct: PlayedSession | None) -> Row:
    drafted, accepted = _drafts(session.turns)
    return [
        way,
        f"{sum(turn.generated_tokens for turn in session.turns):,}",
        f"{session.generation_seconds:.1f}",
        f"{session.tokens_per_second:.1f}",
        f"{session.tokens_per_second / direct.tokens_per_second:.2f} x" if direct else "",
        drafted,
        accepted,
    ]


def _targets(played: Played) -> str:
    return _table(["target", "measured", ""], [*_target_rows(played)])


def _target_rows(played: Played) -> Iterator[Row]:
    direct = played.get(DIRECT)
    for way, limit, words in ((WARM, MAX_WARM, "1/3"), (COLD, MAX_COLD, "1/2")):
        session = played.get(way)
        if session is None or direct is None:
            continue
        share = _share(session, direct)
        yield [f"{way}: waiting ≤ {words} of direct", f"{share:.0%}", _result(share <= limit)]
        speed = session.of_kind("rewrite").tokens_per_second / direct.of_kind("rewrite").tokens_per_second
        target = f"{way}: rewriting ≥ {MIN_REWRITING} x direct, tokens/s"
        yield [target, f"{speed:.2f} x", _result(speed >= MIN_REWRITING)]


def _details(model: str, way: str, session: PlayedSession) -> str:
    header = [
        "turn",
        "s",
        "prompt, tokens",
        "evaluated",
        "in, s",
        "generated",
        "in, s",
        "tokens/s",
        "drafted",
        "accepted",
    ]
    rows = [
        _turn_row(number, turn, seconds)
        for number, (turn, seconds) in enumerate(zip(session.turns, session.turn_seconds(), strict=True), start=1)
    ]
    return f"<details><summary>{model}, {way}: every turn</summary>\n\n{_table(header, rows)}\n\n</details>"


def _turn_row(number: int, turn: PlayedTurn, seconds: float) -> Row:
    drafted, accepted = _drafts([turn])
    return [
        f"{number}, {turn.kind}",
        f"{seconds:.1f}",
        f"{turn.prompt_tokens:,}",
        f"{turn.evaluated_tokens:,}",
        f"{turn.evaluation_seconds:.1f}",
        f"{turn.generated_tokens:,}",
        f"{turn.generation_seconds:.1f}",
        f"{turn.generated_tokens / turn.generation_seconds:.1f}",
        drafted,
        accepted,
    ]


def _drafts(turns: Sequence[PlayedTurn]) -> tuple[str, str]:
    """Return how many tokens were drafted and accepted; empty if none were drafted."""
    drafted = sum(turn.drafted_tokens for turn in turns)
    return (f"{drafted:,}", f"{sum(turn.accepted_tokens for turn in turns):,}") if drafted else ("", "")


def _share(session: PlayedSession, direct: PlayedSession) -> float:
    return session.client_seconds / direct.client_seconds


def _result(is_met: bool) -> str:
    return "met" if is_met else "missed"


def _table(header: Row, rows: Sequence[Row]) -> str:
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
