"""
Builds a gateway from its options.

`open_gateway` creates the parts, among them the listeners, and opens the port; leaving its block closes everything in
reverse order.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from itertools import zip_longest
from types import ModuleType
from typing import TypeAlias

import aiohttp
from msgspec.structs import replace

from anyclaude.backends import Backend, BackendTarget, CircuitBreaker, EvaluationSpeeds, LearnedAmendments
from anyclaude.backends.http import HttpBackend, open_session
from anyclaude.cache_report.analyser import CacheAnalyser
from anyclaude.cache_report.diagnostics import CacheDiagnostics
from anyclaude.dialects import dialect_named
from anyclaude.errors import InvalidSetting
from anyclaude.exchange import (
    REAL_TIME,
    Clock,
    ConversationMemory,
    ExchangeListener,
    Listeners,
    MessageExchanges,
    PendingReplies,
    PromptPipeline,
    TokenCalibration,
)
from anyclaude.exchange.attachments import AttachmentReader
from anyclaude.exchange.documents import DocumentReader
from anyclaude.exchange.picture_descriptions import PictureDescriptions
from anyclaude.exchange.pictures import PictureReader
from anyclaude.filters import (
    FilterFactory,
    checked_calls,
    citations,
    endless_arguments,
    endless_reply,
    reply_limit,
    stop_sequences,
    written_replies,
)
from anyclaude.memory_budget import MemoryBudget
from anyclaude.network import parse_address
from anyclaude.observability.journal import Journal
from anyclaude.observability.speed_recorder import SpeedRecorder
from anyclaude.prewarm import Prewarmer
from anyclaude.profiles import BackendProfile
from anyclaude.protocol.caching_decoder import CachingDecoder
from anyclaude.protocol.messages_request import MessagesRequest
from anyclaude.reading.documents import DocumentReading
from anyclaude.reading.reader import Reader
from anyclaude.scheduling import Admission, Dispatcher, FollowedServer, KeptPrompts, TokenCounter, Upstream
from anyclaude.scheduling.model_choice import model_for
from anyclaude.scheduling.queue import Priority
from anyclaude.transforms import PromptContext
from anyclaude.web.access import NO_WEB, WebAccess
from anyclaude.worker_threads import ReplyWorkers, RequestWorkers

from .bodies import Bodies
from .gateway import FatalError, Gateway, new_id
from .guard import is_loopback
from .options import AskForTarget, GatewayOptions
from .passthrough import Passthrough
from .services import Services
from .stopping import Stopping


@asynccontextmanager
async def open_gateway(
    options: GatewayOptions,
    targets: tuple[BackendTarget, ...],
    journal: Journal,
    clock: Clock = REAL_TIME,
    fatal_error: FatalError = lambda: None,
    listeners: Iterable[ExchangeListener] = (),
) -> AsyncIterator[Gateway]:
    """
    Run a gateway within the block; the first of `targets` that can serve a request answers it.

    `fatal_error` returns the error with which all requests are refused, or `None`.  `listeners` are called after the
    gateway's own.

    Raises:
        InvalidSetting: when the gateway would be open to other machines without a token.
        PortTaken: when another process listens on the port.
    """
    if not is_loopback(options.host) and options.token is None:
        raise InvalidSetting(
            f"host {options.host} is open to other machines, so a token is required: set ANYCLAUDE_TOKEN"
        )
    composition = _Composition(options, targets, journal, clock, fatal_error)
    async with AsyncExitStack() as stack:
        sessions = await composition.opened_sessions(stack)
        services, own_listeners = composition.services(sessions, stack)
        forward = composition.forward(sessions)
        listener = Listeners((*own_listeners, *listeners))
        gateway = Gateway(options, services, listener, forward, clock, fatal_error)
        await stack.enter_async_context(gateway.listening())
        if services.prewarmer is not None:
            services.prewarmer.start(gateway.new_log)
        yield gateway


Sessions: TypeAlias = Mapping[str | None, aiohttp.ClientSession]
"""The connections: one session for all servers on the network, and one for each Unix socket, by its path."""


@dataclass(frozen=True, slots=True)
class _Composition:
    """Creates the parts of one gateway; `stack` closes those that have to be closed."""

    options: GatewayOptions
    targets: tuple[BackendTarget, ...]
    journal: Journal
    clock: Clock
    fatal_error: FatalError

    async def opened_sessions(self, stack: AsyncExitStack) -> Sessions:
        """Return the sessions for the connections to all servers; the journal is closed after them."""
        stack.callback(self.journal.close)
        addresses = [target.endpoint for target in self.targets]
        addresses += [parse_address(self.options.forward_to)] if self.options.forward_to else []
        paths = {None, *(address.socket_path for address in addresses)}
        return {path: await stack.enter_async_context(open_session(socket_path=path)) for path in paths}

    def forward(self, sessions: Sessions) -> Passthrough | None:
        """Return what forwards every request, `None` if a model answers."""
        if self.options.forward_to is None:
            return None
        address = parse_address(self.options.forward_to)
        return Passthrough(sessions[address.socket_path], address, self.options.forward_way, self.options.token)

    def services(self, sessions: Sessions, stack: AsyncExitStack) -> tuple[Services, tuple[ExchangeListener, ...]]:
        """Return the services of the routes, and the gateway's own listeners in the order of their calls."""
        budget = MemoryBudget(self.options.memory_bytes)
        kept = self._kept(budget, stack)
        learned = LearnedAmendments(self.options.learned_file)
        servers = zip_longest(self.targets, self.options.ask_again[: len(self.targets)])
        reply_workers = ReplyWorkers()
        stack.callback(reply_workers.close)
        upstreams = tuple(
            self._upstream(self._as_set(target), ask, sessions, learned, reply_workers, budget)
            for target, ask in servers
        )
        sources = self._sources(stack)
        pipeline = self._pipeline(upstreams, kept, sources.web)
        for upstream in upstreams:
            self._follow(upstream, pipeline if upstream is upstreams[0] else None, stack)
        prewarmer = self._prewarmer(upstreams, pipeline, stack)
        workers = RequestWorkers()
        stack.callback(workers.close)
        services = Services(
            upstreams=upstreams,
            pipeline=pipeline,
            exchanges=self._exchanges(upstreams, pipeline, kept, sources, workers, stack),
            workers=workers,
            token_counter=self._token_counter(stack),
            calibration=kept.calibration,
            journal=self.journal,
            budget=budget,
            stopping=Stopping(),
            bodies=Bodies(budget, self.clock.seconds, secrets.token_bytes()),
            timing=self.options.timing,
            limits=self.options.limits,
            prewarmer=prewarmer,
        )
        listeners = (self.journal, kept.memory, kept.calibration, kept.analyser, self._speed_recorder(), prewarmer)
        return services, tuple(listener for listener in listeners if listener is not None)

    def _kept(self, budget: MemoryBudget, stack: AsyncExitStack) -> "_Kept":
        """Return what is kept, created in the order in which it is dropped: what costs most to lose comes last."""
        return _Kept(
            budget=budget,
            analyser=self._analyser(budget, stack),
            diagnostics=CacheDiagnostics(budget),
            decoder=CachingDecoder(budget),
            memory=ConversationMemory(self.options.memory_file, budget=budget),
            calibration=TokenCalibration(),
        )

    def _pipeline(self, upstreams: tuple[Upstream, ...], kept: "_Kept", web: WebAccess) -> PromptPipeline:
        policy = PromptContext(
            diet=self.options.diet,
            allowed_tools=self.options.allowed_tools,
            repeated_calls=self.options.repeated_calls,
            server_tools=web.tools,
        )
        return PromptPipeline(
            kept.memory,
            policy,
            kept.calibration.characters_per_token,
            lambda: _window_of(upstreams),
            lambda: bool(upstreams) and upstreams[0].gets_thinking,
        )

    def _upstream(
        self,
        target: BackendTarget,
        ask_again: AskForTarget | None,
        sessions: Sessions,
        learned: LearnedAmendments,
        workers: ReplyWorkers,
        budget: MemoryBudget,
    ) -> Upstream:
        session = sessions[target.endpoint.socket_path]
        evicts_prompts = not target.profile.keeps_evicted_prompts

        async def ask(backend: Backend) -> Backend:
            present = self._as_set(await ask_again(backend.target)) if ask_again else backend.target
            return backend if present == backend.target else HttpBackend(session, present)

        return Upstream(
            server=FollowedServer(HttpBackend(session, target), ask if ask_again else None, self.clock.seconds),
            dialect=dialect_named(target.profile.dialect),
            breaker=CircuitBreaker(self.clock.seconds),
            admission=Admission(target.parallel_requests, self.options.queue_limit, evicts_prompts=evicts_prompts),
            learned=learned,
            workers=workers,
            kept_prompts=KeptPrompts(budget) if target.profile.moves_kept_prompts else KeptPrompts(),
        )

    def _follow(self, upstream: Upstream, pipeline: PromptPipeline | None, stack: AsyncExitStack) -> None:
        """Adapt the upstream, and the prompts made for it, to its server's changes; await one that is not there yet."""
        diet_for = self.options.diet_for

        def adapt(backend: Backend) -> None:
            upstream.server_changed(backend)
            if pipeline is not None and diet_for is not None:
                pipeline.change_diet(diet_for(backend.target))

        upstream.server.on_change = adapt
        stack.push_async_callback(upstream.server.aclose)
        if upstream.server.awaited_because is not None:
            waiting = asyncio.create_task(upstream.server.wait_until_found(self.clock.sleep))
            stack.callback(waiting.cancel)

    def _as_set(self, target: BackendTarget) -> BackendTarget:
        """Return the target as the options want it."""
        profile = target.profile
        if self.options.tool_calls != "constrained":
            profile = replace(profile, forces_calls_by="tool_choice")  # asked to call a tool, never made to by a schema
        if not self.options.asks_for_progress:
            profile = replace(profile, reports_progress=False)
        return replace(target, profile=profile)

    def _prewarmer(
        self, upstreams: tuple[Upstream, ...], pipeline: PromptPipeline, stack: AsyncExitStack
    ) -> Prewarmer | None:
        if not upstreams:
            return None
        within_seconds = self.options.timeouts.first_byte_seconds
        prewarmer = Prewarmer(self.options.prewarm, upstreams[0], pipeline, self.clock, within_seconds)
        stack.push_async_callback(prewarmer.stop)
        return prewarmer

    def _speed_recorder(self) -> SpeedRecorder | None:
        file = self.options.speeds_file
        return None if file is None else SpeedRecorder(EvaluationSpeeds(file))

    def _token_counter(self, stack: AsyncExitStack) -> TokenCounter:
        counter = TokenCounter()
        stack.push_async_callback(counter.close)
        return counter

    def _analyser(self, budget: MemoryBudget, stack: AsyncExitStack) -> CacheAnalyser | None:
        if self.options.prompts_folder is None:
            return None
        analyser = CacheAnalyser(self.options.prompts_folder, self.options.stored_prompts, new_id("run"), budget)
        stack.push_async_callback(analyser.close)
        return analyser

    def _sources(self, stack: AsyncExitStack) -> "_Sources":
        reader = Reader()  # its process is started with the first file
        stack.push_async_callback(reader.aclose)
        return _Sources(reader, self._web(reader, stack))

    def _web(self, reader: Reader, stack: AsyncExitStack) -> WebAccess:
        """Return what was switched on of the web; what acts on it is loaded only then."""
        if not self.options.web.is_on:
            return NO_WEB
        opening: ModuleType = import_module("anyclaude.web.opening")
        web: WebAccess = opening.opened_web(self.options.web, DocumentReading(reader), stack)
        return web

    def _exchanges(
        self,
        upstreams: tuple[Upstream, ...],
        pipeline: PromptPipeline,
        kept: "_Kept",
        sources: "_Sources",
        workers: RequestWorkers,
        stack: AsyncExitStack,
    ) -> MessageExchanges:
        options, clock = self.options, self.clock
        pending_replies = PendingReplies(clock.seconds, options.reattach_policy)
        stack.push_async_callback(pending_replies.close)
        dispatcher = Dispatcher(upstreams, options.timeouts, clock.seconds, clock.sleep, self.fatal_error)
        return MessageExchanges(
            dispatcher=dispatcher,
            pipeline=pipeline,
            pending_replies=pending_replies,
            decoder=kept.decoder,
            diagnose=kept.diagnostics.diagnose,
            calibration=kept.calibration,
            new_id=new_id,
            filters=(*_own_filters(options), *options.filters),
            workers=workers,
            budget=kept.budget,
            attachment_readers=self._attachment_readers(dispatcher, sources.reader, kept.budget, stack),
            web=sources.web,
        )

    def _attachment_readers(
        self, dispatcher: Dispatcher, reader: Reader, budget: MemoryBudget, stack: AsyncExitStack
    ) -> tuple[AttachmentReader, ...]:
        """Return what reads documents and pictures."""
        descriptions = PictureDescriptions(dispatcher, budget)
        stack.push_async_callback(descriptions.close)
        upstreams = dispatcher.upstreams
        pictures = PictureReader(reader, budget, lambda request: _profile_for(upstreams, request), descriptions)
        return (DocumentReader(reader, budget, lambda: _window_of(upstreams)), pictures)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """The parts that keep something of requests and replies, within one budget."""

    budget: MemoryBudget
    analyser: CacheAnalyser | None
    diagnostics: CacheDiagnostics
    decoder: CachingDecoder
    memory: ConversationMemory
    calibration: TokenCalibration


@dataclass(frozen=True, slots=True)
class _Sources:
    """What brings text that is not in a request: the process that reads files, and the web."""

    reader: Reader
    web: WebAccess


def _window_of(upstreams: tuple[Upstream, ...]) -> int | None:
    """Return the window of the server that requests go to first, as far as it is known at present."""
    return upstreams[0].backend.target.context_tokens if upstreams else None


def _profile_for(upstreams: tuple[Upstream, ...], request: MessagesRequest) -> BackendProfile | None:
    """Return the profile of the model that a request goes to first, with what refusals have taught about it."""
    return (
        upstreams[0].profile_for(model_for(request.model, Priority.MAIN, upstreams[0].backend.target))
        if upstreams
        else None
    )


def _own_filters(options: GatewayOptions) -> tuple[FilterFactory, ...]:
    """Return the filters that every reply passes, in order."""
    calls = () if options.tool_calls == "native" else (written_replies, checked_calls)
    if not options.endless_reply:
        return (*calls, stop_sequences, reply_limit, citations)
    return (endless_arguments, *calls, stop_sequences, endless_reply, reply_limit, citations)
