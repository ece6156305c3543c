"""The user's settings are read as the client reads them; `tests/trials/test_settings_sources.py` asks the client."""

import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.launcher.client.user_settings import SettingsSource, SourceName, UserSettings, read_user_settings

ORDER: tuple[SourceName, ...] = ("global", "user", "project", "local", "flag", "managed")


def files_of(tmp_path: Path) -> dict[str, Path]:
    return {
        "global": tmp_path / "home" / ".claude.json",
        "user": tmp_path / "home" / ".claude" / "settings.json",
        "project": tmp_path / "project" / ".claude" / "settings.json",
        "local": tmp_path / "project" / ".claude" / "settings.local.json",
        "managed": tmp_path / "managed" / "managed-settings.json",
    }


def write(file: Path, content: str | dict[str, object]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if isinstance(content, str) else json.dumps(content))


def read(tmp_path: Path, *words: str, **exported: str) -> UserSettings:
    folders = (tmp_path / "home", tmp_path / "project", tmp_path / "managed")
    return read_user_settings(words, exported, *folders)


def sets(value: str) -> dict[str, object]:
    return {"env": {"X": value}}


@given(st.sets(st.sampled_from(ORDER)))
def test_the_strongest_source_counts(present: set[SourceName]) -> None:
    sources = tuple(SettingsSource(name, name, sets(name)) for name in ORDER if name in present)
    user = UserSettings({"X": "exported"}, sources)

    expected = max(present, key=ORDER.index) if present else "exported"

    found = user.variable("X")
    assert found is not None
    assert user.environment["X"] == found.value == expected
    assert (found.source.name if found.source else "exported") == expected


@pytest.mark.parametrize("name", ["global", "user", "project", "local", "managed"])
def test_each_file_is_read(tmp_path: Path, name: str) -> None:
    before = read(tmp_path).variable("X")

    write(files_of(tmp_path)[name], sets(name))

    assert before is None
    assert read(tmp_path).environment["X"] == name


def test_files_beside_the_administrators_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    beside = tmp_path / "managed" / "managed-settings.d"
    write(files_of(tmp_path)["managed"], sets("first"))
    write(beside / "20-b.json", sets("last"))
    write(beside / "10-a.json", sets("middle"))
    write(beside / ".hidden.json", sets("hidden"))

    assert read(tmp_path).environment["X"] == "last"


@pytest.mark.parametrize("joined", [True, False])
@pytest.mark.parametrize("given", ['{"env": {"X": "flag"}}', "s.json"])
def test_the_flag_is_json_or_a_file_beside_the_project(tmp_path: Path, given: str, joined: bool) -> None:
    write(tmp_path / "project" / "s.json", sets("flag"))
    words = (f"--settings={given}",) if joined else ("--settings", given)

    user = read(tmp_path, *words)

    assert user.environment["X"] == "flag"
    assert user.given.values == sets("flag")


@pytest.mark.parametrize("given", ["missing.json", "{broken"])
def test_a_flag_that_cannot_be_read_is_reported_as_such(tmp_path: Path, given: str) -> None:
    assert read(tmp_path, "--settings", given).is_flag_unreadable


@pytest.mark.parametrize("content", ["[1]", "null", "5", "{broken"])
def test_a_flag_whose_file_has_no_object_is_reported_as_such(tmp_path: Path, content: str) -> None:
    write(tmp_path / "project" / "s.json", content)

    assert read(tmp_path, "--settings", "s.json").is_flag_unreadable


@pytest.mark.parametrize("given", ["", "s.json"])
def test_an_empty_flag_and_an_empty_file_set_nothing(tmp_path: Path, given: str) -> None:
    write(tmp_path / "project" / "s.json", " \n")

    user = read(tmp_path, "--settings", given)

    assert not user.is_flag_unreadable
    assert user.given.values == {}


@pytest.mark.parametrize("value", [r'"\ud800"', '"\udcff"', "1e999", "-1e999"])
def test_a_flag_with_what_only_javascript_reads_is_read_and_can_be_written_again(tmp_path: Path, value: str) -> None:
    user = read(tmp_path, "--settings", f'{{"other": {value}, "env": {{"X": "flag"}}}}', X="exported")

    assert user.environment["X"] == "flag"
    assert msgspec.json.decode(msgspec.json.encode(user.given.values)) == user.given.values


