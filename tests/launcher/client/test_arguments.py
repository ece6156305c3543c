"""The user's arguments in their order, after the few that a gateway needs."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.claude_code import SUBCOMMANDS
from anyclaude.launcher.client.arguments import (
    SettingsNeeded,
    client_arguments,
    has_chosen_permissions,
    merged_settings,
    settings_files,
)

NEEDED = SettingsNeeded("http://127.0.0.1:5")

WORDS = st.lists(st.text().filter(lambda word: not word.startswith("--settings") and word not in SUBCOMMANDS))


@given(WORDS)
def test_the_users_arguments_come_last_and_unchanged(words: list[str]) -> None:
    arguments = client_arguments(words, NEEDED, "acceptEdits", ("--bare",))

    assert arguments[:4] == ("--bare", "--permission-mode", "acceptEdits", "--settings")
    assert arguments[5:] == tuple(words)


@pytest.mark.parametrize("command", sorted(SUBCOMMANDS))
def test_nothing_is_added_to_a_subcommand_of_the_client(command: str) -> None:
    assert client_arguments((command, "list"), NEEDED, "acceptEdits", ("--bare",)) == (command, "list")


def test_the_permission_mode_is_not_added_if_the_user_has_chosen() -> None:
    assert "--permission-mode" not in client_arguments(("-p",), NEEDED, None, ())


def test_address_and_credentials_of_a_settings_file_are_overridden() -> None:
    settings = json.loads(client_arguments((), NEEDED, None, ())[1])

    assert settings["skipWebFetchPreflight"] is True
    assert settings["apiKeyHelper"] == ""
    assert settings["env"]["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:5"
    assert settings["env"]["ANTHROPIC_AUTH_TOKEN"] == "anyclaude"
    assert settings["env"]["ANTHROPIC_API_KEY"] == settings["env"]["CLAUDE_CODE_USE_BEDROCK"] == ""


@pytest.mark.parametrize("as_file", [True, False])
@pytest.mark.parametrize("joined", [True, False])
def test_the_users_settings_are_merged_and_win_otherwise(tmp_path: Path, as_file: bool, joined: bool) -> None:
    theirs = '{"skipWebFetchPreflight":false,"model":"x","env":{"FOO":"1","ANTHROPIC_BASE_URL":"http://theirs"}}'
    (tmp_path / "theirs.json").write_text(theirs)
    given = str(tmp_path / "theirs.json") if as_file else theirs
    words = (f"--settings={given}",) if joined else ("--settings", given)

    arguments = client_arguments(("-p", *words, "hi"), NEEDED, None, ())

    settings = json.loads(arguments[1])
    assert arguments[2:] == ("-p", "hi")
    assert settings["skipWebFetchPreflight"] is False
    assert settings["model"] == "x"
    assert settings["env"]["FOO"] == "1"
    assert settings["env"]["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:5"


def test_settings_that_cannot_be_read_are_left_to_the_client_to_report() -> None:
    words = ("--settings", "/no/such/file", "-p")

    assert client_arguments(words, NEEDED, None, ()) == words


def test_in_mode_claude_the_settings_contain_only_the_address() -> None:
    settings = merged_settings((), SettingsNeeded("http://127.0.0.1:5", keeps_credentials=True))

    assert settings == {"env": {"ANTHROPIC_BASE_URL": "http://127.0.0.1:5"}}


def test_words_after_a_separator_are_not_flags() -> None:
    words = ("-p", "--", "--settings", "x", "--permission-mode")

    assert client_arguments(words, NEEDED, None, ())[2:] == words
    assert not has_chosen_permissions(words, ())


@pytest.mark.parametrize(
    "words",
    [
        ("--permission-mode", "plan"),
        ("--permission-mode=plan",),
        ("--dangerously-skip-permissions",),
        ("--settings", '{"permissions":{"defaultMode":"plan"}}'),
    ],
)
def test_a_permission_mode_can_be_chosen_by_a_flag(words: tuple[str, ...]) -> None:
    assert has_chosen_permissions(("-p", *words), ())


@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_permission_mode_can_be_chosen_in_each_settings_file(tmp_path: Path, index: int) -> None:
    files = settings_files({}, tmp_path / "home", tmp_path / "project")
    before = has_chosen_permissions((), files)
    files[index].parent.mkdir(parents=True)
    files[index].write_text('{"permissions":{"defaultMode":"plan"}}')

    assert not before
    assert has_chosen_permissions((), files)


def test_a_broken_settings_file_is_ignored(tmp_path: Path) -> None:
    files = settings_files({"CLAUDE_CONFIG_DIR": str(tmp_path)}, tmp_path / "home", tmp_path / "project")
    (tmp_path / "settings.json").write_text('{"permissions":')

    assert not has_chosen_permissions((), files)
