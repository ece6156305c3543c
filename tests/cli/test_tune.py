"""`anyclaude tune`: its table, what it concludes, and what it refuses."""

import asyncio
import signal
from pathlib import Path

import pytest
from tests.parts.command import Command
from tests.parts.processes import LONG_SECONDS, children_of, wait_for_end

from anyclaude.cli.commands import COMMANDS, Call
from anyclaude.cli.tune import conclusion, row_text, run
from anyclaude.engine.tuning import Row, Trial, TunedOptions, Tuning
from anyclaude.errors import InvalidSetting
from anyclaude.settings import Settings


def test_a_row_has_speeds_window_and_verdict() -> None:
    trial = Trial(51.23, 17.0, 32_768)

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


async def test_ctrl_c_stops_the_engine_and_keeps_nothing(command: Command, tiny_model: Path) -> None:
    words = ("tune", "--model", str(tiny_model), "--context-tokens", "2048")
    async with command.started(*words) as process, asyncio.timeout(LONG_SECONDS):
        assert process.stderr is not None
        await process.stderr.readuntil(b"Loading")
        engines = children_of(process.pid)
        process.send_signal(signal.SIGINT)
        status = await process.wait()

    assert status == 128 + signal.SIGINT
    assert engines
    assert all(wait_for_end(pid) for pid in engines)
    assert not (command.home / ".anyclaude" / "tuned.jsonl").exists()


async def test_a_run_shows_its_table_and_can_be_forgotten(command: Command, tiny_model: Path) -> None:
    words = ("tune", "--model", str(tiny_model), "--context-tokens", "2048")
    status, out, err = await command.ran(*words, "--minutes", "0.2")
    forgotten, forgot, _ = await command.ran(*words, "--forget")

    assert (status, forgotten) == (0, 0), err
    titles = [line.split("  ")[0] for line in out.splitlines()]
    assert titles[2] == "defaults"
    assert "KV q8_0" in titles
    assert forgot.startswith("Forgotten: ")
    assert (command.home / ".anyclaude" / "tuned.jsonl").exists()


def test_it_is_a_command() -> None:
    assert any(command.words == ("tune",) for command in COMMANDS)
