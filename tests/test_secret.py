"""Texts that must not be shown."""

import copy

from anyclaude.secret import Secret


def test_only_reveal_shows_a_secret() -> None:
    secret = Secret("hunter2")
    shown = [repr(secret), str(secret), f"{secret}", f"{[secret]}", repr(copy.copy(secret))]

    assert secret.reveal() == "hunter2"
    assert not any("hunter2" in text for text in shown)
