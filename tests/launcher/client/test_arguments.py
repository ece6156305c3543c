"""The user's arguments in their order, after the few that a gateway needs."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.claude_code import SUBCOMMANDS, PermissionMode
from anyclaude.launcher.client.arguments import (
    ASKING,
    client_arguments,
    mode_in_effect,
    permission_mode,
    permission_note,
    prints_text,
)
from anyclaude.launcher.client.user_settings import SettingsSource, UserSettings

FILE = Path("/tmp/settings.json")
OURS = ("--bare", "--permission-mode", "default")

WORDS = st.lists(st.text().filter(lambda word: not word.startswith("--settings") and word not in SUBCOMMANDS))


def with_mode(mode: str) -> UserSettings:
    return UserSettings({}, (SettingsSource("user", "f", {"permissions": {"defaultMode": mode}}),))


@given(WORDS)
def test_the_users_arguments_come_last_and_unchanged(words: list[str]) -> None:
    arguments = client_arguments(words, OURS, FILE)

    assert arguments == (*OURS, "--settings", str(FILE), *words)


@pytest.mark.parametrize("command", sorted(SUBCOMMANDS))
def test_nothing_is_added_to_a_subcommand_of_the_client(command: str) -> None:
    assert client_arguments((command, "list"), OURS, FILE) == (command, "list")


def test_the_users_settings_are_replaced_by_the_file_that_has_them() -> None:
    assert client_arguments(("--settings", "s.json", "-p"), (), FILE) == ("--settings", str(FILE), "-p")


@pytest.mark.parametrize(
    ("words", "user", "chosen", "mode"),
    [
        ((), UserSettings({}), "plan", "plan"),
        ((), UserSettings({}), None, None),
        (("--permission-mode", "plan"), UserSettings({}), ASKING, None),
        (("--permission-mode=plan",), UserSettings({}), ASKING, None),
        (("--dangerously-skip-permissions",), UserSettings({}), ASKING, None),
        (("-p", "--", "--permission-mode"), UserSettings({}), ASKING, ASKING),
        ((), with_mode("plan"), ASKING, None),
        ((), with_mode("auto"), ASKING, ASKING),
        ((), with_mode("auto"), None, None),
    ],
)
def test_the_users_choice_of_a_permission_mode_wins_unless_it_cannot_work(
    words: tuple[str, ...], user: UserSettings, chosen: PermissionMode | None, mode: PermissionMode | None
) -> None:
    assert permission_mode(words, user, chosen) == mode


@pytest.mark.parametrize(
    ("words", "user", "chosen", "is_noted"),
    [
        (("--permission-mode", "auto"), UserSettings({}), ASKING, True),
        ((), UserSettings({}), "auto", True),
        ((), with_mode("auto"), ASKING, True),
        (("--permission-mode", "plan"), with_mode("auto"), ASKING, False),
        ((), with_mode("plan"), ASKING, False),
    ],
)
def test_a_mode_that_cannot_work_is_mentioned(
    words: tuple[str, ...], user: UserSettings, chosen: PermissionMode, is_noted: bool
) -> None:
    assert (permission_note(words, user, chosen) is not None) is is_noted


@pytest.mark.parametrize(
    ("words", "user", "ours", "mode"),
    [
        (("--dangerously-skip-permissions",), with_mode("plan"), None, "bypassPermissions"),
        (("--permission-mode", "plan"), UserSettings({}), None, "plan"),
        ((), with_mode("plan"), None, "plan"),
        ((), with_mode("auto"), ASKING, ASKING),
        ((), UserSettings({}), None, None),
    ],
)
def test_the_mode_in_effect_is_the_flags_then_ours_then_that_of_the_settings(
    words: tuple[str, ...], user: UserSettings, ours: PermissionMode | None, mode: str | None
) -> None:
    assert mode_in_effect(words, user, ours) == mode


@pytest.mark.parametrize(
    ("words", "is_text"),
    [
        (("-p", "hi"), True),
        (("--print", "--output-format", "text", "hi"), True),
        (("hi",), False),
        (("-p", "/model sonnet[1m]"), False),
        (("-p", "--", "/context"), False),
        (("-p", "--output-format=json", "hi"), False),
        (("-p", "--input-format", "stream-json"), False),
        (("--", "-p"), False),
    ],
)
def test_a_client_that_only_answers_one_prompt_in_text_is_recognised(words: tuple[str, ...], is_text: bool) -> None:
    assert prints_text(words) is is_text
