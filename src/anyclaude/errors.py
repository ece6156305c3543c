"""
Every failure anyclaude can report, and how each one looks to the client.

* AnyclaudeError
  - RequestError                  the client's request cannot be served as it is
    + InvalidRequest              400  it does not fit the Messages API
    + ThreadsUnsupported          400  it goes on with a conversation that the server should have kept
    + Unauthorized                401  the gateway's token is missing or wrong
    + Forbidden                   403  this host or origin may not talk to us
    + NotFound                    404  no such route
    + MethodNotAllowed            405  no such method on this route
    + RequestTimeout              408  the client took too long to send its request
    + RequestTooLarge             413  the body is over the limit
    + QueueFull                   429  more requests wait than we hold
  - BackendError                  the model server let us down
    + BackendUnreachable          503  no connection could be made, or it broke before the first byte
    + BackendUnavailable          529  its circuit is open; passes by itself
    + BackendTimeout              504  it stayed silent for too long
    + BackendRejected             its own status, with its own message
      - PromptTooLong             400  the prompt does not fit its window: found by us, where it is late or silent
    + BackendGarbled              502  its reply breaks its own protocol
    + BackendTruncated            502  its reply ended before it was finished
  - ShuttingDown                  529  the gateway is stopping
  - ProtocolMisuse                500  our own bug: an event the message grammar forbids
  - SetupError                    something on this machine keeps us from starting; ends the process with `exit_status`
    + InvalidSetting              a flag, variable or configuration key has a value we cannot use
    + PortTaken                   another process listens where we should
    + ClientUnavailable           Claude Code cannot be found or installed
    + DownloadFailed              a file could not be fetched, or is not the one we asked for
    + EngineFailed                the embedded engine did not start, or died

Each text says what happened, to what, and what to do about it.  No text may carry a secret.
"""

from collections.abc import Mapping
from typing import ClassVar

TRANSIENT_STATUSES = frozenset({408, 429, 502, 503, 504, 529})
"""Statuses by which a server says "not now".  500 is not among them: llama.cpp answers it for what fails every time,
such as a template that does not render."""


class AnyclaudeError(Exception):
    """Base class: knows its HTTP status, its Anthropic error type, and whether trying again can help."""

    status: int = 500
    kind: str = "api_error"
    retry_after_seconds: float | None = None
    is_transient: bool = False
    details: ClassVar[Mapping[str, str] | None] = None


class RequestError(AnyclaudeError):
    """Base class for everything that is wrong with the request itself."""

    status = 400
    kind = "invalid_request_error"


class InvalidRequest(RequestError):
    """The request does not fit the Messages API."""


class ThreadsUnsupported(RequestError):
    """
    The request goes on with a conversation that the server should have kept, and we keep none.

    Ignoring that would lose the conversation; on these details the official SDK sends the whole of it.
    """

    details: ClassVar[Mapping[str, str]] = {"error_code": "thread_unsupported_request"}


class Unauthorized(RequestError):
    """The gateway's token is missing or wrong."""

    status = 401
    kind = "authentication_error"


class Forbidden(RequestError):
    """This host or origin may not talk to the gateway."""

    status = 403
    kind = "permission_error"


class NotFound(RequestError):
    """No such route."""

    status = 404
    kind = "not_found_error"


class MethodNotAllowed(RequestError):
    """No such method on this route."""

    status = 405


class RequestTimeout(RequestError):
    """The client took too long to send its request."""

    status = 408
    kind = "timeout_error"


class RequestTooLarge(RequestError):
    """The body is over the limit."""

    status = 413
    kind = "request_too_large"


class QueueFull(RequestError):
    """More requests wait than the gateway holds."""

    status = 429
    kind = "rate_limit_error"
    is_transient = True

    def __init__(self, message: str, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class BackendError(AnyclaudeError):
    """Base class for everything the model server did wrong."""

    status = 502


class BackendUnreachable(BackendError):
    """No connection could be made, or it broke before the first byte of the reply."""

    status = 503
    is_transient = True


class BackendUnavailable(BackendError):
    """The backend's circuit is open, so nothing is sent to it for now."""

    status = 529
    kind = "overloaded_error"
    is_transient = True

    def __init__(self, message: str, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class BackendTimeout(BackendError):
    """The backend stayed silent for too long."""

    status = 504
    kind = "timeout_error"


class BackendRejected(BackendError):
    """The backend answered with an error of its own; status, type and message are its own too."""

    def __init__(self, message: str, status: int, kind: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.retry_after_seconds = retry_after_seconds
        self.is_transient = status in TRANSIENT_STATUSES


class PromptTooLong(BackendRejected):
    """
    A prompt has more tokens than the model's window; found by us, where the server would have been late or silent.

    Claude Code shortens its conversation on these words alone, and only where they come with status 400.
    """

    status = 400
    kind = "invalid_request_error"

    def __init__(self, tokens: int, limit: int, why: str) -> None:
        super().__init__(f"prompt is too long: {tokens} tokens > {limit} maximum ({why})", self.status, self.kind)


class BackendGarbled(BackendError):
    """The backend's reply breaks its own protocol."""


class BackendTruncated(BackendError):
    """The backend's reply ended before the backend had finished it."""


class ShuttingDown(AnyclaudeError):
    """The gateway is stopping and takes no new requests."""

    status = 529
    kind = "overloaded_error"
    is_transient = True


class ProtocolMisuse(AnyclaudeError):
    """An event was offered that the message grammar forbids: our bug."""


class SetupError(AnyclaudeError):
    """Something on this machine keeps anyclaude from starting; the process ends with `exit_status`."""

    exit_status: ClassVar[int] = 1


class InvalidSetting(SetupError):
    """A flag, variable or configuration key has a value that cannot be used."""

    exit_status = 2


class PortTaken(SetupError):
    """Another process listens where the gateway should."""


class ClientUnavailable(SetupError):
    """Claude Code cannot be found or installed."""

    exit_status = 127


class DownloadFailed(SetupError):
    """A file could not be fetched, or is not the one that was asked for."""


class EngineFailed(SetupError):
    """The embedded engine did not start, or died."""
