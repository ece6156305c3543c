"""The tree of errors is drawn as it is, and each error says what the client needs to act rightly."""

import re
from collections.abc import Iterator

import pytest

from anyclaude import errors
from anyclaude.errors import (
    TRANSIENT_STATUSES,
    AnyclaudeError,
    BackendRejected,
    BackendUnavailable,
    QueueFull,
    SetupError,
)

DRAWN_LINE = re.compile(r"^(?P<indent> *)[*+-] (?P<name>\w+) *(?P<status>\d{3})?", re.MULTILINE)
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


def drawn() -> dict[str, tuple[str | None, int | None]]:
    """Return each error of the drawing, with the one it hangs from and its status."""
    tree: dict[str, tuple[str | None, int | None]] = {}
    above: list[str] = []
    for line in DRAWN_LINE.finditer(errors.__doc__ or ""):
        depth = len(line["indent"]) // 2
        del above[depth:]
        tree[line["name"]] = (above[-1] if above else None, int(line["status"]) if line["status"] else None)
        above.append(line["name"])
    return tree


def below(kind: type[AnyclaudeError]) -> Iterator[type[AnyclaudeError]]:
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield child
            yield from below(child)


EVERY_ERROR: list[type[AnyclaudeError]] = [AnyclaudeError, *below(AnyclaudeError)]
ANSWERED = [kind for kind in EVERY_ERROR if not issubclass(kind, SetupError)]


def test_the_drawing_shows_every_error_under_its_base() -> None:
    hung = {kind.__name__: kind.__bases__[0].__name__ if kind is not AnyclaudeError else None for kind in EVERY_ERROR}

    assert {name: base for name, (base, _) in drawn().items()} == hung


@pytest.mark.parametrize(("name", "status"), [(name, status) for name, (_, status) in drawn().items() if status])
def test_a_drawn_status_is_the_real_one(name: str, status: int) -> None:
    assert getattr(errors, name).status == status


def test_every_error_a_client_can_be_answered_with_has_its_status_drawn() -> None:
    leaves = {kind.__name__ for kind in ANSWERED if not kind.__subclasses__()} - {BackendRejected.__name__}

    assert leaves == {name for name, (_, status) in drawn().items() if status}


@pytest.mark.parametrize("kind", ANSWERED)
def test_an_error_has_a_type_the_api_knows(kind: type[AnyclaudeError]) -> None:
    assert kind.kind in ANTHROPIC_KINDS


@pytest.mark.parametrize("kind", ANSWERED)
def test_only_what_a_server_says_for_not_now_passes_by_itself(kind: type[AnyclaudeError]) -> None:
    assert not kind.is_transient or kind.status in TRANSIENT_STATUSES


@pytest.mark.parametrize("kind", ANSWERED)
def test_overloaded_is_said_only_of_what_passes_by_itself(kind: type[AnyclaudeError]) -> None:
    assert (kind.status == 529) == (kind.kind == "overloaded_error")
    assert kind.status != 529 or kind.is_transient


@pytest.mark.parametrize("kind", [QueueFull, BackendUnavailable])
def test_who_has_to_wait_is_told_for_how_long(kind: type[QueueFull] | type[BackendUnavailable]) -> None:
    error = kind("later", 2.5)

    assert (str(error), error.retry_after_seconds) == ("later", 2.5)


def test_a_backends_own_error_keeps_its_own_status_type_and_words() -> None:
    error = BackendRejected("prompt is too long: 9 tokens > 8 maximum", 400, "invalid_request_error")

    assert (error.status, error.kind) == (400, "invalid_request_error")
    assert str(error) == "prompt is too long: 9 tokens > 8 maximum"
    assert error.retry_after_seconds is None


@pytest.mark.parametrize("kind", list(below(SetupError)))
def test_what_keeps_us_from_starting_ends_the_process_with_a_status_that_is_not_zero(kind: type[SetupError]) -> None:
    assert 0 < kind.exit_status < 128
