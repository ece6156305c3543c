"""A recorded request before and after."""

import io
from pathlib import Path

import pytest

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

    assert show_prompt(str(file), settings, out) == 0
    figures, before, after = out.getvalue().split("========")
    return figures, before, after


def test_before_and_after_are_shown_with_the_figures_of_each_step(tmp_path: Path) -> None:
    figures, before, after = shown(tmp_path, Settings(diet="lean"))

    assert [line.split("  ")[0] for line in figures.splitlines()[1:3]] == ["diet lean", "system prompt"]
    assert "tool text" in figures
    assert FAST in before
    assert FAST not in after
    assert '"title":"T"' in before
    assert '"title":"T"' not in after
    assert "-------- user\nHello\n" in after


def test_the_diet_is_the_usual_one_unless_one_is_named(tmp_path: Path) -> None:
    assert "diet lean" in shown(tmp_path, Settings())[0]


def test_under_the_full_diet_before_and_after_are_the_same(tmp_path: Path) -> None:
    figures, before, after = shown(tmp_path, Settings(diet="full"))

    assert len(figures.splitlines()) == 3
    assert before.replace(" before", "").strip() == after.replace(" after", "").strip()


def test_a_file_that_is_not_there_or_holds_no_request_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text('{"max_tokens": 1}')

    with pytest.raises(InvalidSetting, match=r"nowhere\.json cannot be read"):
        show_prompt(str(tmp_path / "nowhere.json"), Settings(), io.StringIO())
    with pytest.raises(InvalidRequest, match="model"):
        show_prompt(str(tmp_path / "other.json"), Settings(), io.StringIO())
