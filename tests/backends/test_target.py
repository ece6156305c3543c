"""One model server as a run uses it."""

import msgspec
import pytest
from tests.parts.gateway import target_at

from anyclaude.secret import Secret


@pytest.mark.parametrize(
    ("base_url", "address"),
    [
        ("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1"),
        ("http://127.0.0.1:8080/v1/", "http://127.0.0.1:8080/v1"),
        ("https://user:hunter2@example.org/api/v1", "https://example.org/api/v1"),
        ("https://user:p@ss@example.org", "https://example.org/v1"),
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1"),
        ("http://example.org/a@b/v1", "http://example.org/a@b/v1"),
    ],
)
def test_an_address_is_shown_without_the_credentials_in_it(base_url: str, address: str) -> None:
    target = target_at(base_url)

    assert target.address == address
    assert "hunter2" not in repr(target)


def test_a_target_with_a_key_does_not_show_it() -> None:
    target = msgspec.structs.replace(target_at("http://127.0.0.1/v1"), api_key=Secret("hunter2"))

    assert "hunter2" not in repr(target)
    assert "hunter2" not in f"{target}"


def test_the_key_wins_over_credentials_in_the_address() -> None:
    bare, with_credentials = target_at("http://127.0.0.1/v1"), target_at("http://user:p%40ss@127.0.0.1/v1")

    assert bare.authorization is None
    assert with_credentials.authorization == Secret("Basic dXNlcjpwQHNz")
    assert msgspec.structs.replace(with_credentials, api_key=Secret("k")).authorization == Secret("Bearer k")
