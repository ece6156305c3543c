"""States on disk: which is found, which are never used, and how much room they take."""

import os
import stat
from pathlib import Path

from anyclaude.backends import SlotFile
from anyclaude.prewarm.first_prompt import LaunchKey
from anyclaude.prewarm.slot_store import MAX_SNAPSHOTS, RESERVED_BYTES, SlotStore

GARDEN, KITCHEN = LaunchKey("/garden"), LaunchKey("/kitchen")
PLENTY = 10 * RESERVED_BYTES


def states(folder: Path, engine: str = "engine", limit_bytes: int = 1_000, free_bytes: int = PLENTY) -> SlotStore:
    return SlotStore(folder, engine, limit_bytes, lambda folder: free_bytes)


def written(kept: SlotStore, folder: Path, launch_key: LaunchKey, session: str, size: int = 10) -> bool:
    """Do as the engine does, then hand it over; everything before is older."""
    for file in folder.glob("*.json"):
        was = file.stat().st_mtime
        os.utime(file, (was - 10, was - 10))
    name = kept.new_file_name()
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"x" * size)
    return kept.keep(launch_key, session, name, SlotFile(tokens=size // 2, bytes=size))


def found(kept: SlotStore, launch_key: LaunchKey, session: str | None = None) -> str | None:
    state = kept.best_for(launch_key, session)
    return None if state is None else state.session


def test_a_session_gets_its_own_state_and_any_other_the_latest_of_its_place(tmp_path: Path) -> None:
    kept = states(tmp_path)
    for launch_key, session in ((GARDEN, "a"), (GARDEN, "b"), (KITCHEN, "c")):
        assert written(kept, tmp_path, launch_key, session)

    assert found(kept, GARDEN, "a") == "a"
    assert found(kept, GARDEN, "never seen") == "b"
    assert found(kept, GARDEN) == "b"
    assert found(kept, KITCHEN) == "c"
    assert found(kept, LaunchKey("/attic")) is None


def test_what_is_told_of_a_state_is_what_the_engine_wrote(tmp_path: Path) -> None:
    kept = states(tmp_path)
    written(kept, tmp_path, GARDEN, "a", 20)
    written(kept, tmp_path, GARDEN, "a", 30)
    state = kept.best_for(GARDEN, "a")

    assert state is not None
    assert (state.tokens, state.bytes) == (15, 30)
    assert (tmp_path / state.file_name).stat().st_size == 30
    assert len(list(tmp_path.iterdir())) == 2


def test_the_state_of_another_engine_is_never_used(tmp_path: Path) -> None:
    written(states(tmp_path, "other engine"), tmp_path, GARDEN, "a")

    assert found(states(tmp_path), GARDEN, "a") is None


def test_the_oldest_go_when_all_together_take_too_much(tmp_path: Path) -> None:
    kept = states(tmp_path, limit_bytes=25)
    for session in "abc":
        written(kept, tmp_path, GARDEN, session)

    assert [found(kept, GARDEN, session) for session in "abc"] == ["c", "b", "c"]
    assert sum(file.stat().st_size for file in tmp_path.glob("*.bin")) == 20


def test_there_are_never_more_than_a_number_of_them(tmp_path: Path) -> None:
    kept = states(tmp_path, limit_bytes=10_000)
    for session in range(MAX_SNAPSHOTS + 3):
        written(kept, tmp_path, GARDEN, str(session))

    assert len(list(tmp_path.glob("*.bin"))) == MAX_SNAPSHOTS


def test_a_state_over_the_limit_does_not_stay_and_is_not_written_again(tmp_path: Path) -> None:
    kept = states(tmp_path, limit_bytes=5)

    assert not written(kept, tmp_path, GARDEN, "a")
    assert list(tmp_path.glob("*.bin")) == []
    assert found(kept, GARDEN, "a") is None
    assert not kept.has_room_for(tokens=3)
    assert kept.has_room_for(tokens=2)


def test_before_anything_is_known_of_its_size_a_state_may_take_all_of_the_limit(tmp_path: Path) -> None:
    assert states(tmp_path, limit_bytes=500, free_bytes=RESERVED_BYTES + 500).has_room_for(1)
    assert not states(tmp_path, limit_bytes=500, free_bytes=RESERVED_BYTES + 499).has_room_for(1)


def test_the_disk_keeps_its_reserve(tmp_path: Path) -> None:
    written(states(tmp_path), tmp_path, GARDEN, "a", 10)
    kept = states(tmp_path, free_bytes=RESERVED_BYTES + 10)

    assert kept.has_room_for(tokens=5)
    assert not kept.has_room_for(tokens=6)


def test_what_a_killed_run_left_goes_and_what_a_living_one_writes_stays(tmp_path: Path) -> None:
    kept = states(tmp_path)
    tmp_path.joinpath("unfinished-999999999-ab.bin").write_bytes(b"left")
    mine = tmp_path / kept.new_file_name()
    mine.write_bytes(b"being written")
    written(kept, tmp_path, GARDEN, "a")

    assert [file.name for file in tmp_path.glob("unfinished-*")] == [mine.name]


def test_a_page_that_names_a_file_elsewhere_or_is_damaged_is_passed_over(tmp_path: Path) -> None:
    kept = states(tmp_path)
    written(kept, tmp_path, GARDEN, "a")
    (page,) = tmp_path.glob("*.json")
    page.with_name("other.json").write_bytes(page.read_bytes())
    page.write_bytes(b"{")

    assert found(kept, GARDEN) is None


def test_only_the_owner_may_read_them(tmp_path: Path) -> None:
    kept = states(tmp_path / "states")
    assert kept.has_room_for(1)
    written(kept, tmp_path / "states", GARDEN, "a")

    assert stat.S_IMODE((tmp_path / "states").stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "states").iterdir()} == {0o600}


def test_a_state_that_was_of_no_use_is_forgotten(tmp_path: Path) -> None:
    kept = states(tmp_path)
    written(kept, tmp_path, GARDEN, "a")
    state = kept.best_for(GARDEN, "a")
    assert state is not None
    kept.remove(state)

    assert list(tmp_path.iterdir()) == []
