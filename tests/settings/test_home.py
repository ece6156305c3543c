"""Which folder is the user's home."""

import os
import pwd
from pathlib import Path

import pytest

from anyclaude.settings import NO_HOME, home_folder


def test_it_is_the_one_that_the_environment_names() -> None:
    assert home_folder({"HOME": "/somewhere"}) == Path("/somewhere")


@pytest.mark.parametrize("environment", [{}, {"HOME": ""}])
def test_it_is_the_one_of_the_user_database_otherwise(environment: dict[str, str]) -> None:
    assert home_folder(environment) == Path(pwd.getpwuid(os.getuid()).pw_dir)


def test_a_user_id_without_a_name_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(uid: int) -> pwd.struct_passwd:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", unknown)

    assert home_folder({}) == NO_HOME
