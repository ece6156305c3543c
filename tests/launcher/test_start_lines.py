"""What a launch says before its client starts."""

from pathlib import Path

import pytest
from tests.parts.gateway import target_at

from anyclaude.launcher import Invocation
from anyclaude.launcher.client import DietChoice, plan_client
from anyclaude.launcher.client.diets import MINIMAL
from anyclaude.launcher.engine_monitor import EngineMonitor
from anyclaude.launcher.run import Run
from anyclaude.launcher.servers import Servers, described
from anyclaude.launcher.start_lines import start_lines
from anyclaude.settings import Settings

TARGET = target_at("http://127.0.0.1:1/v1", "ollama")


def lines(settings: Settings, servers: Servers, *words: str) -> list[str]:
    invocation = Invocation(words, {"HOME": "/home/ada"}, Path("/garden"))
    plan = plan_client(invocation, settings, servers.main, "http://127.0.0.1:5", is_native=True)
    return list(start_lines(Run(invocation, settings, servers, EngineMonitor(), pytest.fail), plan))


def test_server_model_diet_permissions_and_log_are_said_in_two_lines() -> None:
    said = lines(Settings(log_dir=Path("/home/ada/.anyclaude")), Servers((TARGET,)))

    assert said == [
        f"answers come from {described(TARGET)}",
        "diet lean · Claude Code asks before edits and commands · log ~/.anyclaude",
    ]


def test_the_reason_for_a_small_diet_is_said_beside_it() -> None:
    invocation, settings = Invocation((), {"HOME": "/home/ada"}, Path("/garden")), Settings(log_dir=Path("/logs"))
    choice = DietChoice(MINIMAL, "a first prompt of lean would take about 60 s here; --diet lean chooses it")
    plan = plan_client(invocation, settings, TARGET, "http://127.0.0.1:5", is_native=True, choice=choice)
    _, line = start_lines(Run(invocation, settings, Servers((TARGET,)), EngineMonitor(), pytest.fail), plan)

    assert line.startswith(f"diet minimal: {choice.reason} · Claude Code")
    assert f"With the diet minimal, {MINIMAL.loss}." in plan.notes


def test_a_permission_mode_that_the_user_has_chosen_is_said() -> None:
    said = lines(Settings(log_dir=Path("/logs")), Servers((TARGET,)), "--dangerously-skip-permissions")

    assert said[1].endswith("Claude Code never asks · log /logs")


def test_in_mode_claude_only_the_address_is_said() -> None:
    assert lines(Settings(mode="claude"), Servers(())) == ["answers come from Anthropic's own API, unchanged"]
