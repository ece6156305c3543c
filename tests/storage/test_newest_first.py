"""Files by age."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from anyclaude.storage import files_newest_first, remove_all_but_newest


def create_files(folder: Path, times: list[int], suffix: str = ".json") -> list[Path]:
    """Create a file for each time of change, in seconds."""
    files = [folder / f"{number}{suffix}" for number in range(len(times))]
    for file, time in zip(files, times, strict=True):
        file.touch()
        os.utime(file, (time, time))
    return files


TIMES = st.lists(st.integers(1, 2_000_000_000), unique=True, max_size=8)


@given(times=TIMES, count=st.integers(0, 9))
def test_files_are_listed_by_age_and_the_oldest_removed(times: list[int], count: int) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        files = create_files(folder, times)
        newest = [file for _, file in sorted(zip(times, files, strict=True), reverse=True)]

        assert files_newest_first(folder, "*.json") == newest
        remove_all_but_newest(folder, "*.json", count)
        assert files_newest_first(folder, "*.json") == newest[:count]


def test_other_files_are_neither_listed_nor_removed(tmp_path: Path) -> None:
    create_files(tmp_path, [1, 2])
    other = create_files(tmp_path, [3], suffix=".log")
    remove_all_but_newest(tmp_path, "*.json", 0)

    assert list(tmp_path.iterdir()) == other


def test_a_file_that_vanishes_costs_only_itself(tmp_path: Path) -> None:
    files = create_files(tmp_path, [1, 2])
    (tmp_path / "dangling.json").symlink_to(tmp_path / "missing")

    assert files_newest_first(tmp_path, "*.json") == files[::-1]


def test_what_cannot_be_removed_is_left(tmp_path: Path) -> None:
    (tmp_path / "folder.json").mkdir()
    create_files(tmp_path, [1])
    remove_all_but_newest(tmp_path, "*.json", 0)

    assert [entry.name for entry in tmp_path.iterdir()] == ["folder.json"]


def test_a_folder_that_cannot_be_listed_has_no_files(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert files_newest_first(tmp_path / "missing", "*") == []
    assert files_newest_first(tmp_path / "file", "*") == []
