"""The first turn of the real client after launches of another kind, project or model, by the engine's own count."""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.parts.claude_code import SYSTEM_PATH
from tests.parts.claude_code_versions import NATIVE, installed_client
from tests.parts.terminal import run_in_terminal
from tests.trials.test_warm_start import NO_SNAPSHOTS, SHORT_DETERMINISTIC, Launched, journal

PATIENCE_SECONDS = 400.0


@dataclass(frozen=True, slots=True)
class Launches:
    """Successive launches; every process ends between them.  The interactive one ends after its first turn."""

    once: Launched
    interactive: Launched
    other_project: Launched
    other_model: Launched
    with_snapshot: Launched


class House:
    """A user's home with projects, and the launches from it."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._client = installed_client(NATIVE)
        projects = {}
        for name in ("garden", "kitchen", "cellar"):
            (home / name).mkdir()
            projects[str(home / name)] = {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True}
        (home / "garden" / "CLAUDE.md").write_text("Be kind to the roses.\n")
        settings = {"hasCompletedOnboarding": True, "theme": "dark", "projects": projects}
        (home / ".claude.json").write_text(json.dumps(settings))

    async def launched(self, project: str, model_file: Path, *words: str, **more: str) -> Launched:
        """Launch the command in a project, and wait for its first turn."""
        before = len(journal(self._home))

        def is_done() -> bool:
            return any(record.request_class != "warm_up" for record in journal(self._home)[before:])

        await run_in_terminal(
            (sys.executable, "-m", "anyclaude", *words, "--mode", "embedded", "--model", str(model_file)),
            self._home / project,
            self._environment() | more,
            is_done,
            PATIENCE_SECONDS,
        )
        return Launched(journal(self._home)[before:])

    def _environment(self) -> dict[str, str]:
        return {
            "HOME": str(self._home),
            "PATH": f"{Path(self._client.command[0]).parent}:{SYSTEM_PATH}",
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "IS_SANDBOX": "1",
            "ANYCLAUDE_CLAUDE_PATH": self._client.command[-1],
            "ANYCLAUDE_CACHE_DIR": str(self._home / "cache"),
            "CLAUDE_CODE_EXTRA_BODY": SHORT_DETERMINISTIC,
        }


@pytest.fixture(scope="module")
def launches(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launches]:
    """Launch the client once for all tests of this module."""
    yield asyncio.run(play(tiny_model, tmp_path_factory.mktemp("home")))


async def play(model_file: Path, home: Path) -> Launches:
    """Launch the command five times."""
    house, other_model = House(home), home / "another.gguf"
    try:
        os.link(model_file, other_model)
    except OSError:
        shutil.copy(model_file, other_model)
    return Launches(
        await house.launched("garden", model_file, "-p", "Pull the weeds", **NO_SNAPSHOTS),
        await house.launched("garden", model_file, "Water the roses", **NO_SNAPSHOTS),
        await house.launched("kitchen", model_file, "-p", "Wash the dishes", **NO_SNAPSHOTS),
        await house.launched("garden", other_model, "-p", "Pick the apples"),
        await house.launched("cellar", other_model, "-p", "Count the bottles"),
    )


def test_the_first_interactive_launch_finds_the_tools_of_a_print_launch_in_the_cache(launches: Launches) -> None:
    (prewarm,), turn = launches.interactive.prewarm_records, launches.interactive.first_turn

    assert prewarm.outcome == "completed"
    assert turn.cached >= 0.5 * prewarm.prompt  # the tools; the instructions follow tools that differ


def test_another_project_evaluates_only_from_its_own_text(launches: Launches) -> None:
    (prewarm,), turn = launches.other_project.prewarm_records, launches.other_project.first_turn

    assert prewarm.outcome == "completed"
    assert prewarm.prompt >= 0.75 * turn.prompt
    assert turn.cached >= 0.99 * prewarm.prompt - 8  # without the end of the placeholder's message


def test_another_model_finds_the_whole_prompt(launches: Launches) -> None:
    (prewarm,), turn = launches.other_model.prewarm_records, launches.other_model.first_turn

    assert (prewarm.outcome, prewarm.cached) == ("completed", 0)
    assert turn.cached >= 0.95 * turn.prompt


def test_the_snapshot_of_another_project_holds_the_beginning(launches: Launches) -> None:
    (prewarm,), turn = launches.with_snapshot.prewarm_records, launches.with_snapshot.first_turn

    assert prewarm.cached >= 0.95 * prewarm.prompt
    assert turn.cached >= 0.75 * turn.prompt
