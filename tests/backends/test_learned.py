"""What refusals taught is kept by server, model and version, over restarts."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.parts.gateway import target_at

from anyclaude.backends import LearnedAmendments, LearnedFor
from anyclaude.profiles import EMBEDDED, Amendment, FieldRange

NO_STOP = Amendment("omitted_fields", "stop", "Unsupported parameter: 'stop'")
SHORTER = Amendment("field_ranges", FieldRange("max_tokens", 1, 8192), "the valid range of max_tokens is [1, 8192]")
HERE = LearnedFor("http://127.0.0.1:8000/v1", "m", "1.0")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "learned.jsonl"


def test_what_was_learned_is_there_after_a_restart(file: Path) -> None:
    LearnedAmendments(file).keep(HERE, [NO_STOP, SHORTER])

    assert LearnedAmendments(file).about(HERE) == (NO_STOP, SHORTER)


@pytest.mark.parametrize("field", ["server", "model", "version"])
def test_another_server_model_or_version_has_learned_nothing(field: str) -> None:
    learned = LearnedAmendments()
    learned.keep(HERE, [NO_STOP])

    assert learned.about(replace(HERE, **{field: "another"})) == ()


def test_the_same_change_is_kept_once_and_counts_as_the_last(file: Path) -> None:
    learned = LearnedAmendments(file)
    learned.keep(HERE, [NO_STOP, SHORTER])
    learned.keep(HERE, [replace(NO_STOP, because="in other words")])

    assert [amendment.value for amendment in learned.about(HERE)] == [SHORTER.value, "stop"]
    assert len(file.read_bytes().splitlines()) == 2


def test_everything_or_one_server_is_forgotten(file: Path) -> None:
    there = replace(HERE, server="http://127.0.0.1:9931/v1")
    learned = LearnedAmendments(file)
    learned.keep(HERE, [NO_STOP])
    learned.keep(there, [NO_STOP, SHORTER])

    assert learned.forget(there.server) == 2
    assert [one.about for one in LearnedAmendments(file).all()] == [HERE]
    assert learned.forget() == 1
    assert LearnedAmendments(file).all() == []
    assert learned.about(HERE) == ()


def test_a_file_that_cannot_be_written_costs_nothing_in_this_run(tmp_path: Path) -> None:
    folder = tmp_path / "learned.jsonl"
    folder.mkdir()
    learned = LearnedAmendments(folder)
    learned.keep(HERE, [NO_STOP])

    assert learned.about(HERE) == (NO_STOP,)


def test_the_file_is_private_and_holds_no_credentials(file: Path) -> None:
    target = target_at("http://user:secret@127.0.0.1:8000/v1")
    LearnedAmendments(file).keep(LearnedFor.of(target, "m"), [NO_STOP])

    assert file.stat().st_mode & 0o077 == 0
    assert b"secret" not in file.read_bytes()


def test_the_embedded_engine_is_the_same_server_on_every_port() -> None:
    one, other = (replace(target_at(f"http://127.0.0.1:{port}/v1"), profile=EMBEDDED) for port in (1, 2))

    assert LearnedFor.of(one, "m") == LearnedFor.of(other, "m")
