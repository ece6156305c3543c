"""A continued session gets the server of the last launch in its folder."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.parts.gateway import target_at

from anyclaude.launcher.last_server import MAX_BYTES, LastServer, LastServers
from anyclaude.secret import Secret

URL = "http://127.0.0.1:1/v1"
TARGET = target_at(URL, "ollama")
HERE = Path("/project")


def test_the_last_server_of_each_folder_is_remembered_in_a_private_file(tmp_path: Path) -> None:
    for folder, model in ((HERE, "a"), (Path("/other"), "b"), (HERE, "c")):
        LastServers(tmp_path).remember(folder, replace(TARGET, model=model))

    servers = LastServers(tmp_path)
    assert servers.of(HERE) == LastServer(str(HERE), URL, "ollama", "c")
    assert servers.of(Path("/other")) == LastServer("/other", URL, "ollama", "b")
    assert servers.of(Path("/third")) is None
    assert [file.stat().st_mode & 0o777 for file in tmp_path.iterdir()] == [0o600]


@pytest.mark.parametrize("flag", ["-c", "--continue", "-r", "--resume", "--resume=0"])
def test_it_is_for_continued_sessions_only(tmp_path: Path, flag: str) -> None:
    servers = LastServers(tmp_path)
    servers.remember(HERE, TARGET)

    assert servers.continued(("-p", flag), HERE) is not None
    assert servers.continued(("-p", "hello", "--", flag), HERE) is None


@pytest.mark.parametrize(
    "later",
    [
        None,
        target_at(URL, "embedded"),
        target_at("http://me:word@127.0.0.1:1/v1"),
        target_at("http://127.0.0.1:1/v1?key=word"),
    ],
)
def test_a_launch_whose_server_cannot_be_kept_forgets_the_one_before(tmp_path: Path, later: object) -> None:
    servers = LastServers(tmp_path)
    servers.remember(HERE, TARGET)
    servers.remember(HERE, later)  # type: ignore[arg-type]

    assert servers.of(HERE) is None


def test_no_secret_is_kept(tmp_path: Path) -> None:
    servers = LastServers(tmp_path)
    servers.remember(HERE, replace(TARGET, api_key=Secret("word")))
    for url in ("http://me:word@127.0.0.1:1/v1", "http://127.0.0.1:1/v1?key=word"):
        servers.remember(HERE, target_at(url))

    assert [b"word" in file.read_bytes() for file in tmp_path.iterdir()] == [False]


def test_the_same_server_is_not_written_again_and_the_file_has_a_bound(tmp_path: Path) -> None:
    servers = LastServers(tmp_path)
    for _ in range(3):
        servers.remember(HERE, TARGET)
    (file,) = tmp_path.iterdir()
    lines = file.read_text().count("\n")
    for number in range(2_000):
        servers.remember(HERE, replace(TARGET, model=f"model-{number}"))

    assert lines == 1
    assert file.stat().st_size <= MAX_BYTES
    assert servers.of(HERE) == LastServer(str(HERE), URL, "ollama", "model-1999")


def test_a_kind_of_another_release_and_a_folder_that_cannot_be_written_cost_nothing(tmp_path: Path) -> None:
    (tmp_path / "last-servers.jsonl").write_text(
        '{"folder": "/project", "url": "http://a", "kind": "new", "model": ""}'
    )
    (tmp_path / "file").write_text("")

    LastServers(tmp_path / "file").remember(HERE, TARGET)

    assert LastServers(tmp_path).of(HERE) is None
    assert LastServers(tmp_path / "file").of(HERE) is None
