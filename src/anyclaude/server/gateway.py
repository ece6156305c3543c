"""
The gateway: its routes, and its life from the first connection to the last.

    HEAD /  ·  HEAD /api/hello        the client's probes
    GET  /health                      how it fares
    GET  /v1/models[/{id}]            what it offers
    POST /v1/messages                 the reply
    POST /v1/messages/count_tokens    the size of a prompt

Every other route answers 404 in the Anthropic shape; nothing is ever forwarded to anywhere
that was not configured.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeAlias

import aiohttp
from aiohttp import web
from msgspec import Struct

from anyclaude.backends import BackendTarget, CircuitBreaker
from anyclaude.backends.http import HttpBackend, open_session
from anyclaude.cache_report.analyser import CacheAnalyser
from anyclaude.cache_report.findings import FINDINGS_FILE
from anyclaude.cache_report.prompt_store import MAX_PROMPTS, PromptStore
from anyclaude.dialects import dialect_named
from anyclaude.errors import (
    AnyclaudeError,
    InvalidSetting,
    MethodNotAllowed,
    NotFound,
    PortTaken,
    RequestError,
    ShuttingDown,
)
from anyclaude.exchange.caller import caller_of
from anyclaude.exchange.conversation_memory import ConversationMemory
from anyclaude.exchange.exchange_log import ExchangeLog
from anyclaude.exchange.pending_replies import PendingReplies, ReattachPolicy
from anyclaude.exchange.prompt_pipeline import Preparation
from anyclaude.exchange.record import Outcome
from anyclaude.observability.journal import Journal
from anyclaude.prewarm.prewarmer import Prewarmer
from anyclaude.prewarm.prompt_prewarmer import NOBODY, PrewarmOptions, PromptPrewarmer
from anyclaude.prewarm.slot_saver import SlotSaver, SlotSaverOptions
from anyclaude.scheduling.admission import Admission
from anyclaude.scheduling.dispatch import Dispatcher, Observer, Upstream
from anyclaude.secret import Secret
from anyclaude.timeouts import Timeouts
from anyclaude.transforms import Diet, PromptContext

from .connection import GatewayServer, closed_by_gateway
from .count_tokens import count_tokens
from .event_writer import StreamTiming
from .guard import Guard, is_loopback
from .health import health
from .limits import Limits
from .messages import MessagesHandler
from .models import list_models, show_model
from .passthrough import Passthrough
from .requests import RequestContext
from .responses import error_response

Handler: TypeAlias = Callable[[RequestContext], Awaitable[web.StreamResponse]]

RECORDED_PATHS = frozenset({"/v1/messages", "/v1/messages/count_tokens"})
"""Exchanges with a model; probes and catalogues would only bury them in the journal."""


class GatewayOptions(Struct, frozen=True, kw_only=True):
    """What the user may choose about the gateway; port 0 takes a free one."""

    host: str = "127.0.0.1"
    port: int = 0
    token: Secret | None = None
    forward_to: str | None = None
    """Where every request goes unchanged (mode `claude`); then there are no targets, and no token of ours."""
    allowed_origins: frozenset[str] = frozenset()
    memory_file: Path | None = None
    """Where the model's own wording of its calls outlives the gateway; `None` keeps it for this run alone."""
    prompts_folder: Path | None = None
    """Where it is written down what became of the prompts and the engine's cache; `None` for nowhere."""
    kept_prompts: int = MAX_PROMPTS
    """How many prompts are kept there whole; 0 keeps no word of one."""
    diet: Diet = "full"
    """How much of the client's own text a prompt keeps on its way to the backend."""
    allowed_tools: frozenset[str] | None = None
    """The tools the model is told of, by name or pattern; `None` for all."""
    warm_up: PrewarmOptions | None = None
    """Where first prompts are kept, to be evaluated before anybody asks; `None` for neither."""
    kept_state: SlotSaverOptions | None = None
    """Where what the engine has computed outlives it; `None` for nowhere."""
    queue_limit: int = 64
    grace_seconds: float = 30.0
    timeouts: Timeouts = Timeouts()
    timing: StreamTiming = StreamTiming()
    limits: Limits = Limits()
    reattach_policy: ReattachPolicy = ReattachPolicy()


