"""Slot snapshots on disk: which is found, which are unusable, and the space they take."""

import os
import stat
from pathlib import Path

import pytest
from msgspec.structs import replace

from anyclaude.backends import SlotFile
from anyclaude.prewarm.launches import LaunchKey, LaunchTraits
from anyclaude.prewarm.slot_store import MAX_SNAPSHOTS, RESERVED_BYTES, SlotStore

GARDEN, KITCHEN = LaunchKey("/garden"), LaunchKey("/kitchen")
DEEP = b'{"x":' + b"[" * 100_000
PLENTY = 10 * RESERVED_BYTES


def slot_store(folder: Path, engine: str = "engine", limit_bytes: int = 1_000, free_bytes: int = PLENTY) -> SlotStore:
    return SlotStore(folder, engine, limit_bytes, lambda folder: free_bytes)


def write(store: SlotStore, folder: Path, launch_key: LaunchKey, session: str, size: int = 10) -> bool:
    """Write a file as the engine does, and keep it; all earlier pages become older."""
    for file in folder.glob("*.json"):
        modified = file.stat().st_mtime
        os.utime(file, (modified - 10, modified - 10))
    name = store.new_file_name()
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"x" * size)
    return store.keep(launch_key, session, name, SlotFile(tokens=size // 2, bytes=size))


def found(store: SlotStore, launch_key: LaunchKey, session: str | None = None) -> str | None:
    snapshot = store.best_for(launch_key, session)
    return None if snapshot is None else snapshot.session


def test_a_session_gets_its_own_snapshot_or_the_latest_of_its_launch_key(tmp_path: Path) -> None:
    store = slot_store(tmp_path)
    for launch_key, session in ((GARDEN, "a"), (GARDEN, "b"), (KITCHEN, "c")):
        assert write(store, tmp_path, launch_key, session)

    assert found(store, GARDEN, "a") == "a"
    assert found(store, GARDEN, "never seen") == "b"
    assert found(store, GARDEN) == "b"
    assert found(store, KITCHEN) == "c"
    assert found(store, LaunchKey("/attic")) is None


def test_the_nearest_snapshot_of_another_launch_is_found_if_it_is_small_enough(tmp_path: Path) -> None:
    traits = LaunchTraits(client="c", diet="lean", flags="f", is_print=False, model="m")
    wanted = LaunchKey("/garden", "wanted", traits)
    keys = {
        "elsewhere": LaunchKey("/kitchen", "wanted", traits),
        "once": LaunchKey("/garden", "once", replace(traits, is_print=True)),
        "other diet": LaunchKey("/garden", "diet", replace(traits, diet="full")),
        "other client": LaunchKey("/garden", "client", replace(traits, client="d")),
    }
    store = slot_store(tmp_path)
    sizes = {"elsewhere": 30}
    for session, key in keys.items():
        write(store, tmp_path, key, session, sizes.get(session, 10))

    found = [store.nearest(wanted, max_bytes) for max_bytes in (30, 29, 9)]
    assert [snapshot and snapshot.session for snapshot in found] == ["elsewhere", "once", None]
    assert slot_store(tmp_path, "other engine").nearest(wanted, 30) is None


def test_a_snapshot_has_the_tokens_and_bytes_of_the_last_file_written(tmp_path: Path) -> None:
    store = slot_store(tmp_path)
    write(store, tmp_path, GARDEN, "a", 20)
    write(store, tmp_path, GARDEN, "a", 30)
    snapshot = store.best_for(GARDEN, "a")

    assert snapshot is not None
    assert (snapshot.tokens, snapshot.bytes) == (15, 30)
    assert (tmp_path / snapshot.file_name).stat().st_size == 30
    assert len(list(tmp_path.iterdir())) == 2


def test_a_snapshot_of_another_engine_is_not_found(tmp_path: Path) -> None:
    write(slot_store(tmp_path, "other engine"), tmp_path, GARDEN, "a")

    assert found(slot_store(tmp_path), GARDEN, "a") is None


def test_the_oldest_snapshots_are_removed_when_the_total_size_is_over_the_limit(tmp_path: Path) -> None:
    store = slot_store(tmp_path, limit_bytes=25)
    for session in "abc":
        write(store, tmp_path, GARDEN, session)

    assert [found(store, GARDEN, session) for session in "abc"] == ["c", "b", "c"]
    assert sum(file.stat().st_size for file in tmp_path.glob("*.bin")) == 20


def test_the_number_of_snapshots_is_limited(tmp_path: Path) -> None:
    store = slot_store(tmp_path, limit_bytes=10_000)
    for session in range(MAX_SNAPSHOTS + 3):
        write(store, tmp_path, GARDEN, str(session))

    assert len(list(tmp_path.glob("*.bin"))) == MAX_SNAPSHOTS


def test_a_snapshot_over_the_limit_is_removed_and_its_size_is_remembered(tmp_path: Path) -> None:
    store = slot_store(tmp_path, limit_bytes=5)

    assert not write(store, tmp_path, GARDEN, "a")
    assert list(tmp_path.glob("*.bin")) == []
    assert found(store, GARDEN, "a") is None
    assert not store.has_room_for(tokens=3)
    assert store.has_room_for(tokens=2)


def test_before_the_first_snapshot_the_whole_limit_must_be_free(tmp_path: Path) -> None:
    assert slot_store(tmp_path, limit_bytes=500, free_bytes=RESERVED_BYTES + 500).has_room_for(1)
    assert not slot_store(tmp_path, limit_bytes=500, free_bytes=RESERVED_BYTES + 499).has_room_for(1)


def test_the_reserved_bytes_of_the_disk_stay_free(tmp_path: Path) -> None:
    write(slot_store(tmp_path), tmp_path, GARDEN, "a", 10)
    store = slot_store(tmp_path, free_bytes=RESERVED_BYTES + 10)

    assert store.has_room_for(tokens=5)
    assert not store.has_room_for(tokens=6)


def test_incomplete_files_of_killed_runs_are_removed_and_those_of_running_ones_are_kept(tmp_path: Path) -> None:
    store = slot_store(tmp_path)
    tmp_path.joinpath("unfinished-999999999-ab.bin").write_bytes(b"left")
    incomplete = tmp_path / store.new_file_name()
    incomplete.write_bytes(b"being written")
    write(store, tmp_path, GARDEN, "a")

    assert [file.name for file in tmp_path.glob("unfinished-*")] == [incomplete.name]


@pytest.mark.parametrize("damage", [b"{", bytes(5_000), b'{"place":"\xff"}', b'{"engine":"\xff"}', DEEP])
def test_a_page_that_is_damaged_or_names_the_file_of_another_page_is_skipped(tmp_path: Path, damage: bytes) -> None:
    store = slot_store(tmp_path)
    write(store, tmp_path, GARDEN, "a")
    (page,) = tmp_path.glob("*.json")
    page.with_name("other.json").write_bytes(page.read_bytes())
    page.write_bytes(damage)

    assert found(store, GARDEN) is None


def test_a_page_written_by_an_earlier_version_is_still_found_and_replaced(tmp_path: Path) -> None:
    name = "103c89fe3b2130adddee0a9e"
    (tmp_path / f"{name}.bin").write_bytes(b"x" * 10)
    (tmp_path / f"{name}.json").write_text(
        '{"engine":"engine","place":{"folder":"/garden","manner":"lean"},"session":"session-1",'
        f'"file_name":"{name}.bin","tokens":5,"bytes":10,"is_here":true}}'
    )
    launch_key = LaunchKey("/garden", "lean")
    store = slot_store(tmp_path)
    old = store.best_for(launch_key, "session-1")
    write(store, tmp_path, launch_key, "session-1", 30)
    new = store.best_for(launch_key, "session-1")

    assert old is not None
    assert (old.file_name, old.tokens, old.bytes) == (f"{name}.bin", 5, 10)
    assert new is not None
    assert (new.file_name, new.bytes) == (f"{name}.bin", 30)
    assert len(list(tmp_path.iterdir())) == 2


def test_an_old_page_whose_file_was_over_the_limit_has_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(
        '{"engine":"engine","place":{"folder":"/garden","manner":""},"session":"session-1",'
        '"file_name":"a.bin","tokens":5,"bytes":2000,"is_here":false}'
    )
    store = slot_store(tmp_path)

    assert found(store, GARDEN) is None
    assert not store.has_room_for(tokens=5)


def test_files_and_folders_are_private(tmp_path: Path) -> None:
    store = slot_store(tmp_path / "states")
    assert store.has_room_for(1)
    write(store, tmp_path / "states", GARDEN, "a")

    assert stat.S_IMODE((tmp_path / "states").stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "states").iterdir()} == {0o600}


def test_removing_a_snapshot_removes_both_files(tmp_path: Path) -> None:
    store = slot_store(tmp_path)
    write(store, tmp_path, GARDEN, "a")
    snapshot = store.best_for(GARDEN, "a")
    assert snapshot is not None
    store.remove(snapshot)

    assert list(tmp_path.iterdir()) == []
