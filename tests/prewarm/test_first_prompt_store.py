"""First prompts on disk: whose is found, which are forgotten, and who may read them."""

import os
import stat
from pathlib import Path

import msgspec

from anyclaude.prewarm.first_prompt import FirstPrompt, LaunchKey
from anyclaude.prewarm.first_prompt_store import FirstPromptStore

GARDEN, KITCHEN = LaunchKey("/garden", "lean"), LaunchKey("/kitchen", "lean")


def prompt(launch_key: LaunchKey, words: str = "x") -> FirstPrompt:
    return FirstPrompt(launch_key, msgspec.Raw(msgspec.json.encode({"words": words})))


def aged(folder: Path) -> None:
    """Make everything in the folder older than what comes next, whatever the clock's grain is."""
    for file in folder.glob("*.json"):
        was = file.stat().st_mtime
        os.utime(file, (was - 10, was - 10))


def kept(folder: Path, *prompts: FirstPrompt, max_entries: int = 64) -> FirstPromptStore:
    files = FirstPromptStore(folder, max_entries)
    for one in prompts:
        aged(folder)
        files.keep(one)
    return files


def test_a_place_gets_its_own_latest_prompt(tmp_path: Path) -> None:
    files = kept(tmp_path, prompt(GARDEN, "old"), prompt(GARDEN, "new"), prompt(KITCHEN))

    assert files.best_for(GARDEN) == prompt(GARDEN, "new")


def test_a_new_place_gets_the_latest_of_those_where_the_client_began_likewise(tmp_path: Path) -> None:
    files = kept(tmp_path, prompt(GARDEN), prompt(KITCHEN), prompt(LaunchKey("/attic", "full")))

    assert files.best_for(LaunchKey("/cellar", "lean")) == prompt(KITCHEN)
    assert files.best_for(LaunchKey("/cellar", "minimal")) is None


def test_the_latest_of_all_is_found_without_a_place(tmp_path: Path) -> None:
    assert kept(tmp_path, prompt(GARDEN), prompt(KITCHEN)).latest() == prompt(KITCHEN)
    assert FirstPromptStore(tmp_path / "nothing").latest() is None


def test_places_used_longest_ago_are_forgotten(tmp_path: Path) -> None:
    files = kept(tmp_path, *(prompt(LaunchKey(f"/{number}")) for number in range(5)), max_entries=3)

    assert len(list(tmp_path.iterdir())) == 3
    assert files.best_for(LaunchKey("/2")) == prompt(LaunchKey("/2"))
    assert files.best_for(LaunchKey("/1")) != prompt(LaunchKey("/1"))


def test_a_damaged_file_is_passed_over(tmp_path: Path) -> None:
    files = kept(tmp_path, prompt(GARDEN), prompt(KITCHEN))
    for file in tmp_path.glob("*.json"):
        if b"kitchen" in file.read_bytes():
            file.write_bytes(b'{"place": {')

    assert files.best_for(KITCHEN) == prompt(GARDEN)


def test_only_the_owner_may_read_them(tmp_path: Path) -> None:
    kept(tmp_path / "a" / "b", prompt(GARDEN))

    (file,) = (tmp_path / "a" / "b").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_written_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    files = FirstPromptStore(tmp_path / "file")
    files.keep(prompt(GARDEN))

    assert files.best_for(GARDEN) is None
