"""The figures as Markdown: the cost of each session in each setup, the targets, and every prompt."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from tests.parts.evaluation import Evaluation

from .play import Prompt
from .sessions import Session
from .setups import DIRECT, THROUGH_ANYCLAUDE

BEGIN, END = "<!-- cache: begin -->", "<!-- cache: end -->"
COMMAND = "uv run python -m benchmarks.cache --write"

Played: TypeAlias = Mapping[str, tuple[Prompt, ...]]
"""The prompts of one session, by the title of the setup."""

Row: TypeAlias = list[str]

LIMITED = ("sub-agent", "main, after compaction")
"""The conversations of the sessions that may evaluate no more than their share of the direct setup."""

MAX_OF_DIRECT, MIN_FROM_CACHE, MAX_OF_SECOND_SESSION = 1 / 3, 0.95, 0.05
"""The targets, as shares of the tokens evaluated in the direct setup, of the repeatable tokens and of the prompt of the
second session."""


def from_cache(evaluations: Sequence[Evaluation]) -> float:
    """Return the share of the repeatable tokens that came from the cache; 1 if no tokens are repeatable."""
    repeatable = sum(evaluation.repeatable for evaluation in evaluations)
    return 1 - sum(evaluation.lost for evaluation in evaluations) / repeatable if repeatable else 1.0


def section(results: Sequence[tuple[Session, Played]], machine: str) -> str:
    """Return the text of the page's section."""
    parts = [
        f"`{COMMAND}` · {machine} · each session played once",
        _summary(results),
        "**Targets**",
        _targets(results),
        *(_details(session, title, prompts) for session, played in results for title, prompts in played.items()),
    ]
    return "\n\n".join(parts) + "\n"


def write_section(page: Path, text: str) -> None:
    """Replace the text between the markers of the page."""
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}")


def _summary(results: Sequence[tuple[Session, Played]]) -> str:
    counts = [
        "prompts",
        "prompt tokens",
        "evaluated",
        "share of direct",
        "evaluated on first turns",
        "from cache",
        "worst turn",
        "time to first token, s",
    ]
    rows = [_summary_row(session, title, played) for session, played in results for title in played]
    return _table(["session", "", *counts], rows)


def _summary_row(session: Session, title: str, played: Played) -> Row:
    evaluations = [prompt.evaluation for prompt in played[title]]
    evaluated = _evaluated(played[title])
    direct = _evaluated(played.get(DIRECT.title, ()))
    return [
        f"{session.title} ({session.version})",
        title,
        str(len(evaluations)),
        f"{sum(evaluation.prompt for evaluation in evaluations):,}",
        f"{evaluated:,}",
        f"{evaluated / direct:.0%}" if direct else "",
        f"{sum(evaluation.evaluated for evaluation in evaluations if evaluation.is_first):,}",
        f"{from_cache(evaluations):.1%}",
        f"{_worst_share(played[title]):.1%}",
        f"{sum(evaluation.seconds for evaluation in evaluations):.1f}",
    ]


def _targets(results: Sequence[tuple[Session, Played]]) -> str:
    rows = [row for session, played in results for row in _target_rows(f"{session.title} ({session.version})", played)]
    return _table(["session", "target", "measured", ""], rows)


def _target_rows(name: str, played: Played) -> Iterator[Row]:
    ours, direct = played.get(THROUGH_ANYCLAUDE.title, ()), played.get(DIRECT.title, ())
    if ours:
        worst = _worst_share(ours)
        text = f"every turn has ≥ {MIN_FROM_CACHE:.0%} of its repeatable tokens from the cache"
        yield [name, text, f"{worst:.1%}", _result(worst >= MIN_FROM_CACHE)]
    if direct and any(prompt.conversation.startswith(LIMITED) for prompt in ours):
        share = _evaluated(ours) / _evaluated(direct)
        yield [name, "≤ 1/3 of the tokens evaluated directly", f"{share:.0%}", _result(share <= MAX_OF_DIRECT)]
    for prompt in ours:
        if prompt.conversation == "second session":
            share = prompt.evaluation.evaluated / prompt.evaluation.prompt
            text = f"the second session's first turn evaluates ≤ {MAX_OF_SECOND_SESSION:.0%} of its prompt"
            yield [name, text, f"{share:.1%}", _result(share <= MAX_OF_SECOND_SESSION)]


def _details(session: Session, title: str, prompts: Sequence[Prompt]) -> str:
    rows = [_prompt_row(prompt) for prompt in prompts]
    header = ["prompt", "tokens", "evaluated", "repeatable", "from cache", "first token, ms"]
    heading = f"{session.title} ({session.version}), {title}: every prompt"
    return f"<details><summary>{heading}</summary>\n\n{_table(header, rows)}\n\n</details>"


def _prompt_row(prompt: Prompt) -> Row:
    evaluation = prompt.evaluation
    return [
        f"{prompt.conversation} {prompt.number}",
        f"{evaluation.prompt:,}",
        f"{evaluation.evaluated:,}",
        f"{evaluation.repeatable:,}",
        f"{from_cache([evaluation]):.1%}" if evaluation.repeatable else "",
        f"{evaluation.seconds * 1000:.0f}",
    ]


def _evaluated(prompts: Sequence[Prompt]) -> int:
    return sum(prompt.evaluation.evaluated for prompt in prompts)


def _worst_share(prompts: Sequence[Prompt]) -> float:
    """Return the smallest share from the cache over all turns that continue a conversation."""
    shares = [from_cache([prompt.evaluation]) for prompt in prompts if not prompt.evaluation.is_first]
    return min(shares, default=1.0)


def _result(is_met: bool) -> str:
    return "met" if is_met else "missed"


def _table(header: Row, rows: Sequence[Row]) -> str:
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
