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
from anyclaude.backends.client import Backend, BackendReply
from anyclaude.dialects import DeltaDecoder, Dialect, Dropped, WireRequest
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

from .admission import Admission, AdmittedTurn
from .model_choice import model_for
from .row import Applicant, Priority
from .token_count import counted_tokens
from .window import PromptWindow

FIRST_PAUSE_SECONDS = 0.25
"""What passes by itself is often over at once, as a connection that broke by chance; it deserves a quick retry."""

LONGEST_PAUSE_SECONDS = 5.0
"""Doubling stops here: a model that has finished loading should be noticed within seconds."""


class Patience(Struct, frozen=True, kw_only=True):
    """
    How long each kind of silence may last, in seconds.

    The defaults are for slow hardware: a prefill of ten minutes is normal (18,000 tokens took a
    0.5B model on two cores 482 s), a pause of two minutes between two tokens is not.  A backend
    that has said why it stopped owes nothing but its usage figures.
    """

    first_byte_seconds: float = 1800.0
    stall_seconds: float = 120.0
    finish_seconds: float = 10.0
    retry_seconds: float = 30.0
    fallback_seconds: float = 1.0
    """How long trying again may take where another backend stands ready: enough for a connection broken by chance."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One backend and everything that stands in front of it."""

    backend: Backend
    dialect: Dialect
    breaker: CircuitBreaker
    admission: Admission
    window: PromptWindow = field(default_factory=PromptWindow)


class Errand(Struct, frozen=True):
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
    def applicant(self) -> Applicant:
        """Who asks for a turn."""
        return Applicant(self.conversation, self.session, self.priority)


Observer: TypeAlias = Callable[[Errand, WireRequest], None]
"""Is told of each request that is about to be sent, and on whose errand; it must not raise."""


class PassedOver(Struct, frozen=True):
    """A backend that was asked first and could not, and what kept it."""

    backend: str
    reason: str


class Sent(Struct, frozen=True):
    """A request as a backend got it."""

    lane: Lane
    request: WireRequest


@dataclass(slots=True)
class Progress:
    """How far an errand has come; the journal reads it even when nothing came of it."""

    route: str | None = None
    attempts: int = 0
    passed_over: tuple[PassedOver, ...] = ()
    continuations: int = 0
    admitted_at: float | None = None
    dropped: tuple[Dropped, ...] = ()
    sent: Sent | None = None
    """What the backend was asked at last; a continuation, which asks for the rest of a reply, is left out."""


