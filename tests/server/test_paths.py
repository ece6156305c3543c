"""The paths that clients ask for, in the form that the routes have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.server.paths import canonical_path


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
