"""
From a request to a reply that has begun: which backend, after which wait, after how many attempts.

Nothing of a reply has reached the client while this runs, so everything that passes by
itself is tried again here: a refused connection, one that breaks before the first delta,
a model that is still loading.  What is tried again is bounded by `Patience.retry_seconds`.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TypeAlias

from msgspec import Struct

from anyclaude.backends.breaker import CircuitBreaker
from anyclaude.backends.http.client import Backend, BackendReply
from anyclaude.dialects import DeltaDecoder, Dialect, DroppedField, WireRequest
from anyclaude.errors import (
    AnyclaudeError,
    BackendError,
    BackendTimeout,
    BackendTruncated,
    BackendUnreachable,
    PromptTooLong,
)
from anyclaude.protocol.deltas import Delta
from anyclaude.protocol.messages_request import MessagesRequest
from anyclaude.protocol.prompt import Prompt
from anyclaude.timeouts import Timeouts

from .admission import Admission, AdmittedTurn
from .model_choice import model_for
from .queue import Priority, Requester
from .token_count import counted_tokens
from .window import PromptWindow

FIRST_PAUSE_SECONDS = 0.25
"""What passes by itself is often over at once, as a connection that broke by chance; it deserves a quick retry."""

LONGEST_PAUSE_SECONDS = 5.0
"""Doubling stops here: a model that has finished loading should be noticed within seconds."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """One backend and everything that stands in front of it."""

    backend: Backend
    dialect: Dialect
    breaker: CircuitBreaker
    admission: Admission
    window: PromptWindow = field(default_factory=PromptWindow)


class BackendRequest(Struct, frozen=True):
    """What a request asks of a backend, and for whom."""

    request: MessagesRequest
    conversation: str
    characters: int = 0
    """How long the prompt is."""
    session: str = ""
    priority: Priority = Priority.MAIN

    @property
    def conversation_key(self) -> str:
        """A key that names the conversation and gives nothing of it away."""
        return hashlib.sha256(f"anyclaude {self.conversation}".encode()).hexdigest()[:32]

    @property
    def requester(self) -> Requester:
        """Who asks for a turn."""
        return Requester(self.conversation, self.session, self.priority)


Observer: TypeAlias = Callable[[BackendRequest, WireRequest], None]
"""Is told of each request that is about to be sent, and on whose errand; it must not raise."""


class SkippedBackend(Struct, frozen=True):
    """A backend that was asked first and could not, and what kept it."""

    backend: str
    reason: str


class Sent(Struct, frozen=True):
    """A request as a backend got it."""

    upstream: Upstream
    request: WireRequest


@dataclass(slots=True)
class Progress:
    """How far an errand has come; the journal reads it even when nothing came of it."""

    route: str | None = None
    attempts: int = 0
    skipped_backends: tuple[SkippedBackend, ...] = ()
    continuations: int = 0
    admitted_at: float | None = None
    dropped: tuple[DroppedField, ...] = ()
    sent: Sent | None = None
    """What the backend was asked at last; a continuation, which asks for the rest of a reply, is left out."""


@dataclass(slots=True)
class OpenReply:
    """A reply whose first deltas are here and whose rest is coming; whoever has it closes it."""

    upstream: Upstream
    reply: BackendReply
    decoder: DeltaDecoder
    first_deltas: list[Delta]
    is_over: bool
    """Whether the first deltas are all there is: they came with the end of the reply."""
    resources: AsyncExitStack
    turn: AdmittedTurn | None = None

    async def aclose(self) -> None:
        """Let go of the backend; a reply that is not finished is cancelled there."""
        await self.resources.aclose()


class Dispatcher:
    """Opens replies: the first lane is the one the user chose, the rest are its fallbacks, in order."""

    def __init__(
        self,
        upstreams: Sequence[Upstream],
        timeouts: Timeouts,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        fatal_error: Callable[[], AnyclaudeError | None] = lambda: None,
        observer: Observer = lambda backend_request, request: None,
    ) -> None:
        """`obstacle` says why trying again is in vain, once that is so; `observer` sees what servers are asked."""
        self.upstreams = tuple(upstreams)
        self._observer = observer
        self._fatal_error = fatal_error
        self.timeouts = timeouts
        self._clock = clock
        self._sleep = sleep

    async def open(self, backend_request: BackendRequest, progress: Progress) -> OpenReply:
        """
        Return a reply that has begun; raises the last lane's `BackendError`, or `QueueFull`.

        A lane that fails has let go of its backend before the next one is asked, so no two of
        them ever work on the same request.
        """
        *fallible, last = self.upstreams
        for upstream in fallible:
            try:
                await self._require_room(upstream, backend_request)
                return await self._open_admitted(upstream, backend_request, progress, self.timeouts.fallback_seconds)
            except BackendError as error:
                if not error.is_transient and not isinstance(error, BackendTimeout):
                    raise
                progress.skipped_backends = (
                    *progress.skipped_backends,
                    SkippedBackend(upstream.backend.target.profile.name, str(error)),
                )
        await self._require_room(last, backend_request)
        return await self._open_admitted(last, backend_request, progress, self.timeouts.retry_seconds)

    def predicted_prompt(self, backend_request: BackendRequest) -> Prompt:
        """Return what the model of the first lane will be given to read."""
        upstream = self.upstreams[0]
        target = upstream.backend.target
        model = model_for(backend_request.request.model, backend_request.priority, target)
        return upstream.dialect.read_prompt(
            upstream.dialect.encode_request(backend_request.request, model, target.profile).request
        )

    async def reopen(self, upstream: Upstream, backend_request: BackendRequest, progress: Progress) -> OpenReply:
        """Return the reply to a second attempt at the backend that broke off the first."""
        progress.continuations += 1
        return await self._open_admitted(upstream, backend_request, progress, self.timeouts.retry_seconds)

    async def _require_room(self, upstream: Upstream, backend_request: BackendRequest) -> None:
        """
        Raise `PromptTooLong` before the wait for a turn: once that has lasted, the client has status 200.

        The engine is asked only where it is not certain that the prompt fits, and what it will not count, it judges.
        """
        target = upstream.backend.target
        limit, request, characters = target.context_tokens, backend_request.request, backend_request.characters
        upstream.window.refuse_what_was_cut(backend_request.conversation, request, characters)
        if limit is None or not upstream.window.may_overflow(backend_request.conversation, request, characters, limit):
            return
        model = model_for(request.model, backend_request.priority, target)
        tokens = await counted_tokens(request, model, upstream.backend, upstream.dialect)
        if tokens is not None and tokens > limit:
            raise PromptTooLong(tokens, limit, f"counted by {target.profile.title} before it was sent")

    async def _open_admitted(
        self, upstream: Upstream, backend_request: BackendRequest, progress: Progress, retry_seconds: float
    ) -> OpenReply:
        """Wait for a turn; it is held until the reply is let go of."""
        async with AsyncExitStack() as stack:
            turn = await stack.enter_async_context(upstream.admission.turn(backend_request.requester))
            progress.admitted_at = self._clock()
            opened = await self._open_patiently(
                upstream, backend_request, progress, progress.admitted_at + retry_seconds
            )
            stack.push_async_callback(opened.resources.aclose)
            opened.resources, opened.turn = stack.pop_all(), turn
            return opened

    async def _open_patiently(
        self, upstream: Upstream, backend_request: BackendRequest, progress: Progress, give_up_at: float
    ) -> OpenReply:
        """Try until it works, cannot work, or takes too long."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                return await self._attempt(upstream, backend_request, progress)
            except BackendError as error:
                wait = max(pause, error.retry_after_seconds or 0.0)
                if (fatal_error := self._fatal_error()) is not None:
                    raise fatal_error from error
                if not error.is_transient or self._clock() + wait > give_up_at:
                    raise
            await self._sleep(wait)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _attempt(self, upstream: Upstream, backend_request: BackendRequest, progress: Progress) -> OpenReply:
        """Ask once, and tell the circuit breaker how it went."""
        upstream.breaker.admit()
        try:
            opened = await self._ask(upstream, backend_request, progress)
        except (BackendUnreachable, BackendTimeout) as error:
            upstream.breaker.failed(str(error))
            raise
        except BackendError:
            upstream.breaker.succeeded()  # it answers, if only to refuse
            raise
        except BaseException:
            upstream.breaker.withdrawn()
            raise
        upstream.breaker.succeeded()
        return opened

    async def _ask(self, upstream: Upstream, backend_request: BackendRequest, progress: Progress) -> OpenReply:
        target = upstream.backend.target
        model = model_for(backend_request.request.model, backend_request.priority, target)
        encoded = upstream.dialect.encode_request(
            backend_request.request, model, target.profile, backend_request.conversation_key
        )
        progress.route, progress.dropped = f"{target.profile.name}/{model}", encoded.dropped
        progress.attempts += 1
        if not progress.continuations:
            progress.sent = Sent(upstream, encoded.request)
        self._observer(backend_request, encoded.request)
        async with AsyncExitStack() as stack:
            sent = upstream.backend.stream(encoded.request, self.timeouts.first_byte_seconds)
            reply = await stack.enter_async_context(sent)
            if reply.status != 200:
                body = await reply.read_error()
                raise upstream.dialect.decode_error(reply.status, body, reply.retry_after_seconds, target.profile)
            decoder = upstream.dialect.decoder(reply.content_type)
            first_deltas, is_over = await self._first_deltas(reply, decoder)
            return OpenReply(upstream, reply, decoder, first_deltas, is_over, stack.pop_all())

    async def _first_deltas(self, reply: BackendReply, decoder: DeltaDecoder) -> tuple[list[Delta], bool]:
        """Read until the reply says something; one that breaks off before that was never begun.  Tell if it is over."""
        try:
            while chunk := await reply.read_chunk(self.timeouts.first_byte_seconds):
                if deltas := decoder.feed(chunk):
                    return deltas, False
            return decoder.finish(), True
        except BackendTruncated as error:
            raise BackendUnreachable(f"{error}, before it had said anything") from error
