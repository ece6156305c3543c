"""
From a prepared request to a reply that has begun: the choice of upstream, the queue, the retries.

Until a reply has begun, none of it has reached the client.  So transient failures are retried here: a refused
connection, a connection that breaks before the first delta, a model that is still loading.  `Timeouts.retry_seconds`
bounds the retries.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from msgspec.structs import replace

from anyclaude.backends import DeltaReader
from anyclaude.errors import (
    AnyclaudeError,
    BackendError,
    BackendTimeout,
    BackendTruncated,
    BackendUnreachable,
    BadSample,
    PromptTooLong,
)
from anyclaude.protocol.deltas import Delta
from anyclaude.timeouts import Timeouts

from .admission import AdmittedTurn
from .kept_prompts import MAX_EVALUATED_TOKENS
from .prefill import evaluate
from .progress import Progress
from .token_count import count_prompt_tokens
from .upstream import BackendRequest, PreparedRequest, Upstream
from .window import prompt_limit

FIRST_PAUSE_SECONDS = 0.25
"""Many transient failures, such as a connection that broke by chance, are over at once: the first retry is quick."""

MAX_PAUSE_SECONDS = 5.0
"""The pause is not doubled beyond this, so that a model that has finished loading is noticed within seconds."""

MAX_BAD_SAMPLES = 2
"""How often a server that could not read what its model wrote is asked again: what the conversation has caused itself
(llama.cpp reads its calls too) fails every time."""

LENDING_SECONDS = 5.0
"""The engine copies gigabytes in a second or two; one that takes longer evaluates the prompt, and is stopped."""


@dataclass(slots=True)
class OpenReply:
    """A reply whose first deltas have arrived; its owner closes it."""

    request: PreparedRequest
    first_deltas: list[Delta]
    reader: DeltaReader
    """Reads the remaining deltas; `is_over` is already set if the first deltas are the whole reply."""
    resources: AsyncExitStack
    turn: AdmittedTurn | None = None

    async def aclose(self) -> None:
        """Release the backend and the turn; an unfinished reply is cancelled on the server."""
        await self.resources.aclose()
        self.request.upstream.server.reply_ended()


class Dispatcher:
    """Opens replies from the first upstream, which the user chose, or from its fallbacks, in order."""

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
        self.clock = clock
        self._sleep = sleep

    def prepare(self, request: BackendRequest) -> PreparedRequest:
        """Return the request encoded for the first upstream."""
        return self.upstreams[0].prepare(request)

    async def open(self, prepared: PreparedRequest, progress: Progress) -> OpenReply:
        """
        Return a reply that has begun.

        An upstream that fails releases its backend before the next one is tried, so two backends never work on the
        same request.

        Raises:
            BackendError: when the last upstream fails, or when another fails permanently.
            QueueFull: when the upstream's queue is full.
        """
        *fallible, last = await self._present_upstreams(prepared, progress)
        for upstream in fallible:
            request = await _prepared_for(upstream, prepared)
            try:
                return await self._open_if_it_fits(request, progress, self.timeouts.fallback_seconds)
            except BackendError as error:
                if not error.is_transient and not isinstance(error, BackendTimeout):
                    raise
                progress.skipped(request, str(error))
        return await self._open_if_it_fits(await _prepared_for(last, prepared), progress, self.timeouts.retry_seconds)

    async def _present_upstreams(self, prepared: PreparedRequest, progress: Progress) -> Sequence[Upstream]:
        """Return the upstreams but those whose server is awaited, unless all are: then the first says why."""
        present = [upstream for upstream in self.upstreams if upstream.server.awaited_because is None]
        if not present:
            return self.upstreams[:1]
        for upstream in self.upstreams[: self.upstreams.index(present[0])]:
            progress.skipped(await _prepared_for(upstream, prepared), upstream.server.awaited_because or "")
        return present

    async def reopen(self, prepared: PreparedRequest, progress: Progress) -> OpenReply:
        """Return the reply to a continuation, which is sent to the upstream whose reply broke off."""
        progress.continuations += 1
        return await self._open_admitted(prepared, progress, self.timeouts.retry_seconds)

    async def open_next(self, prepared: PreparedRequest, progress: Progress) -> OpenReply:
        """
        Return the next reply of an exchange that takes several, each with a prompt of its own, from the same upstream.

        Raises `BackendError` or `QueueFull`, as `open` does.
        """
        return await self._open_if_it_fits(prepared, progress, self.timeouts.retry_seconds)

    async def _open_if_it_fits(self, request: PreparedRequest, progress: Progress, retry_seconds: float) -> OpenReply:
        request = await request.upstream.up_to_date(request)
        await self._require_fit(request)
        return await self._open_admitted(request, progress, retry_seconds)

    async def _require_fit(self, request: PreparedRequest) -> None:
        """
        Raise `PromptTooLong` if the prompt does not fit the window of the upstream.

        This is checked before the wait for a turn, because the client may have received status 200 after it.  The
        engine counts the tokens only if the prompt may not fit.  If the server cannot count tokens, the count of the
        conversation's last prompt tells how many there are; the server decides on a first prompt.
        """
        source, upstream, target = request.source, request.upstream, request.target
        prompt, size, window = source.request, source.characters, upstream.window
        context_tokens = target.checked_window(request.model)
        window.refuse_if_truncated(source.conversation, prompt, size, context_tokens)
        if context_tokens is None:
            return
        limit = prompt_limit(context_tokens, prompt.max_tokens, source.reply_share)
        if not window.may_overflow(source.conversation, prompt, size, limit):
            return
        tokens = await count_prompt_tokens(request.wire, upstream.backend, upstream.tokenizer)
        how = f"counted by {target.profile.title} before it was sent"
        if tokens is None and source.reply_share:
            tokens, how = window.estimated_tokens(source.conversation, prompt, size), "an estimate"
        if tokens is None or tokens <= limit:
            return
        if tokens <= context_tokens:
            how += f"; of the window's {context_tokens}, {context_tokens - limit} are for the reply"
        # The client keeps the more of its last turns as they are, the more the numbers differ.
        raise PromptTooLong(tokens, min(tokens - 1, context_tokens), how)

    async def _open_admitted(self, request: PreparedRequest, progress: Progress, retry_seconds: float) -> OpenReply:
        """Wait for a turn, which lasts until the reply is closed, and open the reply."""
        progress.queued(request)
        async with AsyncExitStack() as stack:
            turn = await stack.enter_async_context(request.upstream.admission.turn(request.source.requester))
            progress.admitted_at = self.clock()
            opened = await self._open_with_retries(request, progress, progress.admitted_at + retry_seconds)
            stack.push_async_callback(opened.resources.aclose)
            progress.replying(request)
            opened.resources, opened.turn = stack.pop_all(), turn
            return opened

    async def _open_with_retries(self, request: PreparedRequest, progress: Progress, give_up_at: float) -> OpenReply:
        """Retry transient failures until `give_up_at`; what a refusal names is changed at once."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                opened = await self._attempt(request, progress)
                request.upstream.keep_trial(request)
                return opened
            except BackendError as error:
                if (fatal := self._fatal_error()) is not None:
                    raise fatal from error
                again = await self._again_at_once(request, error, progress)
                wait = max(pause, error.retry_after_seconds or 0.0)
                if again is None and (not error.is_transient or self.clock() + wait > give_up_at):
                    request.upstream.raise_if_too_long(request, error)
                    request.upstream.raise_in_words(request, error)
                    raise
                if again is None:
                    progress.failing(request, str(error))
            if again is not None:
                request = again
                continue
            await self._sleep(wait)
            pause = min(pause * 2, MAX_PAUSE_SECONDS)
            request = await request.upstream.up_to_date(request)

    async def _again_at_once(
        self, request: PreparedRequest, error: BackendError, progress: Progress
    ) -> PreparedRequest | None:
        """Return the request as the server may take it now, `None` if nothing is known to help."""
        if isinstance(error, BadSample):
            progress.bad_samples += 1
            return request if progress.bad_samples <= MAX_BAD_SAMPLES else None
        if (amended := await request.upstream.amended(request, error)) is not None:
            progress.amended(amended)
            return amended
        again = None if progress.has_changed_model else await request.upstream.with_present_model(request, error)
        progress.has_changed_model = progress.has_changed_model or again is not None
        return again

    async def _attempt(self, request: PreparedRequest, progress: Progress) -> OpenReply:
        """Send the request once, and report the result to the circuit breaker."""
        breaker = request.upstream.breaker
        breaker.admit()
        try:
            await self._wait_for_abandoned_work(request, progress)
            await self._lend_kept_prompt(request)
            opened = await self._send(request, progress)
        except (BackendUnreachable, BackendTimeout) as error:
            breaker.failed(str(error))
            request.upstream.server.may_have_changed()
            raise
        except BackendError:
            breaker.succeeded()  # the server is reachable: it answered, with an error
            raise
        except BaseException:
            breaker.withdrawn()
            raise
        breaker.succeeded()
        return opened

    async def _wait_for_abandoned_work(self, request: PreparedRequest, progress: Progress) -> None:
        """Wait until the server has let go of a reply whose client has left, for as long as for a reply to begin."""
        upstream = request.upstream
        waited = await upstream.abandoned_work.wait_for_end(
            upstream.backend, upstream.admission.running, self._sleep, self.clock, self.timeouts.first_byte_seconds
        )
        if waited is not None:
            progress.abandoned_work_seconds = (progress.abandoned_work_seconds or 0.0) + waited

    async def _lend_kept_prompt(self, request: PreparedRequest) -> None:
        """Have the engine copy the prompt that this one would take from another conversation (`kept_prompts.py`)."""
        upstream, source = request.upstream, request.source
        if not request.profile.moves_kept_prompts or request.target.parallel_requests != 1:
            return
        kept = upstream.kept_prompts
        if (lender := kept.lender(source.conversation, source.request)) is not None:
            unanswered = BackendRequest(replace(lender.request, max_tokens=0), lender.conversation)
            try:
                counted = await evaluate(upstream.prepare(unanswered), LENDING_SECONDS, Progress())
            except BackendError:
                kept.give_up()
            else:
                if (counted.input_tokens or 0) - (counted.cached_tokens or 0) > MAX_EVALUATED_TOKENS:
                    kept.give_up()
            kept.sent(lender.conversation, lender.request)
        kept.sent(source.conversation, source.request)

    async def _send(self, request: PreparedRequest, progress: Progress) -> OpenReply:
        progress.sending(request)
        async with AsyncExitStack() as stack:
            sent = request.upstream.send(request, self.timeouts.first_byte_seconds)
            reader = await stack.enter_async_context(sent)
            progress.engine = lambda: reader.engine_progress
            return OpenReply(request, await self._first_deltas(reader), reader, stack.pop_all())

    async def _first_deltas(self, reader: DeltaReader) -> list[Delta]:
        """Return the first deltas; a reply that breaks off before them has not begun and can be retried."""
        try:
            return await reader.read(self.timeouts.first_byte_seconds)
        except BackendTruncated as error:
            raise BackendUnreachable(f"{error}, before the first delta") from error


async def _prepared_for(upstream: Upstream, prepared: PreparedRequest) -> PreparedRequest:
    return prepared if prepared.upstream is upstream else await upstream.prepare_again(prepared)
