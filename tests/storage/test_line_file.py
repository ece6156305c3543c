"""Append-only files: shared by processes, bounded, and readable after a crash."""

import errno
import os
import resource
import stat
import subprocess
import sys
import tracemalloc
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Struct

from anyclaude.storage import LineFile, line_file

WRITERS, LINES = 4, 200

WRITER = """\
import pathlib, sys
from anyclaude.storage import LineFile
path, writer, lines, max_bytes = sys.argv[1:]
file = LineFile(pathlib.Path(path), dict[str, int | str], int(max_bytes) or None)
sys.stdin.read()  # all writers start when the test closes their pipes
for number in range(int(lines)):
    file.append({"writer": int(writer), "number": number, "filler": writer * (number * 37 % 20_000)})
"""


class Entry(Struct, frozen=True):
    writer: int
    number: int
    filler: str = ""


TEXTS = st.lists(st.text(max_size=40), max_size=30)


def entries(*texts: str) -> list[Entry]:
    return [Entry(0, number, text) for number, text in enumerate(texts)]


def entry_file(path: Path, max_bytes: int | None = None) -> LineFile[Entry]:
    return LineFile(path, Entry, max_bytes)


def write_from_several_processes(path: Path, max_bytes: int = 0) -> None:
    arguments = [(str(path), str(writer), str(LINES), str(max_bytes)) for writer in range(WRITERS)]
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, *words], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        for words in arguments
    ]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.close()
    for writer in writers:
        assert writer.stderr is not None
        with writer.stderr:
            errors = writer.stderr.read()
        assert (writer.wait(), errors) == (0, b"")


