"""`anyclaude models`."""

import io
import re

import pytest
from tests.parts.command import Command

from anyclaude.cli.models import show_recommended
from anyclaude.engine.recommended_models import RECOMMENDED, fits
from anyclaude.settings import Settings


async def test_the_models_of_the_server_are_listed_and_nothing_is_started(command: Command) -> None:
    status, out, err = await command.ran("models")

    assert (status, err) == (0, "")
    assert "* Qwen/Qwen3-8B  " in out
    assert "window 40,960" in out
    assert [request for request in command.server.requests if "messages" in str(request)] == []


async def test_a_server_that_is_not_there_is_said(command: Command) -> None:
    status, out, err = await command.ran("models", "--mode", "llamacpp", "--backend-url", "http://127.0.0.1:9")

    assert (status, out) == (1, "")
    assert "nothing listens there" in err


@pytest.mark.parametrize("memory", [0, 8_000_000_000, 17_000_000_000, 68_000_000_000])
def test_the_table_marks_what_fits_and_names_what_to_type(memory: int) -> None:
    out = io.StringIO()

    show_recommended(Settings(), {"HOME": "/nowhere"}, memory, out)

    rows = {match[2]: match[1] for match in re.finditer(r"^([* ]) (\S+) +\d", out.getvalue(), re.MULTILINE)}
    assert rows == {model.name: "*" if fits(model, memory) else " " for model in RECOMMENDED}
    assert all(f"--model {model.reference}" in out.getvalue() for model in RECOMMENDED if model.reference)
    assert out.getvalue().count("for demonstration") == 1


async def test_the_table_needs_no_server(command: Command) -> None:
    status, out, _ = await command.ran(
        "models", "--recommended", "--mode", "llamacpp", "--backend-url", "http://x.invalid"
    )

    assert status == 0
    assert "as published, not measured here" in out
    assert command.server.requests == []
