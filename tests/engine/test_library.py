"""The engine is an optional part."""

import sys
from pathlib import Path

import pytest
from tests.parts.command import Command
from tests.parts.fake_client import write_fake_client
from tests.parts.odd_places import Start, outcome
from tests.parts.stub_server import StubServer

from anyclaude.engine.library import require_library
from anyclaude.errors import EngineFailed

WITHOUT_THE_ENGINE = """\
import sys
sys.modules["xllamacpp"] = None
from anyclaude.cli import main
main()
"""


def test_an_installed_library_is_enough() -> None:
    require_library()


def test_a_library_that_is_missing_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)

    with pytest.raises(EngineFailed, match=r"pip install 'anyclaude\[embedded\]'"):
        require_library()


async def test_a_launch_on_the_engine_ends_before_anything_is_downloaded(tmp_path: Path) -> None:
    write_fake_client(tmp_path)
    command = Command(tmp_path, StubServer("http://127.0.0.1:9"))
    python = (sys.executable, "-c", WITHOUT_THE_ENGINE)
    start = Start(("--mode", "embedded", "-p", "hi"), environment={"ANYCLAUDE_BACKEND_URL": None})

    ended = await outcome(command, python, start)

    assert (ended.status, ended.out) == (1, "")
    assert "Downloading" not in ended.err
    assert "pip install 'anyclaude[embedded]'" in ended.said[-1]
