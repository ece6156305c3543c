"""First prompts on disk: whose is found, which are forgotten, and who may read them."""

import os
import stat
from pathlib import Path

import msgspec

from anyclaude.scheduling.first_prompt import FirstPrompt, Place
from anyclaude.scheduling.first_prompt_files import FirstPromptFiles

GARDEN, KITCHEN = Place("/garden", "lean"), Place("/kitchen", "lean")


def prompt(place: Place, words: str = "x") -> FirstPrompt:
    return FirstPrompt(place, msgspec.Raw(msgspec.json.encode({"words": words})))


def aged(folder: Path) -> None:
    """Make everything in the folder older than what comes next, whatever the clock's grain is."""
    for file in folder.glob("*.json"):
        was = file.stat().st_mtime
        os.utime(file, (was - 10, was - 10))


def kept(folder: Path, *prompts: FirstPrompt, max_places: int = 64) -> FirstPromptFiles:
    files = FirstPromptFiles(folder, max_places)
    for one in prompts:
        aged(folder)
        files.keep(one)
    return files


def test_a_place_gets_its_own_latest_prompt(tmp_path: Path) -> None:
    files = kept(tmp_path, prompt(GARDEN, "old"), prompt(GARDEN, "new"), prompt(KITCHEN))

    assert files.best_for(GARDEN) == prompt(GARDEN, "new")


def test_a_new_place_gets_the_latest_of_those_where_the_client_began_likewise(tmp_path: Path) -> None:
    files = kept(tmp_path, prompt(GARDEN), prompt(KITCHEN), prompt(Place("/attic", "full")))

    assert files.best_for(Place("/cellar", "lean")) == prompt(KITCHEN)
    assert files.best_for(Place("/cellar", "minimal")) is None


def test_the_latest_of_all_is_found_without_a_place(tmp_path: Path) -> None:
    assert kept(tmp_path, prompt(GARDEN), prompt(KITCHEN)).latest() == prompt(KITCHEN)
    assert FirstPromptFiles(tmp_path / "nothing").latest() is None


def test_places_used_longest_ago_are_forgotten(tmp_path: Path) -> None:
    files = kept(tmp_path, *(prompt(Place(f"/{number}")) for number in range(5)), max_places=3)

    assert len(list(tmp_path.iterdir())) == 3
    assert files.best_for(Place("/2")) == prompt(Place("/2"))
    assert files.best_for(Place("/1")) != prompt(Place("/1"))


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
    files = FirstPromptFiles(tmp_path / "file")
    files.keep(prompt(GARDEN))

    assert files.best_for(GARDEN) is None
