"""A folder for logs that cannot be written: everything else goes on, and it is said once."""

import asyncio
import json
import os
import shutil
import stat
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.parts.command import Command
from tests.parts.odd_places import REPLY, Start, address_of, outcome, posted, rights_can_be_dropped, started
from tests.parts.processes import LONG_SECONDS
from tests.parts.server_documents import VLLM
from tests.parts.stub_server import Answer, stub_server

from anyclaude.cli.log_folder import OWN_FOLDERS, usable_log_folder
from anyclaude.settings import Settings
from anyclaude.storage import check_writable

ANYCLAUDE = (sys.executable, "-m", "anyclaude")
NO_FILES = "ulimit -f 0"
"""As on a full disk, no file can be written (setrlimit(2), RLIMIT_FSIZE)."""


def file(folder: Path) -> Path:
    """Return a home that is a file."""
    (folder / "a-file").write_text("")
    return folder / "a-file"


def read_only(folder: Path) -> Path:
    """Return a home that cannot be written."""
    (folder / "read-only").mkdir(mode=0o555)
    return folder / "read-only"


def anothers(folder: Path) -> Path:
    """Return a home that can be neither read nor written."""
    (folder / "private").mkdir(mode=0o000)
    return folder / "private"


HOMES: list[Callable[[Path], Path]] = [file, read_only, anothers, lambda folder: Path("/proc")]


@pytest.fixture
async def answering(tmp_path: Path) -> AsyncIterator[Command]:
    """The command, with a server that answers every request alike."""
    async with stub_server({**VLLM, "/v1/chat/completions": Answer(200, REPLY, "text/event-stream")}) as server:
        yield Command(tmp_path, server)


@pytest.mark.skipif(not rights_can_be_dropped(), reason="root may write everywhere")
@pytest.mark.parametrize("words", [("--print-env",), ("-p", "exit-0")])
@pytest.mark.parametrize("home_in", HOMES)
async def test_a_home_that_cannot_be_written_is_said_once_with_its_setting(
    command: Command, home_in: Callable[[Path], Path], words: tuple[str, ...]
) -> None:
    home = home_in(command.home)

    ended = await outcome(command, ANYCLAUDE, Start(words, environment={"HOME": str(home)}))

    assert ended.status == 0
    assert len(ended.said) == 1
    assert str(home / ".anyclaude") in ended.err
    assert "ANYCLAUDE_LOG_DIR" in ended.err
    assert not temporary_folder_in(ended.err).exists()


def temporary_folder_in(sentence: str) -> Path:
    """Return the folder that is used instead, as the sentence names it."""
    return Path(sentence.partition(" kept in ")[2].partition(" until ")[0])


@pytest.mark.parametrize("words", [("--print-env",), ("-p", "exit-0")])
async def test_a_home_that_does_not_exist_is_made(command: Command, words: tuple[str, ...]) -> None:
    home = command.home / "not" / "yet"

    ended = await outcome(command, ANYCLAUDE, Start(words, environment={"HOME": str(home)}))

    assert (ended.status, ended.said) == (0, [])
    assert (home / ".anyclaude").is_dir()


async def test_a_launch_where_nothing_can_be_written_ends_with_what_to_set(command: Command) -> None:
    ended = await outcome(command, ANYCLAUDE, Start(("-p", "exit-0"), prelude=NO_FILES))

    assert (ended.status, ended.out) == (2, "")
    assert "TMPDIR" in ended.said[-1]
    assert "Traceback" not in ended.err


async def test_a_machine_on_which_nothing_can_be_written_is_said_once(command: Command) -> None:
    ended = await outcome(command, ANYCLAUDE, Start(("--print-env",), prelude=NO_FILES))

    assert ended.status == 0
    assert len(ended.said) == 1
    assert "are not kept" in ended.err
    assert "ANYCLAUDE_LOG_DIR" in ended.err


