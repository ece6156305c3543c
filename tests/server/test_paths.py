"""The paths that clients ask for, as they wrote them, and in the form that the routes have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.errors import InvalidRequest
from anyclaude.server.paths import canonical_path, requested_target


@pytest.mark.parametrize(
    ("path", "canonical"),
    [
        ("/v1/messages", "/v1/messages"),
        ("/v1/v1/messages", "/v1/messages"),
        ("/v1/v1/v1/messages/count_tokens", "/v1/messages/count_tokens"),
        ("/messages", "/v1/messages"),
        ("/models/org/model:tag", "/v1/models/org/model:tag"),
        ("//v1//models/", "/v1/models"),
        ("/messagesX", "/messagesX"),
        ("/v1", "/v1"),
        ("/health/", "/health"),
        ("/", "/"),
        ("", "/"),
    ],
)
def test_the_version_is_there_once_and_slashes_are_single(path: str, canonical: str) -> None:
    assert canonical_path(path) == canonical


@given(st.lists(st.sampled_from(["/", "/v1", "/messages", "/models", "x"])).map("".join))
def test_a_canonical_path_stays_as_it_is(path: str) -> None:
    assert canonical_path(canonical_path(path)) == canonical_path(path)


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/v1/messages?a=%2F&b", "/v1/messages?a=%2F&b"),
        ("//evil.example/../x%00", "//evil.example/../x%00"),
        ("http://localhost/v1?x", "/v1?x"),
        ("http://LOCALHOST:1/v1", "/v1"),
    ],
)
def test_a_target_is_a_path_or_an_address_of_the_gateway(target: str, path: str) -> None:
    assert requested_target(target, "localhost") == path


@pytest.mark.parametrize(
    "target",
    [
        "*",
        "",
        "localhost:1",
        "https://localhost/",
        "http://evil.example/",
        "http://x@localhost/",
        "http://localhost.evil/",
    ],
)
def test_another_target_is_refused(target: str) -> None:
    with pytest.raises(InvalidRequest, match="should be a path"):
        requested_target(target, "localhost")
