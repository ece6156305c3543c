"""A backend with everything that stands in front of it, and the requests that are encoded for it."""

import hashlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from msgspec import Struct

from anyclaude.backends import (
    Backend,
    BackendReply,
    BackendTarget,
    CircuitBreaker,
    DeltaReader,
    LearnedAmendments,
    LearnedFor,
)
from anyclaude.backends.probe import NO_SUCH_ROUTE
from anyclaude.backends.query import OK_STATUSES
from anyclaude.dialects import (
    Dialect,
    DroppedField,
    EarlierReplies,
    EnforcedContent,
    TokenizerApi,
    WireRequest,
    tokenizer_for,
)
from anyclaude.errors import BackendError, BackendRejected, BackendUnavailable
from anyclaude.profiles import Amendment, BackendProfile, amended
from anyclaude.protocol.messages_request import MessagesRequest
from anyclaude.protocol.prompt import Prompt
from anyclaude.secret import masked
from anyclaude.worker_threads import ReplyWorkers, in_thread_if_large

from .abandoned_work import AbandonedWork
from .admission import RETRY_AFTER_SECONDS, Admission
from .followed_server import FollowedServer
from .kept_prompts import KeptPrompts
from .model_choice import model_for
from .queue import Priority, Requester
from .refused_pictures import NOTHING_LEFT_OUT, LeftOut, RefusedPictures
from .window import PromptWindow

NOT_FOUND = 404
"""Claude Code replaces the words of every error with this status by its own, about the model that it has selected."""

NO_WORDS = "no message"
"""How the words for an error without any end (`rejections.py`)."""

MAX_NAMED = 20
"""The models that an error names: an error is a few lines long."""

MAX_AMENDMENTS = 32
"""The most amendments that one request tries; there are fewer quirks, so only a server that never agrees meets it."""


class BackendRequest(Struct, frozen=True):
    """A prepared prompt and its requester; the same for every upstream that may serve it."""

    request: MessagesRequest
    conversation: str
    characters: int = 0
    """The length of the prompt, in characters."""
    session: str = ""
    priority: Priority = Priority.MAIN
    reply_share: int = 0
    """The part of the window that is left for the reply if it may be as long: an eighth with 8, nothing with 0."""
    avoids_repetition: bool = False
    """Whether the model is sampled so that it does not repeat itself."""

    @property
    def conversation_key(self) -> str:
        """A digest that identifies the conversation without revealing it: 32 hexadecimal digits."""
        return hashlib.sha256(f"anyclaude {self.conversation}".encode()).hexdigest()[:32]

    @property
    def requester(self) -> Requester:
        """The requester that waits for a turn."""
        return Requester(self.conversation, self.session, self.priority)