@given(texts=TEXTS)
def test_appended_values_are_read_in_both_orders(texts: list[str]) -> None:
    values = entries(*texts)
    with TemporaryDirectory() as folder:
        file = entry_file(Path(folder) / "lines")
        for value in values[: len(values) // 2]:
            file.append(value)
        file.append(*values[len(values) // 2 :])

        assert list(file.read()) == values
        assert list(file.read_newest_first()) == values[::-1]


def test_lines_of_several_processes_never_mix(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    write_from_several_processes(path)

    found = list(entry_file(path).read())
    assert len(found) == WRITERS * LINES
    for writer in range(WRITERS):
        assert [entry.number for entry in found if entry.writer == writer] == list(range(LINES))


def test_several_processes_share_a_bounded_file(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    write_from_several_processes(path, max_bytes=100_000)

    entry_file(path, max_bytes=100_000).append(Entry(WRITERS, 0))

    found = list(entry_file(path).read())
    # Between two lines may be an empty one, where the end of the file was looked at while another process wrote it.
    assert len(found) == len(list(filter(None, path.read_bytes().splitlines())))
    assert found[-1] == Entry(WRITERS, 0)
    assert path.stat().st_size <= 100_000
    assert [file.name for file in tmp_path.iterdir()] == ["lines"]


@given(texts=TEXTS, cut=st.integers(0, 200))
@example(texts=["x"], cut=1)
def test_an_incomplete_line_costs_only_itself(texts: list[str], cut: int) -> None:
    values = entries(*texts, "the last of a run that was killed")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "lines"
        file = entry_file(path)
        file.append(*values)
        written = path.read_bytes()
        last_line = written.splitlines(keepends=True)[-1]
        path.write_bytes(written[: len(written) - 1 - cut % len(last_line)])
        file.append(Entry(1, 0))

        found = list(file.read())
    complete = cut % len(last_line) == 0  # only the newline is missing
    assert found == [*(values if complete else values[:-1]), Entry(1, 0)]


DEEP = b'{"writer":0,"number":0,"other":' + b"[" * 100_000


@pytest.mark.parametrize(
    "line",
    [b"", b"[]", b"\xff\xfe", b'{"writer": "another release"}', b'{"writer":1e400,"number":0}', b"\x00" * 5_000, DEEP],
)
def test_unreadable_lines_are_skipped(tmp_path: Path, line: bytes) -> None:
    file = entry_file(tmp_path / "lines")
    file.append(Entry(0, 0))
    with (tmp_path / "lines").open("ab") as raw:
        raw.write(line + b"\n")
    file.append(Entry(0, 1))

    assert list(file.read()) == [Entry(0, 0), Entry(0, 1)]
    assert list(file.read_newest_first()) == [Entry(0, 1), Entry(0, 0)]


@pytest.mark.parametrize("end", [b'{"writer":0,"numb', b"\x00" * 5_000, b"\xff" * 5_000, DEEP])
def test_a_damaged_end_costs_only_itself_and_the_next_line_is_a_new_one(tmp_path: Path, end: bytes) -> None:
    file = entry_file(tmp_path / "lines")
    file.append(Entry(0, 0))
    with (tmp_path / "lines").open("ab") as raw:
        raw.write(end)
    file.append(Entry(0, 1))

    assert list(file.read()) == [Entry(0, 0), Entry(0, 1)]
    assert list(file.read_newest_first()) == [Entry(0, 1), Entry(0, 0)]


@given(
    lengths=st.lists(st.integers(0, 60), max_size=20),
    limits=st.tuples(st.integers(30, 60), st.integers(1, 30)),
    is_cut=st.booleans(),
)
def test_lines_beyond_the_limit_are_skipped_in_both_orders(
    lengths: list[int], limits: tuple[int, int], is_cut: bool
) -> None:
    lines = [b'{"writer":0,"number":%d}' % number + b" " * length for number, length in enumerate(lengths)]
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(line_file, "MAX_LINE_BYTES", limits[0])
        patch.setattr(line_file, "BLOCK_BYTES", limits[1])
        (Path(folder) / "lines").write_bytes(b"\n".join(lines) + (b"" if is_cut else b"\n"))
        file = entry_file(Path(folder) / "lines")
        found, backwards = list(file.read()), list(file.read_newest_first())

    short = [Entry(0, number) for number, line in enumerate(lines) if len(line) < limits[0]]
    assert found == short
    assert backwards == short[::-1]


@pytest.mark.slow  # half a gigabyte is read
@pytest.mark.parametrize("max_bytes", [None, 1_000])
def test_a_line_of_half_a_gigabyte_is_never_in_memory(tmp_path: Path, max_bytes: int | None) -> None:
    file = entry_file(tmp_path / "lines", max_bytes)
    file.append(Entry(0, 0))
    os.truncate(tmp_path / "lines", 500_000_000)  # sparse, as after a power loss
    tracemalloc.start()
    try:
        file.append(Entry(0, 1))
        both = list(file.read()), list(file.read_newest_first())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    kept = [Entry(0, 1)] if max_bytes else [Entry(0, 0), Entry(0, 1)]
    assert both == (kept, kept[::-1])
    assert peak < 4 * line_file.MAX_LINE_BYTES


@given(texts=TEXTS, max_bytes=st.integers(1, 600))
def test_a_bounded_file_keeps_its_newest_lines(texts: list[str], max_bytes: int) -> None:
    values = entries(*texts)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "lines"
        for count, value in enumerate(values, start=1):
            before = path.stat().st_size if path.exists() else 0
            entry_file(path, max_bytes).append(value)
            lines = path.read_bytes().splitlines(keepends=True)
            found = list(entry_file(path).read())

            assert found == values[count - len(found) : count]
            assert sum(map(len, lines)) <= max(max_bytes, len(lines[-1]))
            if before + len(lines[-1]) <= max_bytes:
                assert sum(map(len, lines)) == before + len(lines[-1])


def test_a_file_is_cut_to_as_many_lines_as_fit_in_half_of_its_bound(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    entry_file(path).append(*entries(*"abcdefgh"))
    line = len(path.read_bytes()) // 8
    entry_file(path, max_bytes=8 * line).append(Entry(0, 8, "i"))

    assert [entry.filler for entry in entry_file(path).read()] == ["f", "g", "h", "i"]


def test_a_line_that_is_longer_than_the_bound_is_kept_until_the_next_one(tmp_path: Path) -> None:
    file = entry_file(tmp_path / "lines", max_bytes=100)
    file.append(Entry(0, 0))
    file.append(Entry(0, 1, "x" * 1_000))
    assert [entry.number for entry in file.read()] == [1]

    file.append(Entry(0, 2))
    assert [entry.number for entry in file.read()] == [2]


def test_a_file_that_was_replaced_gets_the_next_line(tmp_path: Path) -> None:
    file = entry_file(tmp_path / "lines")
    file.append(Entry(0, 0))
    (tmp_path / "lines").unlink()
    file.append(Entry(0, 1))

    assert list(file.read()) == [Entry(0, 1)]


def test_the_file_is_private_also_after_it_was_cut(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "lines"
    modes: set[int] = set()
    for number in range(10):
        entry_file(path, max_bytes=100).append(Entry(0, number))
        modes.add(stat.S_IMODE(path.stat().st_mode))

    assert modes == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_missing_file_has_no_lines(tmp_path: Path) -> None:
    assert list(entry_file(tmp_path / "missing").read()) == []
    assert list(entry_file(tmp_path / "missing" / "lines").read_newest_first()) == []


def test_a_line_that_the_disk_takes_in_part_is_an_error_and_costs_only_itself(tmp_path: Path) -> None:
    file = entry_file(tmp_path / "lines")
    file.append(Entry(0, 0))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            file.append(Entry(0, 1, "x" * 1_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    file.append(Entry(0, 2))

    assert [entry.number for entry in file.read()] == [0, 2]


def test_a_file_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        entry_file(tmp_path / "file" / "lines").append(Entry(0, 0))
