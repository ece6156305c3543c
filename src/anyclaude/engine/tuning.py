"""
Which options make an engine fastest: what is tried, and what is chosen.

One option after the other is changed, and what was faster is kept for the next.  The time of a turn decides, in which
much is read and less is written.  Measurements on a machine that does other work differ by themselves, and the fastest
of many owes something to chance: what was chosen and the defaults are measured again, in turn, and the slowest time of
the one must be clearly shorter than the fastest of the other.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

from msgspec import Struct

from .options import EngineOptions, KvType
from .speculation import LONG, SHORT, Speculation

TURN_EVALUATED, TURN_GENERATED = 1000, 200
"""The tokens of a turn.  In the sessions of `benchmarks/cache` a turn evaluates 50 to 2,000 tokens, and in the session
of `benchmarks/session` a reply has 130 on average."""

CLEARLY_FASTER = 0.95
"""The share of the time of the fastest so far that a candidate may take at most: repeated measurements on a quiet
machine differ by some percent (`anyclaude tune` shows its own repetition)."""

REPETITIONS = 2
"""
How often the defaults and what was chosen are measured again.  Where all candidates are as fast as the defaults, and
times differ by 5 % (standard deviation), at most 8 runs of 200 then keep one (`tests/engine/test_tuning.py`).
"""


class TunedOptions(Struct, frozen=True, omit_defaults=True):
    """The options of an engine that tuning changes, `None` for what is left as it is; see `EngineOptions`."""

    threads: int | None = None
    step_tokens: int | None = None
    flash_attention: bool | None = None
    gpu_layers: int | None = None
    speculation: Speculation | None = None
    kv_type: KvType | None = None

    def over(self, options: EngineOptions) -> EngineOptions:
        """Return options with these where they leave a choice."""
        chosen = {
            name: value
            for name in self.__struct_fields__
            if (value := getattr(self, name)) is not None and getattr(options, name) is None
        }
        if "q8_0" in (options.kv_type, chosen.get("kv_type")):
            chosen.pop("flash_attention", None)  # without it, llama.cpp (b11549) refuses values in 8 bits
        return replace(options, **chosen)

    def and_also(self, other: "TunedOptions") -> "TunedOptions":
        """Return both as one; where both say something, the other one counts."""
        values = (
            old if new is None else new
            for name in self.__struct_fields__
            for old, new in [(getattr(self, name), getattr(other, name))]
        )
        return TunedOptions(*values)


class Candidate(Struct, frozen=True):
    """Options to try."""

    title: str
    options: TunedOptions
    changes_replies: bool = False
    """Whether a reply may differ with them: they are measured, and left to the user."""


class Trial(Struct, frozen=True):
    """What an engine did with some options: tokens per second, and its window; or why it failed."""

    evaluated: float = 0.0
    generated: float = 0.0
    window: int = 0
    failure: str = ""

    @property
    def turn_seconds(self) -> float:
        """The time of a turn at these speeds."""
        if not self.evaluated or not self.generated:
            return float("inf")
        return TURN_EVALUATED / self.evaluated + TURN_GENERATED / self.generated


class Row(Struct, frozen=True):
    """One line of the table."""

    title: str
    trial: Trial | None
    verdict: str


class Tuning(Struct, frozen=True):
    """What was measured, in order, and what was chosen; nothing is, where nothing was clearly faster."""

    rows: tuple[Row, ...]
    chosen: TunedOptions
    faster: float = 1.0
    """How many times as fast a turn is as with the defaults."""


TrialOf: TypeAlias = Callable[[TunedOptions], Awaitable[Trial]]


def candidates(processors: int, threads: int, layers: int | None, *, has_gpu: bool) -> Iterator[tuple[Candidate, ...]]:
    """
    Yield what is tried, in groups of which one candidate may win.

    `processors` are the machine's, `threads` the default number of threads, `layers` the model's.
    """
    numbers = sorted({max(1, threads // 2), threads - 1, processors} - {0, threads})
    yield tuple(Candidate(_threads(number), TunedOptions(threads=number)) for number in numbers)
    if has_gpu and layers is not None:
        halves = sorted({0, layers // 2, layers + 1})
        yield tuple(Candidate(f"{number} layers on the card", TunedOptions(gpu_layers=number)) for number in halves)
    yield tuple(
        Candidate(f"drafts of {drafts.draft_tokens}", TunedOptions(speculation=drafts), changes_replies=True)
        for drafts in (SHORT, LONG)
    )
    yield tuple(Candidate(f"steps of {size}", TunedOptions(step_tokens=size)) for size in (256, 128))
    yield (Candidate("no flash attention", TunedOptions(flash_attention=False)),)
    yield (Candidate("KV q8_0", TunedOptions(kv_type="q8_0"), changes_replies=True),)


async def tune(
    groups: Sequence[Sequence[Candidate]], trial: TrialOf, seconds_left: Callable[[], float], say: Callable[[Row], None]
) -> Tuning:
    """
    Try the candidates while there is time, and return what was measured and chosen.

    `trial` measures some options, `seconds_left` is the rest of the time, and `say` receives each row.  The last of the
    time is kept for measuring again.  Where the defaults fail there is nothing to compare with, and nothing is tried.
    """
    rows: list[Row] = []

    def told(title: str, measured: Trial | None, verdict: str) -> None:
        rows.append(Row(title, measured, verdict))
        say(rows[-1])

    before = seconds_left()
    defaults = best = await trial(TunedOptions())
    longest, chosen = before - seconds_left(), TunedOptions()
    told("defaults", defaults, defaults.failure and f"failed: {defaults.failure}")
    if defaults.failure:
        return Tuning(tuple(rows), chosen)
    for group in groups:
        fastest: tuple[Trial, TunedOptions] | None = None
        for candidate in group:
            if (before := seconds_left()) < (1 + 2 * REPETITIONS) * longest:
                told(candidate.title, None, "no time left")
                continue
            measured = await trial(chosen.and_also(candidate.options))
            longest = max(longest, before - seconds_left())
            verdict = _verdict(candidate, measured, fastest[0] if fastest else best)
            if not verdict:
                fastest = (measured, chosen.and_also(candidate.options))
            told(candidate.title, measured, verdict or "faster")
        if fastest:
            best, chosen = fastest
    if chosen == TunedOptions():
        return Tuning(tuple(rows), chosen)
    faster = await _confirmed(chosen, best, defaults, trial, told)
    return Tuning(tuple(rows), chosen, faster) if faster else Tuning(tuple(rows), TunedOptions())


async def _confirmed(
    chosen: TunedOptions, best: Trial, defaults: Trial, trial: TrialOf, told: Callable[[str, Trial, str], None]
) -> float | None:
    """Measure both again, and return how many times as fast what was chosen is at least; None if not clearly."""
    of_defaults, of_chosen = defaults.turn_seconds, best.turn_seconds
    for _ in range(REPETITIONS):
        again = await trial(TunedOptions())
        told("defaults, again", again, again.failure and f"failed: {again.failure}")
        measured = await trial(chosen)
        of_defaults = min(of_defaults, again.turn_seconds)
        of_chosen = max(of_chosen, measured.turn_seconds)
        is_faster = of_chosen <= of_defaults * CLEARLY_FASTER
        verdict = "faster" if is_faster else "not clearly faster than the defaults: nothing is changed"
        told("what was chosen, again", measured, f"failed: {measured.failure}" if measured.failure else verdict)
        if not is_faster:
            return None
    return of_defaults / of_chosen


def _verdict(candidate: Candidate, measured: Trial, best: Trial) -> str:
    """Return why a candidate is not chosen; empty if it is."""
    if measured.failure:
        return f"failed: {measured.failure}"
    if candidate.changes_replies:
        return "yours to choose: replies may differ"
    if measured.turn_seconds > best.turn_seconds * CLEARLY_FASTER:
        return "not clearly faster"
    return ""


def _threads(number: int) -> str:
    return f"{number} {'thread' if number == 1 else 'threads'}"
