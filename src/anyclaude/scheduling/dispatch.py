"""
From a prepared request to a reply that has begun: which upstream, after which wait, after how many attempts.

Nothing of a reply has reached the client while this runs, so transient failures are retried here: a refused
connection, one that breaks before the first delta, a model that is still loading.  `Timeouts.retry_seconds` bounds
the retries.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from anyclaude.backends import DeltaReader
from anyclaude.errors import (
    AnyclaudeError,
    BackendError,
    BackendTimeout,
    BackendTruncated,
    BackendUnreachable,
    PromptTooLong,
)
from anyclaude.protocol.deltas import Delta
from anyclaude.timeouts import Timeouts

from .admission import AdmittedTurn
from .progress import Progress
from .token_count import counted_tokens
from .upstream import BackendRequest, PreparedRequest, Upstream

FIRST_PAUSE_SECONDS = 0.25
"""Transient failures are often over at once, such as a connection that broke by chance: the first retry is quick."""

LONGEST_PAUSE_SECONDS = 5.0
"""Doubling stops here: a model that has finished loading should be noticed within seconds."""


@dataclass(slots=True)
class OpenReply:
    """A reply whose first deltas have arrived; its owner closes it."""

    request: PreparedRequest
    first_deltas: list[Delta]
    reader: DeltaReader
    """Reads the rest; it is over already if the first deltas are the whole reply."""
    resources: AsyncExitStack
    turn: AdmittedTurn | None = None

    async def aclose(self) -> None:
        """Release the backend; an unfinished reply is cancelled there."""
        await self.resources.aclose()


class Dispatcher:
    """Opens replies: the first upstream is the one the user chose, the others are its fallbacks, in order."""

    def __init__(
        self,
        upstreams: Sequence[Upstream],
        timeouts: Timeouts,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        fatal_error: Callable[[], AnyclaudeError | None] = lambda: None,
    ) -> None:
        """`fatal_error` returns the error that makes every retry pointless, once there is one."""
        self.upstreams = tuple(upstreams)
        self.timeouts = timeouts
        self._fatal_error = fatal_error
        self._clock = clock
        self._sleep = sleep

    def prepare(self, request: BackendRequest) -> PreparedRequest:
        """Return the request encoded for the first upstream."""
        return self.upstreams[0].prepare(request)

    async def open(self, prepared: PreparedRequest, progress: Progress) -> OpenReply:
        """
        Return a reply that has begun.

        An upstream that fails has released its backend before the next one is tried, so two of them never work on
        the same request.

        Raises:
            BackendError: when the last upstream fails, or one fails in a way that the next would too.
            QueueFull: when too many requests wait already.
        """
        *fallible, last = self.upstreams
        for upstream in fallible:
            request = _prepared_for(upstream, prepared)
            try:
                return await self._open_in_turn(request, progress, self.timeouts.fallback_seconds)
            except BackendError as error:
                if not error.is_transient and not isinstance(error, BackendTimeout):
                    raise
                progress.skipped(request, str(error))
        return await self._open_in_turn(_prepared_for(last, prepared), progress, self.timeouts.retry_seconds)

    async def reopen(self, prepared: PreparedRequest, progress: Progress) -> OpenReply:
        """Return the reply to a continuation, asked of the upstream that broke off."""
        progress.continuations += 1
        return await self._open_admitted(prepared, progress, self.timeouts.retry_seconds)

    async def _open_in_turn(self, request: PreparedRequest, progress: Progress, retry_seconds: float) -> OpenReply:
        await self._require_room(request)
        return await self._open_admitted(request, progress, retry_seconds)

    async def _require_room(self, request: PreparedRequest) -> None:
        """
        Raise `PromptTooLong` before the wait for a turn, after which the client has status 200.

        The engine is asked only if the prompt may not fit; if the server cannot count tokens, the request is sent
        and the server decides.
        """
        source, upstream, target = request.source, request.upstream, request.upstream.backend.target
        limit = target.context_tokens
        upstream.window.refuse_what_was_cut(source.conversation, source.request, source.characters)
        if limit is None or not upstream.window.may_overflow(
            source.conversation, source.request, source.characters, limit
        ):
            return
        tokens = await counted_tokens(request.wire, upstream.backend, upstream.tokenizer)
        if tokens is not None and tokens > limit:
            raise PromptTooLong(tokens, limit, f"counted by {target.profile.title} before it was sent")

    async def _open_admitted(self, request: PreparedRequest, progress: Progress, retry_seconds: float) -> OpenReply:
        """Wait for a turn, which is held until the reply is closed."""
        progress.queued(request)
        async with AsyncExitStack() as stack:
            turn = await stack.enter_async_context(request.upstream.admission.turn(request.source.requester))
            progress.admitted_at = self._clock()
            opened = await self._open_with_retries(request, progress, progress.admitted_at + retry_seconds)
            stack.push_async_callback(opened.resources.aclose)
            opened.resources, opened.turn = stack.pop_all(), turn
            progress.replying(request)
            return opened

    async def _open_with_retries(self, request: PreparedRequest, progress: Progress, give_up_at: float) -> OpenReply:
        """Retry transient failures until `give_up_at`."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                return await self._attempt(request, progress)
            except BackendError as error:
                wait = max(pause, error.retry_after_seconds or 0.0)
                if (fatal := self._fatal_error()) is not None:
                    raise fatal from error
                if not error.is_transient or self._clock() + wait > give_up_at:
                    raise
            await self._sleep(wait)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _attempt(self, request: PreparedRequest, progress: Progress) -> OpenReply:
        """Send the request once, and report the result to the circuit breaker."""
        breaker = request.upstream.breaker
        breaker.admit()
        try:
            opened = await self._send(request, progress)
        except (BackendUnreachable, BackendTimeout) as error:
            breaker.failed(str(error))
            raise
        except BackendError:
            breaker.succeeded()  # it answers, if only to refuse
            raise
        except BaseException:
            breaker.withdrawn()
            raise
        breaker.succeeded()
        return opened

    async def _send(self, request: PreparedRequest, progress: Progress) -> OpenReply:
        progress.sending(request)
        async with AsyncExitStack() as stack:
            sent = request.upstream.send(request, self.timeouts.first_byte_seconds)
            reader = await stack.enter_async_context(sent)
            return OpenReply(request, await self._first_deltas(reader), reader, stack.pop_all())

    async def _first_deltas(self, reader: DeltaReader) -> list[Delta]:
        """Return the first deltas; a reply that breaks off before them has not begun, and can be retried."""
        try:
            return await reader.read(self.timeouts.first_byte_seconds)
        except BackendTruncated as error:
            raise BackendUnreachable(f"{error}, before the first delta") from error


def _prepared_for(upstream: Upstream, prepared: PreparedRequest) -> PreparedRequest:
    return prepared if prepared.upstream is upstream else upstream.prepare(prepared.source)
