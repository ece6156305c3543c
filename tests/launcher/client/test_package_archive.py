"""The archive of a package: the size of its program in advance, and the program alone out of it."""

import io
import tarfile
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.parts.npm_registry import archive_of

from anyclaude.launcher.client.package_archive import program_size, unpack_program

BESIDE = [("package/LICENSE.md", b"words" * 200), ("package/package.json", b"{}")]


@given(st.binary(max_size=2000), st.integers(0, 2))
def test_the_program_comes_out_as_it_was_and_its_size_is_known_before(content: bytes, place: int) -> None:
    members = [*BESIDE]
    members.insert(place, ("package/claude", content))
    packed = archive_of(*members)
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "archive.tgz"
        archive.write_bytes(packed)
        program = unpack_program(archive, Path(folder) / "claude")

        assert program.read_bytes() == content
        assert program.stat().st_mode & 0o777 == 0o700
    assert program_size(packed, "claude") == len(content)


@given(st.binary(max_size=300))
def test_the_size_of_what_is_no_archive_is_unknown(head: bytes) -> None:
    assert program_size(head, "claude") is None


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE])
def test_only_a_regular_file_is_a_program(tmp_path: Path, kind: bytes) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        member = tarfile.TarInfo("package/claude")
        member.type, member.linkname = kind, "/bin/sh"
        archive.addfile(member)
    (tmp_path / "archive.tgz").write_bytes(packed.getvalue())

    with pytest.raises(ValueError, match="no program"):
        unpack_program(tmp_path / "archive.tgz", tmp_path / "claude")

    assert not (tmp_path / "claude").exists()


@pytest.mark.parametrize("name", ["../claude", "/etc/claude", "package/../../claude", "a/b/claude", "package/claude2"])
def test_a_name_outside_the_packages_folder_counts_only_by_its_last_part(tmp_path: Path, name: str) -> None:
    place = tmp_path / "place"
    place.mkdir()
    (place / "archive.tgz").write_bytes(archive_of((name, b"program")))

    with suppress(ValueError):
        unpack_program(place / "archive.tgz", place / "claude")

    assert {path.name for path in tmp_path.rglob("*")} <= {"place", "archive.tgz", "claude"}
    assert not (tmp_path / "claude").exists()


def test_a_damaged_archive_is_a_value_error(tmp_path: Path) -> None:
    whole = archive_of(("package/claude", bytes(100_000)))
    for part in (b"", b"text", whole[:30], whole[:-20]):
        (tmp_path / "archive.tgz").write_bytes(part)
        (tmp_path / "claude").unlink(missing_ok=True)

        with pytest.raises(ValueError, match="damaged"):
            unpack_program(tmp_path / "archive.tgz", tmp_path / "claude")
