"""Whether a process is running."""

import os
import subprocess
import sys

import pytest

from anyclaude.storage import is_running


def test_a_process_runs_until_it_has_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()

    assert is_running(os.getpid())
    assert not is_running(process.pid)
    assert not is_running(10**30)


def test_a_process_of_another_user_is_running(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(pid: int, number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refused)

    assert is_running(1)


def test_on_windows_nothing_is_sent_to_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "name", "nt")
    monkeypatch.setattr(os, "kill", pytest.fail)

    assert is_running(1)