@dataclass(slots=True)
class OpenReply:
    """A reply whose first deltas are here and whose rest is coming; whoever has it closes it."""

    lane: Lane
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
        lanes: Sequence[Lane],
        patience: Patience,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        obstacle: Callable[[], AnyclaudeError | None] = lambda: None,
        observer: Observer = lambda errand, request: None,
    ) -> None:
        """`obstacle` says why trying again is in vain, once that is so; `observer` sees what servers are asked."""
        self.lanes = tuple(lanes)
        self._observer = observer
        self._obstacle = obstacle
        self.patience = patience
        self._clock = clock
        self._sleep = sleep

    async def open(self, errand: Errand, progress: Progress) -> OpenReply:
        """
        Return a reply that has begun; raises the last lane's `BackendError`, or `QueueFull`.

        A lane that fails has let go of its backend before the next one is asked, so no two of
        them ever work on the same request.
        """
        *fallible, last = self.lanes
        for lane in fallible:
            try:
                await self._require_room(lane, errand)
                return await self._open_admitted(lane, errand, progress, self.patience.fallback_seconds)
            except BackendError as error:
                if not error.passes_by_itself and not isinstance(error, BackendTimeout):
                    raise
                progress.passed_over = (*progress.passed_over, PassedOver(lane.backend.target.profile.name, str(error)))
        await self._require_room(last, errand)
        return await self._open_admitted(last, errand, progress, self.patience.retry_seconds)

    def foreseen(self, errand: Errand) -> Prompt:
        """Return what the model of the first lane will be given to read."""
        lane = self.lanes[0]
        target = lane.backend.target
        model = model_for(errand.request.model, errand.priority, target)
        return lane.dialect.read_prompt(lane.dialect.encode_request(errand.request, model, target.profile).request)

    async def reopen(self, lane: Lane, errand: Errand, progress: Progress) -> OpenReply:
        """Return the reply to a second attempt at the backend that broke off the first."""
        progress.continuations += 1
        return await self._open_admitted(lane, errand, progress, self.patience.retry_seconds)

    async def _require_room(self, lane: Lane, errand: Errand) -> None:
        """
        Raise `PromptTooLong` before the wait for a turn: once that has lasted, the client has status 200.

        The engine is asked only where it is not certain that the prompt fits, and what it will not count, it judges.
        """
        target = lane.backend.target
        limit, request, characters = target.context_tokens, errand.request, errand.characters
        lane.window.refuse_what_was_cut(errand.conversation, request, characters)
        if limit is None or not lane.window.may_overflow(errand.conversation, request, characters, limit):
            return
        model = model_for(request.model, errand.priority, target)
        tokens = await counted_tokens(request, model, lane.backend, lane.dialect)
        if tokens is not None and tokens > limit:
            raise PromptTooLong(tokens, limit, f"counted by {target.profile.title} before it was sent")

    async def _open_admitted(self, lane: Lane, errand: Errand, progress: Progress, retry_seconds: float) -> OpenReply:
        """Wait for a turn; it is held until the reply is let go of."""
        async with AsyncExitStack() as stack:
            turn = await stack.enter_async_context(lane.admission.turn(errand.applicant))
            progress.admitted_at = self._clock()
            opened = await self._open_patiently(lane, errand, progress, progress.admitted_at + retry_seconds)
            stack.push_async_callback(opened.resources.aclose)
            opened.resources, opened.turn = stack.pop_all(), turn
            return opened

    async def _open_patiently(self, lane: Lane, errand: Errand, progress: Progress, give_up_at: float) -> OpenReply:
        """Try until it works, cannot work, or takes too long."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                return await self._attempt(lane, errand, progress)
            except BackendError as error:
                wait = max(pause, error.retry_after_seconds or 0.0)
                if (obstacle := self._obstacle()) is not None:
                    raise obstacle from error
                if not error.passes_by_itself or self._clock() + wait > give_up_at:
                    raise
            await self._sleep(wait)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)

    async def _attempt(self, lane: Lane, errand: Errand, progress: Progress) -> OpenReply:
        """Ask once, and tell the circuit breaker how it went."""
        lane.breaker.admit()
        try:
            opened = await self._ask(lane, errand, progress)
        except (BackendUnreachable, BackendTimeout) as error:
            lane.breaker.failed(str(error))
            raise
        except BackendError:
            lane.breaker.succeeded()  # it answers, if only to refuse
            raise
        except BaseException:
            lane.breaker.withdrawn()
            raise
        lane.breaker.succeeded()
        return opened

    async def _ask(self, lane: Lane, errand: Errand, progress: Progress) -> OpenReply:
        target = lane.backend.target
        model = model_for(errand.request.model, errand.priority, target)
        encoded = lane.dialect.encode_request(errand.request, model, target.profile, errand.conversation_key)
        progress.route, progress.dropped = f"{target.profile.name}/{model}", encoded.dropped
        progress.attempts += 1
        if not progress.continuations:
            progress.sent = Sent(lane, encoded.request)
        self._observer(errand, encoded.request)
        async with AsyncExitStack() as stack:
            sent = lane.backend.stream(encoded.request, self.patience.first_byte_seconds)
            reply = await stack.enter_async_context(sent)
            if reply.status != 200:
                body = await reply.read_error()
                raise lane.dialect.decode_error(reply.status, body, reply.retry_after_seconds, target.profile)
            decoder = lane.dialect.decoder(reply.content_type)
            first_deltas, is_over = await self._first_deltas(reply, decoder)
            return OpenReply(lane, reply, decoder, first_deltas, is_over, stack.pop_all())

    async def _first_deltas(self, reply: BackendReply, decoder: DeltaDecoder) -> tuple[list[Delta], bool]:
        """Read until the reply says something; one that breaks off before that was never begun.  Tell if it is over."""
        try:
            while chunk := await reply.read_chunk(self.patience.first_byte_seconds):
                if deltas := decoder.feed(chunk):
                    return deltas, False
            return decoder.finish(), True
        except BackendTruncated as error:
            raise BackendUnreachable(f"{error}, before it had said anything") from error
