"""How replies become the figures of a model."""

from pathlib import Path

import pytest
from benchmarks.tools.arms import ARMS, DIRECT, Arm
from benchmarks.tools.play import Played
from benchmarks.tools.replies import Block, Reply
from benchmarks.tools.report import score, section, write_section
from benchmarks.tools.tasks import Call, Task

TASKS = [Task("files", path, [Call("Read", {"file_path": path})]) for path in ("/a", "/b")]


def played(task: Task, arm: Arm, block: Block, seconds: float) -> Played:
    """Return a reply of one block with 10 tokens."""
    return Played(task, arm, Reply((block,), "end_turn", 10, seconds))


def replies() -> list[Played]:
    """Return replies: the engine alone only writes text, every other arm reads /a."""
    read = Block("tool_use", '{"file_path": "/a"}', "Read")
    alone = [played(task, DIRECT, Block("text", "Hm."), 1.0) for task in TASKS]
    return alone + [played(task, arm, read, 1.5) for arm in ARMS[1:] for task in TASKS]


def test_valid_and_right_calls_are_counted() -> None:
    figures = score(replies(), ARMS[1])

    assert (figures.replies, figures.valid, figures.right) == (2, 2, 1)
    assert score(replies(), DIRECT).valid == 0


def test_the_added_time_is_that_of_the_same_task_on_the_engine_alone() -> None:
    assert score(replies(), ARMS[1]).added_per_token == pytest.approx(0.05)
    assert score(replies(), DIRECT).added_per_token == 0


def test_the_section_has_a_row_for_every_arm() -> None:
    text = section("a-model", replies(), 300, "a machine")

    command = "uv run python -m benchmarks.tools --model a-model --tasks 2 --max-tokens 300 --write"
    assert f"`{command}` · a machine · 2 tasks" in text
    assert "| engine alone | 0% | 0% | 0 | 0 | 0 | 1.0 |  |" in text
    assert "| anyclaude, `native` | 100% | 50% | 0 | 0 | 0 | 1.5 | +50 |" in text
    assert text.count("\n| ") == 2 + len(ARMS)


def test_only_the_models_section_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- tools one: begin -->\nold\n<!-- tools one: end -->\n<!-- tools two: begin -->\nb\n")

    write_section(page, "one", "new")

    after = "\n<!-- tools two: begin -->\nb\n"
    assert page.read_text() == f"a\n<!-- tools one: begin -->\n\nnew\n<!-- tools one: end -->{after}"


def test_a_model_without_a_section_is_an_error(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("no markers")

    with pytest.raises(ValueError, match="tools three: begin"):
        write_section(page, "three", "new")

    assert page.read_text() == "no markers"
