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
        ("https://user:p@ss@example.org", "https://example.org"),
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
