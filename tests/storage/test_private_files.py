"""Files that only their owner may read."""

import os
import stat
from pathlib import Path

import pytest

from anyclaude.storage.private_files import open_for_appending, write_whole


def test_a_file_is_made_with_its_folders_and_grows(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    for line in (b"one\n", b"two\n"):
        descriptor = open_for_appending(path)
        os.write(descriptor, line)
        os.close(descriptor)

    assert path.read_bytes() == b"one\ntwo\n"
    assert [stat.S_IMODE(step.stat().st_mode) for step in (path, path.parent, path.parent.parent)] == [
        0o600,
        0o700,
        0o700,
    ]


def test_folders_that_exist_keep_their_mode(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir(mode=0o755)
    os.close(open_for_appending(folder / "file"))

    assert stat.S_IMODE(folder.stat().st_mode) == 0o755


def test_what_cannot_be_made_is_an_error_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(OSError, match="file"):
        open_for_appending(tmp_path / "file" / "other")


def test_a_file_that_is_written_whole_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    for content in (b"one", b"two"):
        write_whole(path, content)

    assert path.read_bytes() == b"two"
    assert [stat.S_IMODE(step.stat().st_mode) for step in (path, path.parent)] == [0o600, 0o700]
    assert list(path.parent.iterdir()) == [path]


def test_a_file_that_cannot_be_put_in_its_place_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(OSError, match="file"):
        write_whole(tmp_path / "file", b"one")

    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
