"""The variables, arguments and notes for the client of one launch."""

from pathlib import Path

import pytest

from anyclaude.backends import BackendTarget
from anyclaude.bounds import ASSUMED_CONTEXT_TOKENS
from anyclaude.errors import ClientOverruled
from anyclaude.launcher.client import user_settings
from anyclaude.launcher.client.diets import LEAN, MINIMAL
from anyclaude.launcher.client.plan import Invocation, Plan, plan_client
from anyclaude.profiles import profile_named
from anyclaude.settings import Settings
from anyclaude.transforms import Diet

FILE = Path("settings.json")
URL = "http://127.0.0.1:5"


def planned(
    tmp_path: Path,
    *words: str,
    window: int | None = 131_072,
    environment: dict[str, str] | None = None,
    diet: Diet | None = None,
) -> Plan:
    target = BackendTarget(
        profile=profile_named("ollama"), base_url="http://127.0.0.1:1/v1", model="qwen3", context_tokens=window
    )
    return plan_client(_invocation(tmp_path, words, environment), Settings(diet=diet), target, URL, is_native=True)


def names(plan: Plan) -> set[str]:
    return {variable.name for variable in plan.variables}


def _invocation(tmp_path: Path, words: tuple[str, ...], environment: dict[str, str] | None = None) -> Invocation:
    return Invocation(words, {"HOME": str(tmp_path), **(environment or {})}, tmp_path)


def test_a_large_window_gets_the_lean_diet_without_a_note(tmp_path: Path) -> None:
    plan = planned(tmp_path, "-p", "hi")

    assert plan.notes == ()
    assert plan.ours == (*LEAN.arguments, "--permission-mode", "default")
    assert plan.arguments(FILE)[-2:] == ("-p", "hi")
    assert names(plan) >= {variable.name for variable in LEAN.variables}


def test_the_full_diet_adds_no_options(tmp_path: Path) -> None:
    plan = planned(tmp_path, "-p", "hi", diet="full")

    assert plan.ours == ("--permission-mode", "default")
    assert not names(plan) & {variable.name for variable in MINIMAL.variables}


def test_a_diet_that_was_chosen_is_kept_in_a_small_window_with_a_warning(tmp_path: Path) -> None:
    plan = planned(tmp_path, "-p", "hi", window=8_192, diet="full")

    assert "--bare" not in plan.ours
    assert len(plan.notes) == 1
    assert "8,192" in plan.notes[0]


def test_a_variable_of_a_diet_that_the_user_exported_keeps_their_value(tmp_path: Path) -> None:
    plan = planned(tmp_path, environment={"CLAUDE_CODE_DISABLE_AUTO_MEMORY": "0"})

    values = {variable.name: variable.value for variable in plan.variables}
    assert values["CLAUDE_CODE_DISABLE_AUTO_MEMORY"] == "0"


def test_a_small_window_gets_fewer_tools_and_one_note(tmp_path: Path) -> None:
    plan = planned(tmp_path, "-p", "hi", window=8_192)

    assert plan.ours[0] == "--bare"
    assert len(plan.notes) == 1
    assert "8,192" in plan.notes[0]


def test_tools_the_user_chose_are_left_alone(tmp_path: Path) -> None:
    plan = planned(tmp_path, "--tools", "Bash", "-p", "hi", window=8_192)

    assert not {"--bare", *LEAN.arguments} & set(plan.ours)
    assert plan.notes == ()


def test_an_unknown_window_is_assumed_with_a_note(tmp_path: Path) -> None:
    plan = planned(tmp_path, window=None)

    assert any(f"{ASSUMED_CONTEXT_TOKENS:,}" in note and "ANYCLAUDE_CONTEXT_TOKENS" in note for note in plan.notes)


def test_a_permission_mode_in_the_users_settings_is_respected(tmp_path: Path) -> None:
    (tmp_path / ".claude").mkdir()
    (tmp_path / ".claude" / "settings.json").write_text('{"permissions":{"defaultMode":"plan"}}')

    plan = planned(tmp_path)

    assert "--permission-mode" not in plan.ours
    assert plan.permission_mode == "plan"


def test_in_mode_claude_the_model_is_passed_to_the_client(tmp_path: Path) -> None:
    settings = Settings(mode="claude", model="sonnet")

    plan = plan_client(_invocation(tmp_path, ("-p", "hi")), settings, None, URL, is_native=True)

    assert plan.ours == ("--model", "sonnet")
    assert [variable.name for variable in plan.variables] == ["ANTHROPIC_BASE_URL"]


def test_in_mode_claude_a_diet_that_was_set_is_used(tmp_path: Path) -> None:
    settings = Settings(mode="claude", diet="minimal")

    plan = plan_client(_invocation(tmp_path, ("-p", "hi")), settings, None, URL, is_native=True)

    assert plan.ours == MINIMAL.arguments
    assert names(plan) >= {variable.name for variable in MINIMAL.variables}


def test_in_mode_claude_a_subcommand_of_the_client_stays_first(tmp_path: Path) -> None:
    settings = Settings(mode="claude", model="sonnet")

    plan = plan_client(_invocation(tmp_path, ("mcp", "list")), settings, None, URL, is_native=True)

    assert plan.arguments(FILE) == ("mcp", "list")


def test_the_limits_of_tool_results_follow_the_window_and_the_prompt(tmp_path: Path) -> None:
    limits = {
        window: int(
            {variable.name: variable.value for variable in planned(tmp_path, window=window).variables}[
                "BASH_MAX_OUTPUT_LENGTH"
            ]
            or 0
        )
        for window in (8_192, 16_384, 32_768)
    }

    assert limits[8_192] < limits[16_384] < limits[32_768] < 10_000


def test_a_reply_that_the_user_limits_in_a_settings_file_leaves_the_prompt_its_room(tmp_path: Path) -> None:
    (tmp_path / ".claude").mkdir()
    (tmp_path / ".claude" / "settings.json").write_text('{"env":{"CLAUDE_CODE_MAX_OUTPUT_TOKENS":"64000"}}')

    plan = planned(tmp_path, window=32_768)

    assert any("64,000" in note for note in plan.notes)
    assert "--bare" not in plan.ours


def test_an_administrators_address_ends_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "managed-settings.json").write_text('{"env":{"ANTHROPIC_BASE_URL":"https://corp"}}')
    monkeypatch.setattr(user_settings, "LINUX_MANAGED_FOLDER", str(tmp_path))
    monkeypatch.setattr(user_settings, "MANAGED_FOLDERS", {})

    with pytest.raises(ClientOverruled):
        planned(tmp_path)
