"""The settings of one client: what they contain, and the file they are in."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import cast

import pytest

from anyclaude.errors import InvalidSetting
from anyclaude.launcher.client.environment import Variable
from anyclaude.launcher.client.session_settings import (
    PREFIX,
    remove_left_over_settings,
    session_settings,
    settings_file,
)
from anyclaude.launcher.client.user_settings import JsonObject, SettingsSource, UserSettings

ADDRESS = Variable("ANTHROPIC_BASE_URL", "http://127.0.0.1:5", "", is_ours=True)


def merged(user: UserSettings, *variables: Variable, keeps_credentials: bool = False) -> JsonObject:
    settings = session_settings(user, (ADDRESS, *variables), ("m",), keeps_credentials=keeps_credentials)
    assert settings is not None
    return settings


def environment(settings: JsonObject) -> dict[str, str]:
    return cast(dict[str, str], settings["env"])


def given(values: JsonObject) -> UserSettings:
    return UserSettings({}, (SettingsSource("flag", "--settings", values),))


def test_address_and_credentials_are_always_ours() -> None:
    settings = merged(given({"apiKeyHelper": "key", "env": {"ANTHROPIC_BASE_URL": "http://theirs"}}))

    assert settings["apiKeyHelper"] == ""
    assert environment(settings)["ANTHROPIC_BASE_URL"] == "http://127.0.0.1:5"
    assert environment(settings)["ANTHROPIC_API_KEY"] == environment(settings)["CLAUDE_CODE_USE_BEDROCK"] == ""


def test_the_users_settings_win_in_everything_else() -> None:
    settings = merged(given({"skipWebFetchPreflight": False, "model": "x", "env": {"FOO": "1"}}))

    assert settings["skipWebFetchPreflight"] is False
    assert settings["model"] == "x"
    assert environment(settings)["FOO"] == "1"


def test_the_clients_list_has_each_model_once_unless_the_user_has_a_list() -> None:
    picker = cast(JsonObject, merged(given({}))["modelPicker"])
    theirs: JsonObject = {"options": []}
    in_a_file = UserSettings({}, (SettingsSource("user", "f", {"modelPicker": theirs}),))

    assert [row["model"] for row in cast(list[JsonObject], picker["options"])] == ["m"]
    assert picker["replaceBuiltInOptions"] is True
    assert merged(given({"modelPicker": theirs}))["modelPicker"] == theirs
    assert "modelPicker" not in merged(in_a_file)


def test_a_variable_that_a_file_sets_otherwise_is_among_them() -> None:
    user = UserSettings({"B": "exported"}, (SettingsSource("user", "f", {"env": {"A": "theirs", "C": "same"}}),))

    settings = merged(user, Variable("A", "ours", ""), Variable("B", "ours", ""), Variable("C", "same", ""))

    assert environment(settings)["A"] == "ours"
    assert not {"B", "C"} & set(environment(settings))


def test_a_variable_that_is_withheld_is_emptied_if_a_file_sets_it() -> None:
    user = UserSettings({}, (SettingsSource("user", "f", {"env": {"MY_KEY": "sk-ant-x"}}),))

    assert environment(merged(user, Variable("MY_KEY", None, "")))["MY_KEY"] == ""


def test_the_way_around_proxies_is_always_among_them_because_files_may_change() -> None:
    user = UserSettings({"NO_PROXY": ".corp, 127.0.0.1"})

    assert environment(merged(user))["no_proxy"] == ".corp,127.0.0.1,localhost"


def test_a_list_of_models_gets_ours() -> None:
    user = UserSettings({}, (SettingsSource("user", "f", {"availableModels": ["opus"]}),))

    assert merged(user)["availableModels"] == ["opus", "m"]
    assert "availableModels" not in merged(UserSettings({}))


def test_in_mode_claude_only_the_address_and_the_way_to_it_are_ours() -> None:
    settings = merged(UserSettings({}), keeps_credentials=True)

    assert set(settings) == {"env"}
    assert set(environment(settings)) == {"ANTHROPIC_BASE_URL", "NO_PROXY", "no_proxy"}


def test_settings_that_cannot_be_read_end_the_launch_because_ours_would_be_lost_with_them() -> None:
    user = UserSettings({}, is_flag_unreadable=True)

    with pytest.raises(InvalidSetting, match="--settings"):
        session_settings(user, (ADDRESS,), ("m",), keeps_credentials=False)


def test_only_their_owner_can_read_them_and_they_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with settings_file({"a": 1}) as file:
        assert json.loads(file.read_bytes()) == {"a": 1}
        assert file.stat().st_mode & 0o777 == 0o600
        assert file.parent.stat().st_mode & 0o777 == 0o700

    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_launch_has_left_is_removed_and_what_a_running_one_uses_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for process in (ended.pid, os.getpid()):
        (tmp_path / f"{PREFIX}{process}-x").mkdir()
        (tmp_path / f"{PREFIX}{process}-x" / "settings.json").write_text("{}")

    remove_left_over_settings()

    assert [folder.name for folder in tmp_path.iterdir()] == [f"{PREFIX}{os.getpid()}-x"]


def test_without_a_folder_for_temporary_files_a_sentence_says_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))

    with pytest.raises(InvalidSetting, match="TMPDIR"), settings_file({}):
        pass


def test_they_are_in_another_folder_if_there_is_none_for_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with settings_file({"a": 1}, tmp_path) as file:
        assert file.parent.parent == tmp_path
        assert json.loads(file.read_bytes()) == {"a": 1}

    assert list(tmp_path.iterdir()) == []
