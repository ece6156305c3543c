"""First prompts on disk: which is found, which are removed, and their permissions."""

import os
import stat
from datetime import date
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace
from tests.parts.sessions import first_request

from anyclaude.prewarm.first_prompt import FirstPrompt, first_prompt_of
from anyclaude.prewarm.first_prompt_store import FirstPromptStore
from anyclaude.prewarm.launches import LaunchKey, LaunchTraits
from anyclaude.protocol.messages_request import decode_request

GARDEN, KITCHEN = LaunchKey("/garden", "lean"), LaunchKey("/kitchen", "lean")
DEEP = b'{"x":' + b"[" * 100_000


def prompt(launch_key: LaunchKey, words: str = "x") -> FirstPrompt:
    return FirstPrompt(launch_key, msgspec.Raw(msgspec.json.encode({"words": words})))


def age(folder: Path) -> None:
    """Make all files of the folder older than the next, whatever the resolution of the file system's times."""
    for file in folder.glob("*.json"):
        modified = file.stat().st_mtime
        os.utime(file, (modified - 10, modified - 10))


def store_with(folder: Path, *prompts: FirstPrompt, max_entries: int = 64) -> FirstPromptStore:
    store = FirstPromptStore(folder, max_entries)
    for one in prompts:
        age(folder)
        store.keep(one)
    return store


def test_a_launch_key_gets_its_own_latest_prompt(tmp_path: Path) -> None:
    store = store_with(tmp_path, prompt(GARDEN, "old"), prompt(GARDEN, "new"), prompt(KITCHEN))

    assert store.nearest(GARDEN) == [prompt(GARDEN, "new"), prompt(KITCHEN)]


def test_a_new_folder_gets_the_prompts_with_its_fingerprint_the_latest_first(tmp_path: Path) -> None:
    store = store_with(tmp_path, prompt(GARDEN), prompt(KITCHEN), prompt(LaunchKey("/attic", "full")))

    assert store.nearest(LaunchKey("/cellar", "lean")) == [prompt(KITCHEN), prompt(GARDEN)]
    assert store.nearest(LaunchKey("/cellar", "minimal")) == []


def test_the_expected_tokens_are_those_of_the_nearest_usable_prompt(tmp_path: Path) -> None:
    recorded = first_prompt_of(decode_request(first_request("Pull the weeds")), GARDEN, 4_931)
    assert recorded is not None
    store = store_with(tmp_path, recorded, prompt(GARDEN))
    assert store.expected_tokens(GARDEN, date(2026, 11, 28)) is None

    store.keep(recorded)
    assert store.expected_tokens(GARDEN, date(2026, 11, 28)) == 4_931
    store.keep(prompt(LaunchKey("", "lean")))
    assert store.expected_tokens(GARDEN, date(2026, 11, 28)) == 4_931


def test_the_nearest_prompt_comes_first_however_old_it_is(tmp_path: Path) -> None:
    traits = LaunchTraits(client="c", diet="lean", flags="f", is_print=False, model="m")
    wanted = LaunchKey("/garden", "wanted", traits)
    elsewhere = LaunchKey("/kitchen", "wanted", traits)
    once = LaunchKey("/garden", "once", replace(traits, is_print=True))
    of_another_model = LaunchKey("/garden", "model", replace(traits, model="n"))
    keys = (of_another_model, elsewhere, once)
    store = store_with(tmp_path, *(prompt(key) for key in keys))

    assert store.nearest(wanted) == [prompt(key) for key in keys]


def test_the_latest_prompt_is_found_without_a_launch_key(tmp_path: Path) -> None:
    assert store_with(tmp_path, prompt(GARDEN), prompt(KITCHEN)).latest() == prompt(KITCHEN)
    assert FirstPromptStore(tmp_path / "nothing").latest() is None


def test_the_time_of_a_prompt_is_that_of_its_launch_key(tmp_path: Path) -> None:
    store = store_with(tmp_path, prompt(GARDEN), prompt(KITCHEN))
    garden, kitchen = store.recorded_at(GARDEN), store.recorded_at(KITCHEN)

    assert garden is not None
    assert kitchen is not None
    assert garden < kitchen
    assert store.recorded_at(LaunchKey("/attic")) is None


def test_the_oldest_prompts_beyond_the_limit_are_removed(tmp_path: Path) -> None:
    store = store_with(tmp_path, *(prompt(LaunchKey(f"/{number}")) for number in range(5)), max_entries=3)

    assert len(list(tmp_path.iterdir())) == 3
    assert store.nearest(LaunchKey("/2"))[0] == prompt(LaunchKey("/2"))
    assert prompt(LaunchKey("/1")) not in store.nearest(LaunchKey("/1"))


@pytest.mark.parametrize("damage", [b"{", bytes(5_000), b'{"place":"\xff"}', b'{"engine":"\xff"}', DEEP])
def test_a_damaged_file_is_skipped(tmp_path: Path, damage: bytes) -> None:
    store = store_with(tmp_path, prompt(GARDEN), prompt(KITCHEN))
    for file in tmp_path.glob("*.json"):
        if b"kitchen" in file.read_bytes():
            file.write_bytes(damage)

    assert store.nearest(KITCHEN) == [prompt(GARDEN)]


def test_a_file_written_by_an_earlier_version_is_still_found_and_replaced(tmp_path: Path) -> None:
    document = '{"place":{"folder":"/garden","manner":"lean"},"request":{"words":"old"}}'
    (tmp_path / "7a02f9d1349d48d145601948.json").write_text(document)
    store = store_with(tmp_path, prompt(KITCHEN))
    found = store.nearest(GARDEN)[0]
    store.keep(prompt(GARDEN, "new"))

    assert found == prompt(GARDEN, "old")
    assert store.nearest(GARDEN)[0] == prompt(GARDEN, "new")
    assert len(list(tmp_path.iterdir())) == 2


def test_files_and_folders_are_private(tmp_path: Path) -> None:
    store_with(tmp_path / "a" / "b", prompt(GARDEN))

    (file,) = (tmp_path / "a" / "b").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_written_raises_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    store = FirstPromptStore(tmp_path / "file")
    store.keep(prompt(GARDEN))

    assert store.nearest(GARDEN) == []