@dataclass(frozen=True, slots=True)
class Upstream:
    """A server with what stands before it, and what its refusals have taught; it remembers its last replies."""

    server: FollowedServer
    dialect: Dialect
    breaker: CircuitBreaker
    admission: Admission
    window: PromptWindow = field(default_factory=PromptWindow)
    learned: LearnedAmendments = field(default_factory=LearnedAmendments)
    earlier_replies: EarlierReplies = field(default_factory=EarlierReplies)
    abandoned_work: AbandonedWork = field(default_factory=AbandonedWork)
    kept_prompts: KeptPrompts = field(default_factory=KeptPrompts)
    workers: ReplyWorkers = field(default_factory=ReplyWorkers)
    """The threads for what takes long of the work on its replies."""
    refused_pictures: RefusedPictures = field(default_factory=RefusedPictures)

    @property
    def backend(self) -> Backend:
        """The way to the server, with what is known of it at present."""
        return self.server.backend

    @property
    def unready_because(self) -> str | None:
        """Why the server cannot answer a request at present, `None` if it can."""
        if self.server.awaited_because is not None:
            return self.server.awaited_because
        return self.breaker.reason if self.breaker.state == "open" else None

    @property
    def tokenizer(self) -> TokenizerApi:
        """How to ask the server's tokenizer."""
        return tokenizer_for(self.backend.target.profile)

    @property
    def gets_thinking(self) -> bool:
        """Whether the server is sent the thinking of earlier turns, as far as it is known of its first model."""
        target = self.backend.target
        return amended(target.profile, self.amendments(target.model)).earlier_reasoning != "drop"

    def origin(self, model: str) -> str:
        """Return what identifies a model of this server as the origin of a reply."""
        return f"{LearnedFor.of(self.backend.target, model).server} {model}"

    def amendments(self, model: str) -> tuple[Amendment, ...]:
        """Return what the server's refusals have taught about this model."""
        return self.learned.about(LearnedFor.of(self.backend.target, model))

    def profile_for(self, model: str) -> BackendProfile:
        """Return the server's profile, amended by what its refusals have taught about a model."""
        return amended(self.backend.target.profile, self.amendments(model))

    def prepare(
        self, request: BackendRequest, trial: tuple[Amendment, ...] = (), left_out: LeftOut = NOTHING_LEFT_OUT
    ) -> "PreparedRequest":
        """
        Return the request with its model chosen and its body encoded.

        `trial` is applied after what was learned; the pictures `left_out` are not sent, like those refused before.
        """
        target = self.backend.target
        model = model_for(request.request.model, request.priority, target)
        amendments = (*self.amendments(model), *trial)
        profile = amended(target.profile, amendments) if amendments else target.profile
        key = None if profile.conversation_field is None else request.conversation_key
        encoded = self.dialect.encode_request(
            self.refused_pictures.without(request.request, model, left_out),
            model,
            profile,
            key,
            avoids_repetition=request.avoids_repetition,
            origin=self.origin(model),
        )
        return PreparedRequest(
            request, self, target, model, profile, encoded.request, encoded.dropped, encoded.enforced, trial, left_out
        )

    async def prepare_again(
        self, prepared: "PreparedRequest", source: BackendRequest | None = None, trial: tuple[Amendment, ...] = ()
    ) -> "PreparedRequest":
        """Return a request as `prepare` does, in a thread if it is large; `source` takes the place of its own."""
        return await in_thread_if_large(
            len(prepared.wire.body), lambda: self.prepare(prepared.source if source is None else source, trial)
        )

    async def up_to_date(self, request: "PreparedRequest") -> "PreparedRequest":
        """
        Return the request as it is for what the server runs now, after asking a server that may have changed.

        Raises:
            BackendUnavailable: when no server has been found yet.
        """
        await self.server.refresh_if_needed()
        if self.server.awaited_because is not None:
            raise BackendUnavailable(self.server.awaited_because, RETRY_AFTER_SECONDS)
        if request.target is self.backend.target:
            return request
        return await self.prepare_again(request, trial=request.trial)

    async def with_present_model(self, request: "PreparedRequest", error: BackendError) -> "PreparedRequest | None":
        """
        Return a request for the model that the server has now, `None` if its lack was not what it refused.

        Raises:
            BackendRejected: when the user chose the model; its words name those that the server has.
        """
        if not isinstance(error, BackendRejected) or not error.lacks_model:
            return None
        if request.target is self.backend.target:
            await self.server.refresh()
        again = await self.prepare_again(request)
        if again.model != request.model:
            return again
        target = self.backend.target
        if target.available_models:
            has = f"{target.profile.title} at {target.address} has {', '.join(target.available_models[:MAX_NAMED])}"
            raise _shown_by_client(f"{_ended(error)} {has}; name one with {target.model_setting}", error) from error
        return None

    def raise_in_words(self, request: "PreparedRequest", error: BackendError) -> None:
        """Raise what a refusal with status 404 says with a status under which the client shows it."""
        if not isinstance(error, BackendRejected) or error.status != NOT_FOUND:
            return
        self.server.may_have_changed()
        target = request.target
        where = f"{target.profile.title} at {target.address}"
        words = str(error)
        lacks_route = NO_SUCH_ROUTE.search(words) or words.endswith(NO_WORDS)
        if error.lacks_model:
            advice = f"{where} does not have {request.model}; name another one with {target.model_setting}"
            words = f"{_ended(error)} {advice}"
        elif lacks_route:  # any other refusal may have this status too: most of mlx_lm.server 0.32.2 do
            words = f"{_ended(error)} {where} may have no {request.wire.path}; check {target.address_setting}"
        raise _shown_by_client(words, error) from error

    def raise_if_too_long(self, request: "PreparedRequest", error: BackendError) -> None:
        """
        Raise `PromptTooLong` for a refusal that may mean it, if the prompt may fill the window.

        A server that refuses a prompt for its length may have another window than before.
        """
        source = request.source
        limit = request.target.checked_window(request.model)
        settled = self.window.settled(error, source.conversation, source.request, source.characters, limit)
        if isinstance(settled, BackendRejected) and settled.is_too_long:
            self.server.may_have_changed()
        if settled is not error:
            raise settled from error

    def server_changed(self, backend: Backend) -> None:
        """Adapt to what the server runs now: counts of another model's tokens mean nothing, nor do its ids."""
        self.window.forget()
        self.earlier_replies.forget()
        target = backend.target
        self.admission.adapt(target.parallel_requests, evicts_prompts=not target.profile.keeps_evicted_prompts)

    async def amended(self, request: "PreparedRequest", error: BackendError) -> "PreparedRequest | None":
        """
        Return a refused request as the refusal wants it, `None` if it names nothing that can be changed.

        Nothing is tried twice, and nothing that does not change the request.
        """
        return await in_thread_if_large(len(request.wire.body), lambda: self._amended(request, error))

    def _amended(self, request: "PreparedRequest", error: BackendError) -> "PreparedRequest | None":
        if not isinstance(error, BackendRejected) or len(request.trial) >= MAX_AMENDMENTS:
            return None
        amendment = self.dialect.amendment_for(error, request.wire, request.profile)
        if amendment is not None and not any(amendment.is_same_change(tried) for tried in request.trial):
            again = self.prepare(request.source, (*request.trial, amendment), request.left_out)
            if again.wire != request.wire:
                return again
        return self._without_suspects(request, error)

    def _without_suspects(self, request: "PreparedRequest", error: BackendRejected) -> "PreparedRequest | None":
        """Return a refused request without the pictures that may be the cause, `None` if it has been tried."""
        if request.left_out.keys or not request.profile.accepts_images:
            return None
        suspects = self.refused_pictures.suspects(request.source.request, request.model, error)
        return self.prepare(request.source, request.trial, suspects) if suspects.keys else None

    def keep_trial(self, request: "PreparedRequest") -> None:
        """Remember the amendments with which a request was accepted, and which of its pictures were."""
        if request.trial:
            self.learned.keep(LearnedFor.of(request.target, request.model), request.trial)
        if request.profile.accepts_images:
            self.refused_pictures.accepted(request.source.request, request.model, request.left_out)

    @asynccontextmanager
    async def send(self, request: "PreparedRequest", within_seconds: float) -> AsyncGenerator[DeltaReader, None]:
        """
        Send a request and yield the reader of its reply; leaving the context early cancels the request.

        Raises:
            BackendError: when no reply begins within `within_seconds`, or when its status is an error.
        """
        self.abandoned_work.begun()
        is_over = False
        try:
            async with self.backend.stream(request.wire, within_seconds) as reply:
                if reply.status not in OK_STATUSES:
                    body = await reply.read_error()
                    is_over = True
                    raise self.dialect.decode_error(reply.status, body, reply.retry_after_seconds, request.profile)
                reader = self._reader(reply, request)
                try:
                    yield reader
                finally:
                    is_over = reader.is_over
        finally:
            self.abandoned_work.ended(is_over=is_over)

    def _reader(self, reply: BackendReply, request: "PreparedRequest") -> DeltaReader:
        earlier_replies = self.earlier_replies if request.profile.has_unique_reply_ids else EarlierReplies()
        decoder = self.dialect.decoder(reply.content_type, request.source.request.tools, earlier_replies)
        return DeltaReader(reply, decoder, workers=self.workers)


