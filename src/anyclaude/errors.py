"""
Every failure that anyclaude can report, and the form in which the client gets it.

* AnyclaudeError
  - RequestError                  the client's request cannot be served as it is
    + InvalidRequest              400  it does not conform to the Messages API
    + ThreadsUnsupported          400  it continues a conversation that the server should have stored
    + Unauthorized                401  the gateway's token is missing or wrong
    + Forbidden                   403  this host or origin may not use the gateway
    + NotFound                    404  no such route
    + MethodNotAllowed            405  no such method on this route
    + RequestTimeout              408  the client took too long to send its request
    + ReaderStopped               408  the client no longer reads its reply, and others wait for the server
    + RequestTooLarge             413  the body is over the limit
    + CodingUnsupported           415  the body is compressed
    + ExpectationFailed           417  it expects something else than to be asked for its body
    + QueueFull                   429  the request queue is full
  - BackendError                  the model server failed
    + BackendUnreachable          503  no connection could be made, or it broke before the first byte
    + BackendUntrusted            424  its certificate is not trusted
    + BackendUnavailable          529  its circuit breaker is open; transient
    + BackendTimeout              504  it sent nothing for too long
    + BackendRejected             its own status, with its own message
      - BadSample                 its own status: it could not read what its model wrote
      - PromptTooLong             400  the prompt exceeds its window; detected here, where the server is late or silent
    + BackendGarbled              502  its reply violates its own protocol
    + BackendTruncated            502  its reply ended before it was finished
  - WebToolFailed                 502  a web search or a fetch failed; the model is told, in the protocol's own words
  - Unreadable                    422  a file that was attached cannot be read; the model is told
  - ConnectionsExhausted          529  this process can open no more connections
  - MemoryExhausted               529  other requests fill the gateway's memory budget
  - WorkersBusy                   529  too many requests wait to be prepared
  - ShuttingDown                  529  the gateway is stopping
  - ProtocolMisuse                500  a bug of the gateway: an event that the message grammar forbids
  - SetupError                    anyclaude cannot start on this machine; ends the process with `exit_status`
    + InvalidSetting              a flag, variable or configuration key has an unusable value
    + PlaceUnusable               a folder that is needed is missing, or cannot be written
    + ServerUnusable              the chosen model server does not answer, or not as one
    + PortTaken                   another process listens on the gateway's port
    + ClientUnavailable           Claude Code cannot be found or installed
    + ClientOverruled             an administrator's settings keep Claude Code from the gateway
    + DownloadFailed              a file could not be fetched, or is not the requested one
    + EngineFailed                the embedded engine did not start, or died

Each text says what happened, to what, and what to do about it.  No text contains a secret, or control characters, not
even where it repeats the words of a server: `AnyclaudeError` takes them out.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Literal, TypeAlias

from .shown_text import shown

TRANSIENT_STATUSES = frozenset({408, 429, 502, 503, 504, 529})
"""Statuses that mean "not now".  500 is not among them: llama.cpp answers it for failures that repeat every time, such
as a template that does not render."""


class AnyclaudeError(Exception):
    """
    Base class of all errors: an HTTP status, an Anthropic error type, and whether a retry can help.

    `kind` is the error type of the API (docs: Errors), `details` a field of its error objects, `headers` what its
    response has besides.
    """

    status: int = 500
    kind: str = "api_error"
    retry_after_seconds: float | None = None
    is_transient: bool = False
    details: ClassVar[Mapping[str, str] | None] = None
    headers: ClassVar[Mapping[str, str]] = MappingProxyType({})

    def __init__(self, message: str = "") -> None:
        super().__init__(shown(message))


def forget_frames(error: BaseException) -> None:
    """
    Drop the tracebacks of an error that was handled, and of those that led to it.

    Their frames hold the whole request, and the log that holds the error: a cycle, which would keep tens of megabytes
    until the next collection.
    """
    left: list[BaseException | None] = [error]
    while left:
        if (one := left.pop()) is not None and one.__traceback__ is not None:
            one.__traceback__ = None
            left += (one.__cause__, one.__context__)


class RequestError(AnyclaudeError):
    """Base class of errors in the request itself."""

    status = 400
    kind = "invalid_request_error"


class InvalidRequest(RequestError):
    """The request does not conform to the Messages API."""


class ThreadsUnsupported(RequestError):
    """
    The request continues a conversation that the server should have stored; the gateway stores none.

    Ignoring that would lose the conversation.  On these details the official SDK sends the whole of it.
    """

    details: ClassVar[Mapping[str, str]] = {"error_code": "thread_unsupported_request"}


class Unauthorized(RequestError):
    """The gateway's token is missing or wrong."""

    status = 401
    kind = "authentication_error"


class Forbidden(RequestError):
    """This host or origin may not use the gateway."""

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


class ReaderStopped(RequestError):
    """The client no longer reads its reply, while others wait for the server; recorded, and answered by a reset."""

    status = 408
    kind = "timeout_error"


class RequestTooLarge(RequestError):
    """The body is over the limit."""

    status = 413
    kind = "request_too_large"


class CodingUnsupported(RequestError):
    """
    The body is compressed, which no client of the Messages API does.

    A few megabytes could become gigabytes, and the body's limit is one for what is decoded.
    """

    status = 415
    headers: ClassVar[Mapping[str, str]] = MappingProxyType({"Accept-Encoding": "identity"})  # RFC 9110 §15.5.16


class ExpectationFailed(RequestError):
    """The request expects something else than to be asked for its body."""

    status = 417