@dataclass(frozen=True, slots=True)
class Clock:
    """Time as the gateway sees it: `seconds` counts from anywhere, `now` is the time of day."""

    seconds: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class Gateway:
    """Listens for the client, and answers from the first of `targets` that can; `start` and `stop` it once."""

    def __init__(
        self,
        options: GatewayOptions,
        targets: tuple[BackendTarget, ...],
        journal: Journal,
        clock: Clock = Clock(),
        fatal_error: Callable[[], AnyclaudeError | None] = lambda: None,
        observer: Observer = lambda backend_request, request: None,
    ) -> None:
        """
        `obstacle` says why no request can be answered any more, once that is so: then all are told at once.
        `observer` sees what the servers are asked, and for which conversation.
        """
        if not is_loopback(options.host) and options.token is None:
            raise InvalidSetting(
                f"host {options.host} is open to other machines, so a token is required: set ANYCLAUDE_TOKEN"
            )
        self._options = options
        self._targets = targets
        self._journal = journal
        policy = PromptContext(diet=options.diet, allowed_tools=options.allowed_tools)
        self._preparation = Preparation(ConversationMemory(options.memory_file, policy=policy))
        self._guard = Guard(host=options.host, allowed_origins=options.allowed_origins, token=options.token)
        self._clock = clock
        self._fatal_error = fatal_error
        self._observer = observer
        self._pending_replies = PendingReplies(clock.seconds, options.reattach_policy)
        self._analyser = _analyser(options.prompts_folder, options.kept_prompts)
        self._session: aiohttp.ClientSession | None = None
        self._runner: web.ServerRunner | None = None
        self._routes: dict[str, dict[str, Handler]] = {}
        self._upstreams: tuple[Upstream, ...] = ()
        self._forward: Passthrough | None = None
        self._prewarmer: Prewarmer | None = None
        self._is_stopping = False
        self.port = options.port

    @property
    def base_url(self) -> str:
        """Where a client on this machine reaches the gateway."""
        host = "127.0.0.1" if self._options.host in {"0.0.0.0", "::"} else self._options.host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    async def start(self) -> None:
        """Listen; raises `PortTaken`."""
        is_remote = any(target.profile.is_remote for target in self._targets)
        self._session = open_session(trusts_environment=is_remote or self._options.forward_to is not None)
        self._upstreams = tuple(self._upstream(target, self._session) for target in self._targets)
        self._forward = Passthrough(self._session, self._options.forward_to) if self._options.forward_to else None
        self._routes = self._routing()
        self._prewarmer = self._warmed(self._upstreams[0]) if self._upstreams else None
        self._runner = web.ServerRunner(
            GatewayServer(self._handle, self._options.limits, _new_request_id),
            shutdown_timeout=self._options.grace_seconds / 2,  # aiohttp waits twice as long: for the reply, and again
        )
        await self._runner.setup()
        try:
            site = web.TCPSite(self._runner, self._options.host, self._options.port, backlog=1024)
            await site.start()
        except OSError as error:
            await self.stop()
            raise PortTaken(
                f"cannot listen on {self._options.host} port {self._options.port}: {error.strerror}. "
                "Choose another with --port, or stop the program that has it"
            ) from error
        self.port = self._runner.addresses[0][1]
        if self._prewarmer is not None:
            self._prewarmer.begin()

    async def stop(self) -> None:
        """Take no new requests, let running replies end within the grace period, then cut what is left."""
        self._is_stopping = True
        if self._runner is not None:
            await self._runner.cleanup()
        await self._pending_replies.close()
        if self._analyser is not None:
            await self._analyser.close()
        if self._prewarmer is not None:
            await self._prewarmer.stop()
        if self._session is not None:
            await self._session.close()
        self._journal.close()

    def _upstream(self, target: BackendTarget, session: aiohttp.ClientSession) -> Upstream:
        return Upstream(
            backend=HttpBackend(session, target),
            dialect=dialect_named(target.profile.dialect),
            breaker=CircuitBreaker(self._clock.seconds),
            admission=Admission(
                target.parallel_requests,
                self._options.queue_limit,
                evicts_prompts=not target.profile.keeps_evicted_prompts,
            ),
        )

    def _warmed(self, upstream: Upstream) -> Prewarmer:
        prompts, states, clock = self._options.warm_up, self._options.kept_state, self._clock
        return Prewarmer(
            PromptPrewarmer(prompts, upstream, self._preparation, self._journal, clock.now) if prompts else None,
            SlotSaver(states, upstream, clock.seconds, clock.sleep) if states else None,
            lambda: ExchangeLog(_new_request_id(), "/v1/messages", NOBODY, clock.seconds, clock.now),
            self._options.timeouts.first_byte_seconds,
        )

    def _routing(self) -> dict[str, dict[str, Handler]]:
        health_route: dict[str, dict[str, Handler]] = {"/health": {"GET": self._health, "HEAD": self._health}}
        if not self._upstreams:
            return health_route
        dispatcher = Dispatcher(
            self._upstreams,
            self._options.timeouts,
            self._clock.seconds,
            self._clock.sleep,
            self._fatal_error,
            self._observer,
        )
        messages = MessagesHandler(
            dispatcher, self._pending_replies, self._preparation, self._options.timing, _new_id, self._analyser
        )
        return {
            **health_route,
            "/": {"HEAD": _nothing, "GET": _nothing},
            "/api/hello": {"HEAD": _nothing, "GET": _nothing},
            "/v1/models": {"GET": self._models},
            "/v1/models/": {"GET": self._model},
            "/v1/messages": {"POST": messages},
            "/v1/messages/count_tokens": {"POST": self._count_tokens},
        }

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request whatever it is, and write the account of it."""
        caller = caller_of(request.headers)
        log = ExchangeLog(_new_request_id(), request.path, caller, self._clock.seconds, self._clock.now)
        context = RequestContext(request, log.request_id, caller, log, self._options.limits)
        outcome: Outcome = "failed"
        try:
            response = await self._answer(context)
            outcome = "completed" if log.error is None else "failed"
            return response
        except AnyclaudeError as error:
            log.error, log.status = error, error.status
            outcome = "refused" if isinstance(error, RequestError) else "failed"
            return error_response(error, log.request_id)
        except (asyncio.CancelledError, ConnectionError):
            if closed_by_gateway(request):
                log.error = ShuttingDown("the gateway was stopped before the reply was whole")
            outcome = "client_left" if log.error is None else "failed"
            raise
        finally:
            if request.path in RECORDED_PATHS:
                self._journal.write(log.record(outcome))
                if self._prewarmer is not None:
                    self._prewarmer.heard(log, outcome)

    async def _answer(self, context: RequestContext) -> web.StreamResponse:
        self._guard.check(context.http.headers)
        if self._is_stopping:
            raise ShuttingDown("the gateway is stopping; it takes no new requests")
        if context.http.path in RECORDED_PATHS and (fatal_error := self._fatal_error()) is not None:
            raise fatal_error
        return await self._handler(context.http.method, context.http.path)(context)

    def _handler(self, method: str, path: str) -> Handler:
        if self._forward is not None and path != "/health":
            return self._forward
        handlers = self._routes.get("/v1/models/" if path.startswith("/v1/models/") else path)
        if handlers is None:
            raise NotFound(f"no such route: {path[:200]}")
        if method not in handlers:
            raise MethodNotAllowed(f"{path} answers {' and '.join(handlers)}, not {method[:20]}")
        return handlers[method]

    async def _health(self, context: RequestContext) -> web.Response:
        return health(context, self._upstreams, self._journal, self._prewarmer)

    async def _models(self, context: RequestContext) -> web.Response:
        return list_models(context, self._targets)

    async def _model(self, context: RequestContext) -> web.Response:
        return show_model(context, context.http.path.removeprefix("/v1/models/"), self._targets)

    async def _count_tokens(self, context: RequestContext) -> web.Response:
        return await count_tokens(context, self._upstreams[0], self._preparation)


async def _nothing(context: RequestContext) -> web.Response:
    """Answer a probe."""
    return web.Response(headers={"request-id": context.request_id})


def _analyser(folder: Path | None, kept_prompts: int) -> CacheAnalyser | None:
    if folder is None:
        return None
    store = PromptStore(folder, kept_prompts) if kept_prompts else PromptStore(None)
    return CacheAnalyser(folder / FINDINGS_FILE, store, _new_id("run"), with_excerpts=kept_prompts > 0)


def _new_request_id() -> str:
    return _new_id("req")


def _new_id(prefix: str) -> str:
    """Return an identifier that is unique for ever: 96 random bits."""
    return f"{prefix}_{secrets.token_hex(12)}"