async def test_serve_answers_where_nothing_can_be_written_and_says_it_once(answering: Command) -> None:
    start = Start(("serve", "--port", "0"), prelude=NO_FILES)

    async with started(answering, ANYCLAUDE, start) as process:
        url = await address_of(process)
        answers = [await posted(url) for _ in range(2)]
        process.terminate()
        async with asyncio.timeout(LONG_SECONDS):
            _, err = await process.communicate()

    assert answers == [(200, "Hello")] * 2
    assert process.returncode == 0
    assert len(err.decode().splitlines()) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process that is running (prlimit)")
async def test_a_disk_that_fills_up_fails_no_request_and_is_said_once(answering: Command) -> None:
    import resource  # Linux has it

    async with started(answering, ANYCLAUDE, Start(("serve", "--port", "0"))) as process:
        url = await address_of(process)
        answers = [await posted(url)]
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, 0))
        answers += [await posted(url) for _ in range(3)]
        process.terminate()
        async with asyncio.timeout(LONG_SECONDS):
            _, err = await process.communicate()

    said = err.decode().splitlines()
    logged = [line for log in answering.home.glob(".anyclaude/request-logs/*") for line in log.read_text().splitlines()]
    assert answers == [(200, "Hello")] * 4
    assert process.returncode == 0
    assert len(said) == 1
    assert "request-logs: File too large" in said[0]
    assert [json.loads(line)["outcome"] for line in logged] == ["completed"]


def folders_for_files(home: Path) -> None:
    """Make a folder in the place of every file."""
    for name in ("spoken-calls.jsonl", "learned.jsonl", "logs/anyclaude.log", "prompts/findings.jsonl", *journals()):
        (home / name).mkdir(parents=True)


