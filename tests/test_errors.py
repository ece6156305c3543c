"""The documented tree of errors is the real one, and each error gives the client what it needs to react correctly."""

import re
from collections.abc import Iterator

import pytest

from anyclaude import errors
from anyclaude.errors import (
    TRANSIENT_STATUSES,
    AnyclaudeError,
    BackendRejected,
    BackendUnavailable,
    BadSample,
    QueueFull,
    SetupError,
)

DOCUMENTED_LINE = re.compile(r"^(?P<indent> *)[*+-] (?P<name>\w+) *(?P<status>\d{3})?", re.MULTILINE)
ANTHROPIC_KINDS = {
    "invalid_request_error",
    "authentication_error",
    "permission_error",
    "not_found_error",
    "request_too_large",
    "rate_limit_error",
    "api_error",
    "timeout_error",
    "overloaded_error",
}
"""The error types of the API (docs: Errors)."""


def documented() -> dict[str, tuple[str | None, int | None]]:
    """Return each documented error with its base class and its status."""
    tree: dict[str, tuple[str | None, int | None]] = {}
    above: list[str] = []
    for line in DOCUMENTED_LINE.finditer(errors.__doc__ or ""):
        depth = len(line["indent"]) // 2
        del above[depth:]
        tree[line["name"]] = (above[-1] if above else None, int(line["status"]) if line["status"] else None)
        above.append(line["name"])
    return tree


def subclasses_of(kind: type[AnyclaudeError]) -> Iterator[type[AnyclaudeError]]:
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield child
            yield from subclasses_of(child)


EVERY_ERROR: list[type[AnyclaudeError]] = [AnyclaudeError, *subclasses_of(AnyclaudeError)]
SENT_TO_CLIENTS = [kind for kind in EVERY_ERROR if not issubclass(kind, SetupError)]


def test_every_error_is_documented_under_its_base() -> None:
    actual = {kind.__name__: kind.__bases__[0].__name__ if kind is not AnyclaudeError else None for kind in EVERY_ERROR}

    assert {name: base for name, (base, _) in documented().items()} == actual


@pytest.mark.parametrize(("name", "status"), [(name, status) for name, (_, status) in documented().items() if status])
def test_a_documented_status_is_the_real_one(name: str, status: int) -> None:
    assert getattr(errors, name).status == status


def test_every_error_that_a_client_can_get_has_a_documented_status() -> None:
    leaves = {kind.__name__ for kind in SENT_TO_CLIENTS if not kind.__subclasses__()} - {BadSample.__name__}

    assert leaves == {name for name, (_, status) in documented().items() if status}


@pytest.mark.parametrize("kind", SENT_TO_CLIENTS)
def test_an_error_has_a_type_of_the_api(kind: type[AnyclaudeError]) -> None:
    assert kind.kind in ANTHROPIC_KINDS


@pytest.mark.parametrize("kind", SENT_TO_CLIENTS)
def test_a_transient_error_has_a_transient_status(kind: type[AnyclaudeError]) -> None:
    assert not kind.is_transient or kind.status in TRANSIENT_STATUSES


@pytest.mark.parametrize("kind", SENT_TO_CLIENTS)
def test_only_a_transient_error_is_an_overload(kind: type[AnyclaudeError]) -> None:
    assert (kind.status == 529) == (kind.kind == "overloaded_error")
    assert kind.status != 529 or kind.is_transient


@pytest.mark.parametrize("kind", [QueueFull, BackendUnavailable])
def test_an_error_that_limits_requests_has_its_retry_delay(kind: type[QueueFull] | type[BackendUnavailable]) -> None:
    error = kind("later", 2.5)

    assert (str(error), error.retry_after_seconds) == ("later", 2.5)


def test_a_rejection_keeps_the_backends_status_type_and_message() -> None:
    error = BackendRejected("prompt is too long: 9 tokens > 8 maximum", 400, "invalid_request_error")

    assert (error.status, error.kind) == (400, "invalid_request_error")
    assert str(error) == "prompt is too long: 9 tokens > 8 maximum"
    assert error.retry_after_seconds is None


@pytest.mark.parametrize("kind", list(subclasses_of(SetupError)))
def test_a_setup_error_ends_the_process_with_a_status_other_than_zero(kind: type[SetupError]) -> None:
    assert 0 < kind.exit_status < 128