def _ended(error: BackendRejected) -> str:
    """Return the words of an error as a sentence that another one can follow."""
    return f"{str(error).rstrip('. ')}."


def _shown_by_client(words: str, error: BackendRejected) -> BackendRejected:
    """Return a refusal with these words, and with status 400 in place of 404."""
    if error.status == NOT_FOUND:
        return BackendRejected(words, 400, "invalid_request_error")
    return BackendRejected(words, error.status, error.kind)


class PreparedRequest(Struct, frozen=True):
    """
    A request encoded for one upstream.

    The same value is compared with earlier prompts, checked against the window and sent, so nothing is encoded twice.
    """

    source: BackendRequest
    upstream: Upstream
    target: BackendTarget
    """What was known of the server when it was encoded."""
    model: str
    """The model's name on the server."""
    profile: BackendProfile
    """The profile that it was encoded with: the target's, amended for this model."""
    wire: WireRequest
    dropped: tuple[DroppedField, ...] = ()
    """The parts of the request that the dialect or the server does not support."""
    enforced: EnforcedContent = "any"
    """What the engine is made to write."""
    trial: tuple[Amendment, ...] = ()
    """The amendments that refusals of this request have taught; kept as soon as it is accepted."""
    left_out: LeftOut = NOTHING_LEFT_OUT
    """The pictures that it is sent without, because it was refused with them."""

    @property
    def opens_thinking(self) -> bool:
        """Whether the reply's text begins with reasoning: not if the engine writes JSON, or if thinking is off."""
        profile = self.profile
        is_on = profile.thinking_switch == "none" or self.source.request.wants_thinking is True
        return profile.opens_thinking and is_on and self.enforced == "any"

    @property
    def origin(self) -> str:
        """What identifies the server and the model as the origin of the reply."""
        return self.upstream.origin(self.model)

    @property
    def route(self) -> str:
        """Backend and model, as `llamacpp/qwen3-coder`."""
        return masked(f"{self.profile.name}/{self.model}")  # a server may name its model after a secret

    @property
    def prompt(self) -> Prompt:
        """The prompt as the model reads it, decoded from the encoded body."""
        return self.upstream.dialect.read_prompt(self.wire)