class QueueFull(RequestError):
    """The request queue is full."""

    status = 429
    kind = "rate_limit_error"
    is_transient = True

    def __init__(self, message: str, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class BackendError(AnyclaudeError):
    """Base class of failures of the model server."""

    status = 502


class BackendUnreachable(BackendError):
    """No connection could be made, or it broke before the first byte of the reply."""

    status = 503
    is_transient = True


class BackendUntrusted(BackendError):
    """
    The server's certificate is not trusted, which a retry does not change.

    To the words of a status from 500 on, Claude Code 2.1.332 adds that they are usually temporary; and with status 400
    it repeats the request without this beta and that.
    """

    status = 424


class BackendUnavailable(BackendError):
    """The backend's circuit breaker is open, so nothing is sent to it for now."""

    status = 529
    kind = "overloaded_error"
    is_transient = True

    def __init__(self, message: str, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class BackendTimeout(BackendError):
    """The backend sent nothing for too long."""

    status = 504
    kind = "timeout_error"


class BackendRejected(BackendError):
    """
    The backend answered with an error; status, type and message are the backend's.

    `may_be_too_long`: the words leave open whether the prompt is over the window (`PromptWindow.settled`).
    `is_too_long`: they say that it is.  `lacks_model`: they say that the server does not have the model.
    `param` and `code`: the field and the kind of fault that the error names beside its words, if it does.
    """

    is_too_long: bool = False

    may_be_too_long: bool = False
    lacks_model: bool = False
    param: str = ""
    code: str = ""

    def __init__(self, message: str, status: int, kind: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.retry_after_seconds = retry_after_seconds
        self.is_transient = status in TRANSIENT_STATUSES


class BadSample(BackendRejected):
    """
    The backend could not read what its model wrote, such as a tool call that is not JSON.

    The next sample may be better, so the gateway asks again; for the client the error is final.
    """

    def __init__(self, message: str, status: int, kind: str) -> None:
        super().__init__(message, status, kind)
        self.is_transient = False


class PromptTooLong(BackendRejected):
    """
    The prompt has more tokens than the model's window; detected here, where the server is late or silent.

    Claude Code compacts its conversation on exactly these words, and only with status 400.
    """

    status = 400
    kind = "invalid_request_error"
    is_too_long = True

    def __init__(self, tokens: int, limit: int, why: str) -> None:
        super().__init__(f"prompt is too long: {tokens} tokens > {limit} maximum ({why})", self.status, self.kind)


class BackendGarbled(BackendError):
    """The backend's reply violates its own protocol."""


class BackendTruncated(BackendError):
    """The backend's reply ended before it was finished."""


WebToolCode: TypeAlias = Literal[
    "invalid_tool_input",
    "unavailable",
    "max_uses_exceeded",
    "too_many_requests",
    "query_too_long",
    "request_too_large",
    "url_too_long",
    "url_not_allowed",
    "url_not_in_prior_context",
    "url_not_accessible",
    "unsupported_content_type",
    "content_too_large",
]
"""The error codes of web search and web fetch (docs: "Web search tool", "Web fetch tool"; the SDK's types)."""


class WebToolFailed(AnyclaudeError):
    """A web search or a fetch failed; `code` is what its result block says, the text what the model is told."""

    status = 502

    def __init__(self, code: WebToolCode, message: str) -> None:
        super().__init__(message)
        self.code = code


UnreadableCode: TypeAlias = Literal["encrypted", "broken", "no_text", "too_large", "timed_out", "unavailable"]
"""Why a file cannot be read; `unavailable`: what reads it is not installed."""


class Unreadable(AnyclaudeError):
    """A file cannot be read; the text says why as a part of a sentence that begins before it."""

    status = 422

    def __init__(self, code: UnreadableCode, reason: str) -> None:
        super().__init__(reason)
        self.code: UnreadableCode = code


class ConnectionsExhausted(AnyclaudeError):
    """This process can open no more connections; the fault of no server, and over when others are closed."""

    status = 529
    kind = "overloaded_error"
    is_transient = True
    retry_after_seconds = 1.0


class MemoryExhausted(AnyclaudeError):
    """Other requests fill the gateway's memory budget; when they are served, there is room again."""

    status = 529
    kind = "overloaded_error"
    is_transient = True
    retry_after_seconds = 1.0


class WorkersBusy(AnyclaudeError):
    """So many requests wait to be prepared that this one would have to wait longest."""

    status = 529
    kind = "overloaded_error"
    is_transient = True
    retry_after_seconds = 1.0


class ShuttingDown(AnyclaudeError):
    """The gateway is stopping and takes no new requests; another one may start in its place."""

    status = 529
    kind = "overloaded_error"
    is_transient = True
    retry_after_seconds = 1.0


class ProtocolMisuse(AnyclaudeError):
    """An event was made or received that the message grammar forbids: a bug of the gateway."""


class SetupError(AnyclaudeError):
    """Base class of errors that keep anyclaude from starting on this machine; the process ends with `exit_status`."""

    exit_status: ClassVar[int] = 1


class InvalidSetting(SetupError):
    """A flag, variable or configuration key has an unusable value."""

    exit_status = 2


class PlaceUnusable(SetupError):
    """A folder that is needed is missing, or cannot be written."""


class ServerUnusable(SetupError):
    """The chosen model server does not answer, or not as a model server; `reason` is the one of the probe."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class PortTaken(SetupError):
    """Another process listens on the gateway's port."""


class ClientUnavailable(SetupError):
    """Claude Code cannot be found or installed."""

    exit_status = 127


class ClientOverruled(SetupError):
    """An administrator's settings of Claude Code send it elsewhere, whatever anyclaude tells it."""


class DownloadFailed(SetupError):
    """A file could not be fetched, or is not the requested one."""


class EngineFailed(SetupError):
    """The embedded engine did not start, or died."""
