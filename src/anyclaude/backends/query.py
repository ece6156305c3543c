"""
Small questions to a model server besides the requests for replies: its facts, its tokens, its slots.

None of them is worth waiting for long, so the whole of a question has one time limit.
"""

import asyncio
from typing import TypeVar

import msgspec
from msgspec import Struct

from anyclaude.dialects import WireRequest
from anyclaude.errors import BackendError, BackendTimeout, ConnectionsExhausted

from .base import Backend
from .reading import max_answer_bytes, read_body

T = TypeVar("T")


OK_STATUSES = frozenset({200, 201, 203})
"""Of an answer: 203 is of a proxy that has changed something, and a few gateways answer any question with 201."""


class QueryReply(Struct, frozen=True):
    """The whole reply to a question."""

    status: int
    body: bytes
    content_type: str = ""
    location: str | None = None
    """Where a redirection leads."""

    @property
    def is_ok(self) -> bool:
        """Whether the server answered the question."""
        return self.status in OK_STATUSES

    def decoded(self, kind: type[T]) -> T | None:
        """Return the body as a `kind`, `None` for an error or any other content."""
        if not self.is_ok:
            return None
        try:
            return msgspec.json.decode(self.body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None


async def query(backend: Backend, request: WireRequest, within_seconds: float) -> QueryReply:
    """
    Return the whole reply to a question; of an error's body only the beginning.

    Raises `BackendUnreachable` and `BackendTruncated`.

    Raises:
        BackendGarbled: when the answer is larger than an answer to this question can be.
        BackendTimeout: when the reply is not complete within `within_seconds`.
    """
    try:
        async with asyncio.timeout(within_seconds), backend.stream(request, within_seconds) as reply:
            is_error = reply.status not in OK_STATUSES
            body = await (
                reply.read_error() if is_error else read_body(reply, within_seconds, max_answer_bytes(request))
            )
            return QueryReply(reply.status, body, reply.content_type, reply.location)
    except TimeoutError as error:
        where = f"{backend.target.profile.title} at {backend.target.address}"
        raise BackendTimeout(f"{where} did not answer {request.path} within {within_seconds:g} s") from error


async def query_or_none(backend: Backend, request: WireRequest, within_seconds: float) -> bytes | None:
    """Return the body of the reply to a question, `None` if the server does not answer it."""
    try:
        reply = await query(backend, request, within_seconds)
    except (BackendError, ConnectionsExhausted):
        return None
    return reply.body if reply.is_ok else None