def test_a_file_with_bytes_that_are_no_text_is_read(tmp_path: Path) -> None:
    file = files_of(tmp_path)["user"]
    file.parent.mkdir(parents=True)
    file.write_bytes(b'{"env": {"X": "user", "Y": "\xff"}}')

    assert read(tmp_path, X="exported").environment["X"] == "user"


def test_a_flag_with_a_field_of_another_form_counts_as_none(tmp_path: Path) -> None:
    user = read(tmp_path, "--settings", '{"permissions": 5, "env": {"X": "flag"}}', X="exported")

    assert not user.is_flag_unreadable
    assert user.environment["X"] == "exported"


def test_of_an_administrators_file_only_the_fields_of_another_form_are_left_out(tmp_path: Path) -> None:
    write(files_of(tmp_path)["managed"], {**sets("managed"), "permissions": 5, "availableModels": "opus"})

    user = read(tmp_path)

    assert user.environment["X"] == "managed"
    assert user.managed[0].values["availableModels"] == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--setting-sources", "user"), "user"),
        (("--setting-sources=project, user",), "project"),
        (("--setting-sources", ""), "global"),
        (("--restricted",), "global"),
        (("-p", "--", "--restricted"), "local"),
    ],
)
def test_only_the_sources_that_were_chosen_are_read(tmp_path: Path, words: tuple[str, ...], expected: str) -> None:
    for name in ("global", "user", "project", "local"):
        write(files_of(tmp_path)[name], sets(name))

    assert read(tmp_path, *words).environment["X"] == expected


def test_the_folder_that_the_user_has_chosen_takes_the_place_of_the_usual_one(tmp_path: Path) -> None:
    write(files_of(tmp_path)["user"], sets("user"))
    write(tmp_path / "chosen" / "settings.json", sets("chosen"))

    assert read(tmp_path, CLAUDE_CONFIG_DIR=str(tmp_path / "chosen")).environment["X"] == "chosen"


def test_in_a_folder_of_a_repository_the_local_file_of_its_root_counts(tmp_path: Path) -> None:
    root, folder = tmp_path / "project", tmp_path / "project" / "part"
    (root / ".git").mkdir(parents=True)
    write(folder / ".claude" / "settings.local.json", sets("part"))
    write(root / ".claude" / "settings.json", sets("not read from here"))
    write(root / ".claude" / "settings.local.json", sets("root"))

    user = read_user_settings((), {}, tmp_path / "home", folder, tmp_path / "managed")

    assert [source.environment["X"] for source in user.sources] == ["part", "root"]


@pytest.mark.parametrize(
    ("value", "text"),
    [("true", "true"), ("5", "5"), ("null", "null"), ('{"a": 1}', "[object Object]"), ('""', ""), ('"ä"', "ä")],
)
def test_values_become_the_texts_that_the_client_makes_of_them(tmp_path: Path, value: str, text: str) -> None:
    write(files_of(tmp_path)["user"], f'\ufeff{{"env": {{"X": {value}}}}}')

    assert read(tmp_path, X="exported").environment["X"] == text


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{broken",
        "[]",
        '// a comment\n{"env": {"X": "user"}}',
        '{"env": ["X"]}',
        '{"env": {"X": "user"}, "other": NaN}',
        '{"env": {"X": "user"}, "other": -Infinity}',
        '{"env": {"X": "user"}, "model": 5}',
        '{"env": {"X": "user"}, "permissions": 5}',
    ],
)
def test_a_file_that_the_client_refuses_is_not_used(tmp_path: Path, content: str) -> None:
    write(files_of(tmp_path)["user"], content)

    assert read(tmp_path, X="exported").environment["X"] == "exported"


def test_a_folder_in_the_place_of_a_file_is_passed_over(tmp_path: Path) -> None:
    files_of(tmp_path)["user"].mkdir(parents=True)

    assert read(tmp_path).sources == ()


def test_the_permission_mode_is_that_of_the_strongest_source_that_has_one(tmp_path: Path) -> None:
    before = read(tmp_path).permission_mode
    write(files_of(tmp_path)["user"], {"permissions": {"defaultMode": "plan"}})
    write(files_of(tmp_path)["local"], {"permissions": {"allow": ["Bash"]}})

    assert before is None
    assert read(tmp_path).permission_mode == "plan"


def test_a_key_of_a_login_at_the_console_is_noticed(tmp_path: Path) -> None:
    before = read(tmp_path).has_console_key
    write(files_of(tmp_path)["global"], {"primaryApiKey": "k"})

    assert not before
    assert read(tmp_path).has_console_key