def rubbish(home: Path) -> None:
    """Fill every file with what a power loss and an intruder leave."""
    deep = b'{"id":"a","x":' + b"[" * 100_000
    for name in ("spoken-calls.jsonl", "learned.jsonl", "logs/anyclaude.log", "prompts/findings.jsonl", *journals()):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(b"\n".join([b"\xff" * 5_000, deep, b'{"half', bytes(5_000)]))
    for name in ("prompts/a.prompt", "first-prompts/a.json"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(deep)


def journals() -> list[str]:
    """Return today's file of the journal, and tomorrow's, because a test may run at midnight."""
    days = (datetime.now(UTC) + timedelta(days=number) for number in range(2))
    return [f"request-logs/{day:%Y-%m-%d}.jsonl" for day in days]


@pytest.mark.parametrize(("damage", "words"), [(folders_for_files, "Is a directory"), (rubbish, "")])
async def test_serve_answers_in_a_damaged_home_and_says_once_what_is_not_kept(
    answering: Command, damage: Callable[[Path], None], words: str
) -> None:
    damage(answering.home / ".anyclaude")

    async with started(answering, ANYCLAUDE, Start(("serve", "--port", "0"))) as process:
        url = await address_of(process)
        answers = [await posted(url) for _ in range(3)]
        process.terminate()
        async with asyncio.timeout(LONG_SECONDS):
            _, err = await process.communicate()
    explained = await outcome(answering, ANYCLAUDE, Start(("explain",)))

    said = err.decode().splitlines()
    assert answers == [(200, "Hello")] * 3
    assert process.returncode == 0
    assert len(said) == (1 if words else 0)
    assert words in "".join(said)
    assert "Traceback" not in explained.err
    assert (explained.status == 0) == (not words)


async def test_a_home_that_is_removed_meanwhile_is_made_again(answering: Command) -> None:
    home = answering.home / ".anyclaude"

    async with started(answering, ANYCLAUDE, Start(("serve", "--port", "0"))) as process:
        url = await address_of(process)
        answers = [await posted(url)]
        shutil.rmtree(home)
        answers += [await posted(url) for _ in range(2)]
        process.terminate()
        async with asyncio.timeout(LONG_SECONDS):
            _, err = await process.communicate()

    logged = [line for log in home.glob("request-logs/*") for line in log.read_text().splitlines()]
    assert answers == [(200, "Hello")] * 3
    assert (process.returncode, err) == (0, b"")
    assert len(logged) == 2


@pytest.mark.parametrize("name", ["", *OWN_FOLDERS])
def test_what_killed_writers_left_is_removed_at_the_start_and_what_others_write_stays(
    tmp_path: Path, name: str
) -> None:
    folder = tmp_path / name
    folder.mkdir(exist_ok=True)
    for file in (".unfinished-old", ".unfinished-new"):
        (folder / file).touch()
    os.utime(folder / ".unfinished-old", (0, 0))

    with usable_log_folder(Settings(log_dir=tmp_path), pytest.fail):
        assert [file.name for file in folder.glob(".unfinished-*")] == [".unfinished-new"]


def test_a_folder_that_can_be_written_is_used_without_a_word(tmp_path: Path) -> None:
    settings = Settings(log_dir=tmp_path / "logs")

    with usable_log_folder(settings, pytest.fail) as usable:
        assert usable == settings
    assert [entry for entry in (tmp_path / "logs").rglob("*") if entry.is_file()] == []


def test_one_part_of_it_that_cannot_be_written_is_enough_to_use_another(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("in the way")
    said: list[str] = []

    with usable_log_folder(Settings(log_dir=tmp_path), said.append) as usable:
        assert usable.log_dir != tmp_path
    assert len(said) == 1


def test_the_temporary_folder_is_private_and_removed_after_use(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said: list[str] = []

    with usable_log_folder(Settings(log_dir=tmp_path / "file" / "logs"), said.append) as usable:
        check_writable(usable.log_dir)
        mode = usable.log_dir.stat().st_mode & 0o777
        (usable.log_dir / "a log").write_text("")

    assert mode == 0o700
    assert not usable.log_dir.exists()
    assert len(said) == 1


def modes_in(folder: Path) -> dict[str, int]:
    """Return the modes of a folder and of the folders in it, by name."""
    return {step.name: stat.S_IMODE(step.stat().st_mode) for step in (folder, *folder.iterdir())}


@pytest.mark.parametrize(("name", "mode"), [(".anyclaude", 0o700), ("logs-of-mine", 0o755)])
def test_our_folders_are_closed_to_others_and_one_that_the_user_named_keeps_its_mode(
    tmp_path: Path, name: str, mode: int
) -> None:
    folder = tmp_path / name
    for step in (folder, *(folder / each for each in OWN_FOLDERS)):
        step.mkdir(mode=0o755)

    with usable_log_folder(Settings(log_dir=folder), print) as settings:
        assert settings.log_dir == folder

    assert modes_in(folder) == {name: mode, **dict.fromkeys(OWN_FOLDERS, 0o700)}


def test_a_home_behind_a_link_is_used(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(0o755)
    (tmp_path / ".anyclaude").symlink_to(tmp_path / "elsewhere")

    with usable_log_folder(Settings(log_dir=tmp_path / ".anyclaude"), print) as settings:
        assert settings.log_dir == tmp_path / ".anyclaude"


@pytest.mark.parametrize("name", OWN_FOLDERS)
def test_a_link_in_our_folder_is_not_followed(tmp_path: Path, name: str) -> None:
    public = tmp_path / "public"
    public.mkdir()
    (tmp_path / ".anyclaude").mkdir()
    (tmp_path / ".anyclaude" / name).symlink_to(public)
    said: list[str] = []

    with usable_log_folder(Settings(log_dir=tmp_path / ".anyclaude"), said.append) as settings:
        assert settings.log_dir != tmp_path / ".anyclaude"

    assert f"{name} cannot be written (a symbolic link, which is not followed)" in said[0]
    assert list(public.iterdir()) == []
