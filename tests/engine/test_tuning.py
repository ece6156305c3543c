"""Tuning keeps what is clearly faster than the defaults, and nothing that changes a reply."""

from collections.abc import Mapping
from random import Random
from types import MappingProxyType

import pytest

from anyclaude.engine import EngineOptions
from anyclaude.engine.speculation import LONG, SHORT
from anyclaude.engine.tuning import Candidate, Row, Trial, TunedOptions, Tuning, candidates, tune

ONE, TWO = TunedOptions(threads=1), TunedOptions(threads=2)
SMALL = TunedOptions(step_tokens=128)
KV = TunedOptions(kv_type="q8_0")
BASE = Trial(50.0, 10.0, 4096)
FASTER = Trial(70.0, 14.0, 4096)
FASTEST = Trial(90.0, 18.0, 4096)
NOTHING: Mapping[TunedOptions, Trial] = MappingProxyType({})


async def tuned(
    groups: tuple[tuple[Candidate, ...], ...],
    speeds: Mapping[TunedOptions, Trial],
    *,
    seconds: float = 1000.0,
    again: Trial = BASE,
    repeated: Mapping[TunedOptions, Trial] = NOTHING,
) -> tuple[Tuning, list[TunedOptions]]:
    """Tune with given speeds; each trial takes ten seconds.  Return also the options that were tried.

    `again` is what the defaults do later, and `repeated` what other options do when they are measured again.
    """
    tried: list[TunedOptions] = []

    async def trial(options: TunedOptions) -> Trial:
        tried.append(options)
        is_first = tried.count(options) == 1
        if options == TunedOptions():
            return speeds.get(options, BASE) if is_first else again
        return speeds[options] if is_first else repeated.get(options, speeds[options])

    rows: list[Row] = []
    found = await tune(groups, trial, lambda: seconds - 10.0 * len(tried), rows.append)
    assert rows == list(found.rows)
    return found, tried


def threads(options: TunedOptions) -> Candidate:
    """Return a candidate."""
    return Candidate(f"{options.threads} threads", options)


async def test_the_fastest_of_a_group_is_kept_for_the_next() -> None:
    both = TunedOptions(threads=2, step_tokens=128)
    groups = ((threads(ONE), threads(TWO)), (Candidate("steps of 128", SMALL),))

    found, tried = await tuned(groups, {ONE: FASTER, TWO: FASTEST, both: FASTER})

    assert tried == [TunedOptions(), ONE, TWO, both, TunedOptions(), TWO, TunedOptions(), TWO]
    assert found.chosen == TWO
    assert [row.verdict for row in found.rows[:4]] == ["", "faster", "faster", "not clearly faster"]
    assert [row.verdict for row in found.rows[4:]] == ["", "faster", "", "faster"]
    assert found.faster == pytest.approx(1.8)


async def test_what_is_only_a_little_faster_is_noise() -> None:
    found, tried = await tuned(((threads(ONE),),), {ONE: Trial(51.0, 10.3, 4096)})

    assert found.chosen == TunedOptions()
    assert tried == [TunedOptions(), ONE], "nothing was chosen, so nothing is to be confirmed"


async def test_what_only_seemed_faster_while_the_machine_was_busy_is_not_kept() -> None:
    found, _ = await tuned(((threads(ONE),),), {ONE: FASTER}, again=FASTEST)

    assert found.chosen == TunedOptions()
    assert "nothing is changed" in found.rows[-1].verdict


async def test_what_was_faster_once_only_is_not_kept() -> None:
    found, tried = await tuned(((threads(ONE),),), {ONE: FASTER}, repeated={ONE: BASE})

    assert found.chosen == TunedOptions()
    assert tried == [TunedOptions(), ONE, TunedOptions(), ONE], "the first repetition has shown it"


@pytest.mark.parametrize("noise", [0.0, 0.05])
async def test_of_equals_nearly_never_one_is_kept(noise: float) -> None:
    kept = 0
    for seed in range(200):
        chance = Random(seed)

        async def trial(_: TunedOptions, chance: Random = chance) -> Trial:
            speed = max(0.2, chance.gauss(1.0, noise))
            return Trial(50.0 * speed, 10.0 * speed, 4096)

        groups = tuple(candidates(4, 2, None, has_gpu=False))
        found = await tune(groups, trial, lambda: 1000.0, lambda _: None)
        kept += found.chosen != TunedOptions()

    assert kept <= 8


async def test_nothing_is_tried_where_the_defaults_fail() -> None:
    found, tried = await tuned(((threads(ONE),),), {TunedOptions(): Trial(failure="no memory"), ONE: FASTER})

    assert tried == [TunedOptions()]
    assert (found.chosen, found.rows[0].verdict) == (TunedOptions(), "failed: no memory")


async def test_what_may_change_replies_is_measured_and_left_to_the_user() -> None:
    found, _ = await tuned(((Candidate("KV q8_0", KV, changes_replies=True),),), {KV: FASTEST})

    assert (found.chosen, found.rows[1].trial) == (TunedOptions(), FASTEST)
    assert "yours to choose" in found.rows[1].verdict


async def test_an_engine_that_fails_is_one_line_of_the_table() -> None:
    found, _ = await tuned(((threads(ONE), threads(TWO)),), {ONE: Trial(failure="out of memory"), TWO: FASTER})

    assert found.rows[1].verdict == "failed: out of memory"
    assert found.chosen == TWO


async def test_the_time_is_kept_and_the_defaults_are_measured_again_within_it() -> None:
    found, tried = await tuned(((threads(ONE), threads(TWO)),), {ONE: FASTER, TWO: FASTEST}, seconds=65.0)

    assert tried == [TunedOptions(), ONE, TunedOptions(), ONE, TunedOptions(), ONE]
    assert found.rows[2].verdict == "no time left"


def test_options_that_the_user_has_set_stay() -> None:
    found = TunedOptions(threads=1, step_tokens=128)

    assert found.over(EngineOptions(threads=4)) == EngineOptions(threads=4, step_tokens=128)
    assert TunedOptions().over(EngineOptions(slots=2)) == EngineOptions(slots=2)


def test_8_bits_are_not_combined_with_an_attention_that_cannot_read_them() -> None:
    found = TunedOptions(threads=1, flash_attention=False)

    assert found.over(EngineOptions(kv_type="q8_0")) == EngineOptions(kv_type="q8_0", threads=1)
    assert found.and_also(KV).over(EngineOptions()) == EngineOptions(kv_type="q8_0", threads=1)
    assert found.over(EngineOptions(kv_type="f16")).flash_attention is False


def test_layers_are_tried_only_where_there_is_a_card() -> None:
    with_card = [one.options for group in candidates(8, 4, 24, has_gpu=True) for one in group]
    without = [one.options for group in candidates(8, 4, 24, has_gpu=False) for one in group]

    assert [options.gpu_layers for options in with_card if options.gpu_layers is not None] == [0, 12, 25]
    assert all(options.gpu_layers is None for options in without)
    assert [options.threads for options in without if options.threads] == [2, 3, 8]


def test_drafts_are_measured_and_never_chosen() -> None:
    drafts = [one for group in candidates(2, 2, 24, has_gpu=True) for one in group if one.options.speculation]

    assert [one.options.speculation for one in drafts] == [SHORT, LONG]
    assert all(one.changes_replies for one in drafts)


def test_one_thread_has_no_fewer() -> None:
    first, *_ = candidates(1, 1, None, has_gpu=False)

    assert first == ()
