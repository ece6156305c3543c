"""Errors in the Anthropic envelope."""

import json

import pytest

from anyclaude.errors import (
    AnyclaudeError,
    BackendRejected,
    BackendUnavailable,
    BackendUnreachable,
    InvalidRequest,
    QueueFull,
    ShuttingDown,
)
from anyclaude.server.responses import error_response


@pytest.mark.parametrize(
    ("error", "status", "kind", "should_retry", "retry_after"),
    [
        (InvalidRequest("no"), 400, "invalid_request_error", "false", None),
        (QueueFull("full", 4.2), 429, "rate_limit_error", "true", "5"),
        (BackendUnreachable("down"), 503, "api_error", "true", None),
        (BackendUnavailable("open", 15.0), 529, "overloaded_error", "true", "15"),
        (BackendRejected("bad", 418, "api_error"), 418, "api_error", "false", None),
        (BackendRejected("busy", 529, "overloaded_error", 0.0), 529, "overloaded_error", "true", "0"),
        (ShuttingDown("bye"), 529, "overloaded_error", "true", "1"),
        (AnyclaudeError("bug"), 500, "api_error", "false", None),
    ],
)
def test_an_error_has_its_type_message_and_retry_headers(
    error: AnyclaudeError, status: int, kind: str, should_retry: str, retry_after: str | None
) -> None:
    response = error_response(error, "req_1")

    assert isinstance(response.body, bytes)
    assert json.loads(response.body) == {
        "type": "error",
        "error": {"type": kind, "message": str(error)},
        "request_id": "req_1",
    }
    assert response.status == status
    assert response.content_type == "application/json"
    assert response.headers["request-id"] == "req_1"
    assert response.headers["x-should-retry"] == should_retry
    assert response.headers.get("retry-after") == retry_after
