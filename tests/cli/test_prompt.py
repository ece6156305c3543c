"""`anyclaude prompt --show`: a recorded request before and after its preparation."""

import io
import json
from pathlib import Path

import pytest
from tests.parts.command import Command

from anyclaude.cli.prompt import show_prompt
from anyclaude.errors import InvalidRequest, InvalidSetting
from anyclaude.protocol.json_values import JsonObject, encode_json
from anyclaude.settings import Settings

FAST = " - Fast mode for Claude Code is fast.\n"
BODY: JsonObject = {
    "model": "claude",
    "max_tokens": 16,
    "system": f"# Environment\n{FAST} - Directory: /x\n",
    "tools": [{"name": "Bash", "description": "Runs it. " * 400, "input_schema": {"type": "object", "title": "T"}}],
    "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}],
}


def shown(folder: Path, settings: Settings) -> tuple[str, str, str]:
    """Return the figures, and the prompt before and after."""
    file = folder / "request.json"
    file.write_bytes(encode_json(BODY))
    out = io.StringIO()

    show_prompt(str(file), settings, out)
    figures, before, after = out.getvalue().split("========")
    return figures, before, after


def test_both_requests_are_shown_with_the_figures_of_each_step(tmp_path: Path) -> None:
    figures, before, after = shown(tmp_path, Settings(diet="lean"))

    assert [line.split("  ")[0] for line in figures.splitlines()[1:3]] == ["diet lean", "system prompt"]
    assert "tool text" in figures
    assert FAST in before
    assert FAST not in after
    assert '"title":"T"' in before
    assert '"title":"T"' not in after
    assert "-------- user\nHello\n" in after


def test_the_diet_is_lean_unless_another_is_set(tmp_path: Path) -> None:
    assert "diet lean" in shown(tmp_path, Settings())[0]


def test_the_full_diet_changes_nothing(tmp_path: Path) -> None:
    figures, before, after = shown(tmp_path, Settings(diet="full"))

    assert len(figures.splitlines()) == 3
    assert before.replace(" before", "").strip() == after.replace(" after", "").strip()


def test_a_missing_file_or_a_body_that_is_not_a_request_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text('{"max_tokens": 1}')

    with pytest.raises(InvalidSetting, match=r"nowhere\.json cannot be read"):
        show_prompt(str(tmp_path / "nowhere.json"), Settings(), io.StringIO())
    with pytest.raises(InvalidRequest, match="model"):
        show_prompt(str(tmp_path / "other.json"), Settings(), io.StringIO())


async def test_the_command_shows_a_recorded_request_and_refuses_a_missing_file(command: Command) -> None:
    file = command.home / "request.json"
    body = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "Hello"}]}
    file.write_text(json.dumps(body | {"tools": [{"name": "Bash", "input_schema": {"title": "T"}}]}))

    shown, out, _ = await command.ran("prompt", "--show", str(file), ANYCLAUDE_DIET="minimal")
    refused, nothing, err = await command.ran("prompt", "--show", str(command.home / "nowhere"))

    assert (shown, refused, nothing) == (0, 2, "")
    assert "diet minimal" in out
    assert '{"title":"T"}' in out.partition("after")[0]
    assert '{"title":"T"}' not in out.partition("after")[2]
    assert "nowhere cannot be read" in err


async def test_the_command_reads_standard_input_by_default(command: Command) -> None:
    status, out, _ = await command.ran("prompt", "--show", stdin=encode_json(BODY))

    assert status == 0
    assert "diet lean" in out
