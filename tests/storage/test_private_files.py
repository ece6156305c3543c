"""Files that only their owner can read."""

import os
import re
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.storage import (
    check_writable,
    make_own_folder,
    make_private_folder,
    open_private_append,
    read_private,
    remove_unfinished,
    temporary_folder,
    write_private,
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@given(mask=st.integers(0, 0o77))
def test_files_and_folders_are_private_under_any_umask(mask: int) -> None:
    with TemporaryDirectory() as folder, umask(mask):
        root = Path(folder)
        os.close(open_private_append(root / "a" / "b" / "appended"))
        write_private(root / "c" / "d" / "written", b"x")
        make_private_folder(root / "e" / "f")

        found = {path.relative_to(root).as_posix(): mode(path) for path in root.rglob("*")}
    folders = dict.fromkeys(("a", "a/b", "c", "c/d", "e", "e/f"), 0o700)
    assert found == folders | {"a/b/appended": 0o600, "c/d/written": 0o600}


def test_an_appended_file_grows(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    for line in (b"one\n", b"two\n"):
        descriptor = open_private_append(path)
        os.write(descriptor, line)
        os.close(descriptor)

    assert path.read_bytes() == b"one\ntwo\n"
    assert [mode(step) for step in (path, path.parent, path.parent.parent)] == [0o600, 0o700, 0o700]


def test_existing_folders_keep_their_mode_and_files_become_private(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o755)
    (folder / "old").touch()
    (folder / "old").chmod(0o640)
    for name in ("old", "new"):
        os.close(open_private_append(folder / name))
    make_private_folder(folder)

    assert [mode(path) for path in (folder, folder / "old", folder / "new")] == [0o755, 0o600, 0o600]


def test_a_file_that_cannot_be_created_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(OSError, match="file"):
        open_private_append(tmp_path / "file" / "other")


def test_a_written_file_replaces_the_previous_one(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    for content in (b"one", b"two"):
        write_private(path, content)

    assert path.read_bytes() == b"two"
    assert [mode(step) for step in (path, path.parent)] == [0o600, 0o700]
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_cannot_be_replaced_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(OSError, match="file"):
        write_private(tmp_path / "file", b"one")

    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_folder_that_can_be_written_is_made_and_left_empty(tmp_path: Path) -> None:
    check_writable(tmp_path / "new" / "folder")

    assert list((tmp_path / "new" / "folder").iterdir()) == []
    assert mode(tmp_path / "new") == 0o700


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_folder_that_cannot_be_written_is_an_os_error(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(OSError, match="file"):
        check_writable(tmp_path / place)


def test_a_full_disk_is_an_os_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no device that is always full")
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda dir: full.open("wb"))

    with pytest.raises(OSError, match="No space left"):
        check_writable(tmp_path)


def test_temporary_files_are_never_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    with pytest.raises(FileNotFoundError):
        temporary_folder()
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert temporary_folder() == tmp_path


def in_place_of_a_file(folder: Path, kind: str) -> Path:
    """Return a path at which something else than a file of ours lies."""
    path, other = folder / kind, folder / "of-the-user"
    other.write_text("theirs")
    match kind:
        case "link":
            path.symlink_to(other)
        case "link to nothing":
            path.symlink_to(folder / "made-by-following")
        case "pipe":
            os.mkfifo(path)
        case "device":
            path.symlink_to("/dev/zero")
        case _:
            path.mkdir()
    return path


@pytest.mark.parametrize("kind", ["link", "link to nothing", "pipe", "device", "folder"])
def test_what_is_no_file_is_neither_followed_nor_waited_for(tmp_path: Path, kind: str) -> None:
    path = in_place_of_a_file(tmp_path, kind)

    with pytest.raises(OSError, match=re.escape(str(path))):
        open_private_append(path)
    with pytest.raises(OSError, match=re.escape(str(path))):
        read_private(path)
    assert (tmp_path / "of-the-user").read_text() == "theirs"
    assert not (tmp_path / "made-by-following").exists()


@pytest.mark.parametrize("kind", ["link", "link to nothing", "pipe"])
def test_what_is_no_file_is_replaced_by_one(tmp_path: Path, kind: str) -> None:
    path = in_place_of_a_file(tmp_path, kind)

    write_private(path, b"ours")

    assert (path.is_symlink(), read_private(path), mode(path)) == (False, b"ours", 0o600)
    assert (tmp_path / "of-the-user").read_text() == "theirs"


def test_a_file_with_a_second_name_is_closed_to_others_under_both(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").touch(0o644)
    os.link(tmp_path / "elsewhere", tmp_path / "log")

    os.close(open_private_append(tmp_path / "log"))

    assert mode(tmp_path / "elsewhere") == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away, or become another user")
def test_a_file_of_another_user_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "log").touch(0o666)
    monkeypatch.setattr(os, "geteuid", lambda: 12_345)

    with pytest.raises(PermissionError, match="belongs to another user"):
        open_private_append(tmp_path / "log")


def test_our_own_folder_is_closed_to_others_and_those_above_keep_their_modes(tmp_path: Path) -> None:
    folder = tmp_path / "shared" / "ours"
    folder.mkdir(parents=True)
    for step in (folder, folder.parent):
        step.chmod(0o755)

    make_own_folder(folder)
    make_own_folder(folder / "new")

    assert [mode(step) for step in (folder.parent, folder, folder / "new")] == [0o755, 0o700, 0o700]


def test_a_link_in_place_of_our_own_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "public").mkdir(0o755)
    (tmp_path / "ours").symlink_to(tmp_path / "public")

    with pytest.raises(OSError, match="not followed"):
        make_own_folder(tmp_path / "ours")
    assert mode(tmp_path / "public") == 0o755


def test_unfinished_files_are_removed_once_their_writers_must_be_gone(tmp_path: Path) -> None:
    for name, age in ((".unfinished-old", 3_700), (".unfinished-new", 3_500), ("kept", 10_000)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    (tmp_path / ".unfinished-folder").mkdir()
    os.utime(tmp_path / ".unfinished-folder", (0, 0))
    remove_unfinished(tmp_path)
    remove_unfinished(tmp_path / "missing")
    remove_unfinished(tmp_path / "kept")

    assert {path.name for path in tmp_path.iterdir()} == {".unfinished-new", ".unfinished-folder", "kept"}


def test_a_killed_write_leaves_a_file_that_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        write_private(tmp_path / "file", b"x")
    (left,) = tmp_path.iterdir()
    os.utime(left, (0, 0))
    remove_unfinished(tmp_path)

    assert list(tmp_path.iterdir()) == []
