"""`anyclaude tune`: its table, what it concludes, and what it refuses."""

from pathlib import Path

import pytest

from anyclaude.cli.commands import COMMANDS, Call
from anyclaude.cli.tune import conclusion, row_text, run
from anyclaude.engine.tuning import Row, Trial, TunedOptions, Tuning
from anyclaude.errors import InvalidSetting
from anyclaude.settings import Settings


def test_a_row_has_speeds_window_and_verdict() -> None:
    trial = Trial(51.23, 17.0, "text", 32_768)

    assert row_text(Row("1 thread", trial, "not clearly faster")) == (
        "1 thread                    51.2/s      17.0/s    32,768  not clearly faster"
    )


@pytest.mark.parametrize("trial", [None, Trial(failure="out of memory")])
def test_what_was_not_measured_has_no_figures(trial: Trial | None) -> None:
    assert row_text(Row("KV q8_0", trial, "why")).split() == ["KV", "q8_0", "why"]


def test_the_conclusion_names_what_was_kept() -> None:
    chosen = Tuning((), TunedOptions(threads=1, step_tokens=128), 1.25)

    assert conclusion(chosen).startswith("Kept for the next launches: threads 1, step_tokens 128. ")
    assert "1.25 times as fast" in conclusion(chosen)
    assert "nothing was clearly faster" in conclusion(Tuning((), TunedOptions()))


@pytest.mark.parametrize("minutes", ["0", "-1", "61", "many", "nan", "inf"])
def test_a_time_that_cannot_be_is_refused(minutes: str, tmp_path: Path) -> None:
    call = Call(settings=Settings(), options={"minutes": minutes}, client_arguments=(), environment={}, folder=tmp_path)

    with pytest.raises(InvalidSetting, match="no number of minutes"):
        run(call)


def test_it_is_a_command() -> None:
    assert any(command.words == ("tune",) for command in COMMANDS)
