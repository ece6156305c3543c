"""The choice of a model where no server was found."""

import asyncio
import os
import pty
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from tests.parts.fake_client import client_report, write_fake_client
from tests.parts.processes import LONG_SECONDS

from anyclaude.engine.machine import memory_bytes
from anyclaude.engine.recommended_models import RECOMMENDED, fits
from anyclaude.errors import InvalidSetting
from anyclaude.launcher.model_choice import DEMONSTRATION, NOT_FOUND, OWN_SERVER, Ask, choose_model
from anyclaude.settings import Settings

NOTHING_CHOSEN = Settings()
MEMORY = 40_000_000_000
FITTING = [model for model in RECOMMENDED if fits(model, MEMORY) and not model.is_demonstration]


def answering(*lines: str) -> Ask:
    """Return a user who types these lines, then ends the input."""
    rest = list(lines)

    async def ask(prompt: str) -> str:
        if not rest:
            raise EOFError
        return rest.pop(0)

    return ask


async def chosen(
    ask: Ask | None, settings: Settings = NOTHING_CHOSEN, memory: int = MEMORY
) -> tuple[Settings, list[str]]:
    """Return the settings after the choice, and what was said."""
    said: list[str] = []
    return await choose_model(settings, {"HOME": "/nowhere"}, memory, said.append, ask), said


@pytest.mark.parametrize("number", range(len(FITTING)))
async def test_a_number_chooses_the_model_of_its_line_and_how_to_keep_it_is_said(number: int) -> None:
    settings, said = await chosen(answering(f" {number + 1}\n"))

    assert (settings.mode, settings.model) == ("embedded", FITTING[number].reference)
    assert [line for line in said if line.startswith(f"  {number + 1}  {FITTING[number].name},")]
    assert f'model = "{FITTING[number].reference}"' in said[-1]


@pytest.mark.parametrize("memory", [0, 8_000_000_000, 200_000_000_000])
async def test_only_what_fits_is_offered_and_the_demonstration_model_comes_last(memory: int) -> None:
    able = [model.name for model in RECOMMENDED if fits(model, memory) and not model.is_demonstration]

    settings, said = await chosen(answering(str(len(able) + 2)), memory=memory)

    assert settings == Settings()
    assert [re.split(r"  |,", line.strip())[1] for line in said[1:]] == [
        *able,
        "a server of my own",
        "SmolLM2-135M-Instruct",
    ]
    assert "demonstration" in said[-1]


@pytest.mark.parametrize("lines", [("\n", "0", "99", "-1", "yes", "1"), ("²", "1")])
async def test_anything_else_is_asked_again_and_starts_nothing(lines: Sequence[str]) -> None:
    settings, _ = await chosen(answering(*lines))

    assert settings.model == FITTING[0].reference


@pytest.mark.parametrize(
    ("lines", "text"), [((str(len(FITTING) + 1),), OWN_SERVER), (("q",), "nothing was chosen"), ((), "nothing was")]
)
async def test_a_user_may_leave(lines: Sequence[str], text: str) -> None:
    with pytest.raises(InvalidSetting, match=re.escape(text)):
        await chosen(answering(*lines))


async def test_without_a_terminal_the_demonstration_model_is_taken_and_said_to_be_one() -> None:
    assert await chosen(None) == (Settings(), [f"anyclaude: {NOT_FOUND}{DEMONSTRATION}"])


async def test_who_has_chosen_is_not_asked() -> None:
    engine, file = Settings(mode="embedded"), Settings(model="a.gguf")

    assert await chosen(answering("1"), engine) == (engine, [f"anyclaude: {DEMONSTRATION}"])
    assert await chosen(answering("1"), file) == (file, [])


WITHOUT_SERVERS = """\
import asyncio, sys
import anyclaude.launcher.servers as servers
from anyclaude.cli import main
async def none(*_, **__):
    return None
servers.find_server = none
main()
"""
"""The command on a machine where no server is found: which ports are free here, a test cannot choose."""


async def at_a_terminal(home: Path, answers: dict[str, str], *words: str) -> tuple[int, str]:
    """Run the command at a terminal, type each answer once its text is shown, and return its status and all text."""
    write_fake_client(home)
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", WITHOUT_SERVERS, *words),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=home,
        env={"HOME": str(home), "PATH": f"{home}:{os.environ['PATH']}", "ANYCLAUDE_CONTEXT_TOKENS": "4096"},
        start_new_session=True,
    )
    os.close(theirs)
    async with asyncio.timeout(LONG_SECONDS):
        text = await asyncio.to_thread(_typed, ours, dict(answers))
        status = await process.wait()
    os.close(ours)
    return status, text


def _typed(terminal: int, answers: dict[str, str]) -> str:
    """Type the answers, and return what was shown until the last process has closed the terminal."""
    text = ""
    with suppress(OSError):
        while shown := os.read(terminal, 65536):
            text += shown.decode(errors="replace")
            for awaited in [awaited for awaited in answers if awaited in text]:
                os.write(terminal, answers.pop(awaited).encode())
    return text


async def test_at_a_terminal_the_user_is_asked_and_may_leave(tmp_path: Path) -> None:
    status, text = await at_a_terminal(tmp_path, {"q to quit": "q\n"})

    assert status == 2
    assert "no usable model server was found" in text
    assert "nothing was chosen" in text
    assert '"pid"' not in text


async def test_the_model_that_was_chosen_at_the_terminal_answers(tmp_path: Path, tiny_model: Path) -> None:
    offered = [model for model in RECOMMENDED if fits(model, memory_bytes()) and not model.is_demonstration]
    model = offered[-1]
    repository, _, quantization = str(model.reference).partition(":")
    folder = (
        tmp_path / ".cache" / "huggingface" / "hub" / f"models--{repository.replace('/', '--')}" / "snapshots" / "1"
    )
    folder.mkdir(parents=True)
    (folder / f"of-the-hub-{quantization}.gguf").symlink_to(tiny_model)

    status, text = await at_a_terminal(tmp_path, {"q to quit": f"{len(offered)}\n"}, "--", "exit-5")

    seen = client_report(next(line for line in text.splitlines() if line.startswith("{")))
    assert status == 5
    assert f"{model.name}, window {model.window_tokens:,}, downloaded already" in text
    assert seen.environment["ANTHROPIC_MODEL"] == f"of-the-hub-{quantization}"
    assert seen.stdin_is_terminal
