"""
Analyses a prompt after its reply has ended: which earlier prompt it extends, and what the difference cost.

No request waits for this: it runs concurrently with the next ones, the comparisons in a thread, and requests the tokens
of a prompt from the server only if some had to be evaluated again.  As threads share one interpreter it also pauses, so
that hundreds of requests a second are not slowed down.
"""

import asyncio
import hashlib
from collections import deque
from contextlib import suppress
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from anyclaude.backends import query_or_none
from anyclaude.dialects import WireRequest, dialect_named
from anyclaude.errors import MemoryExhausted
from anyclaude.exchange import Caller, ExchangeEnded, ExchangeListener
from anyclaude.kept_values import KeptValues
from anyclaude.memory_budget import MemoryBudget
from anyclaude.profiles import DialectName
from anyclaude.protocol.deltas import UsageReported
from anyclaude.protocol.prompt import Difference, Prompt, first_difference
from anyclaude.scheduling import PreparedRequest, Upstream

from .classification import Comparison, Earlier, cause_of, excerpt_of, hints_of, location_of
from .findings import FINDINGS_FILE, Finding, FindingLog
from .prompt_store import PromptStore, StoredPrompt, packed

TOKENS_SECONDS = 5.0
"""Rendering and tokenizing 300 kB takes llama.cpp a fraction of a second, even while it evaluates other prompts."""

PAUSE_FACTOR = 10
"""After an analysis, pause for ten times its duration: the analyser runs a tenth of the time at most.  Without a pause,
the first event of a 4 kB request took 1.9 ms, and without analyses 0.7 ms, when requests followed each other at once
(`benchmarks.gateway`)."""

MAX_WAITING = 32
"""The number of replies that may wait for analysis.  No model replies that fast; beyond it the oldest is dropped."""

MAX_ANALYSED_BYTES = 4 * 1024 * 1024
"""A longer body has more than the text of a million tokens: pictures, which are not compared.  It gets no finding."""

READ_SHARE = 8
"""Two prompts are decoded at a time, each from its body to JSON, and from there to its parts."""

CLOSE_SECONDS = 2.0
"""A launch ends right after its last reply, whose finding should still be written."""

MAX_ANSWERED = 64
"""The number of exchanges between two prompts that a finding lists; more are not shown."""


class SentPrompt(Struct, frozen=True):
    """What is compared of a request that was sent: its body, and how to read it; the decoded request is not kept."""

    wire: WireRequest
    dialect: DialectName
    route: str
    upstream: Upstream

    @classmethod
    def of(cls, sent: PreparedRequest) -> "SentPrompt":
        """Return what is compared of a request."""
        return cls(sent.wire, sent.profile.dialect, sent.route, sent.upstream)

    @property
    def prompt(self) -> Prompt:
        """The prompt as the model reads it."""
        return dialect_named(self.dialect).read_prompt(self.wire)


class CompletedReply(Struct, frozen=True, kw_only=True):
    """A reply that has ended, and the request it answered."""

    request_id: str
    message_id: str
    caller: Caller
    sent: SentPrompt
    reported: UsageReported


class _Analysis(Struct, frozen=True):
    """The result of comparing a prompt; without a `comparison` there was no earlier prompt."""

    finding: Finding
    comparison: Comparison | None = None
    earlier_body: bytes = b""


class CacheAnalyser(ExchangeListener):
    """
    Analyses prompts one after another, and writes findings to `folder`.

    The last `stored_prompts` prompts are kept whole; with 0 no text of a prompt is written, not even an excerpt.  `run`
    identifies this run of the gateway.
    """

    def __init__(self, folder: Path, stored_prompts: int, run: str, budget: MemoryBudget | None = None) -> None:
        self._budget = budget = budget or MemoryBudget()
        self._log = FindingLog(folder / FINDINGS_FILE)
        self._waiting = KeptValues[str, CompletedReply](
            "replies to analyse", budget, lambda _, reply: len(reply.sent.wire.body), max_entries=MAX_WAITING
        )
        self._store = (
            PromptStore(folder, stored_prompts, budget) if stored_prompts else PromptStore(None, budget=budget)
        )
        self._run = run
        self._with_excerpts = stored_prompts > 0
        self._answered: deque[tuple[int, str, str]] = deque(maxlen=MAX_ANSWERED)
        self._order = 0
        self._work: asyncio.Task[None] | None = None
        self._is_closing = asyncio.Event()

    def exchange_ended(self, event: ExchangeEnded) -> None:
        """Queue the reply for analysis, if it began."""
        message_id = event.record.message_id
        if event.sent is None or message_id is None or not event.reply_began:
            return
        if len(event.sent.wire.body) > MAX_ANALYSED_BYTES:
            return
        self._waiting.keep(
            event.record.request_id,
            CompletedReply(
                request_id=event.record.request_id,
                message_id=message_id,
                caller=event.caller,
                sent=SentPrompt.of(event.sent),
                reported=event.reported,
            ),
        )
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._analyse_all())

    async def close(self) -> None:
        """Analyse the waiting replies without pauses, for `CLOSE_SECONDS` at most."""
        self._is_closing.set()
        if self._work is not None:
            await asyncio.wait({self._work}, timeout=CLOSE_SECONDS)
            self._work.cancel()
            await asyncio.wait({self._work})

    async def _analyse_all(self) -> None:
        loop = asyncio.get_running_loop()
        while (reply := self._waiting.pop_least_useful()) is not None:
            began = loop.time()
            try:
                with self._budget.reserve(READ_SHARE * len(reply.sent.wire.body)):
                    analysis = await asyncio.to_thread(self._compare, reply)
                    await self._write(reply, analysis)
            except MemoryExhausted:
                continue  # this reply has no finding
            finally:
                del reply
            self._budget.enforce()
            pause = PAUSE_FACTOR * (loop.time() - began)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._is_closing.wait()

    async def _write(self, reply: CompletedReply, analysis: _Analysis) -> None:
        """Write the finding; if tokens had to be evaluated again, with the number that both prompts share."""
        finding, comparison = analysis.finding, analysis.comparison
        try:
            if comparison is not None and comparison.difference is not None and finding.cause != "nothing_lost":
                tokens = await common_tokens(reply.sent.upstream, analysis.earlier_body, reply.sent.wire.body)
                cause = cause_of(replace(comparison, common_tokens=tokens), reply.reported)
                finding = replace(finding, cause=cause, common_tokens=tokens)
        finally:
            self._log.write(finding)

    def _compare(self, reply: CompletedReply) -> _Analysis:
        """Compare the prompt with the stored ones, then store it, in place of one that it extends."""
        self._order += 1
        now = reply.sent.prompt
        conversation = conversation_of(reply.caller, now)
        candidate = self._candidate(conversation, reply.sent.route, now)
        analysis = self._analysis(reply, now, conversation, candidate)
        extends = analysis.finding.is_same_conversation and analysis.finding.location is None
        self._store.keep(
            StoredPrompt(
                request_id=reply.request_id,
                conversation=conversation,
                run=self._run,
                order=self._order,
                route=reply.sent.route,
                dialect=reply.sent.dialect,
                input_tokens=reply.reported.input_tokens,
                packed=packed(reply.sent.wire.body),
            ),
            instead_of=analysis.finding.compared_with if extends else None,
        )
        self._answered.append((self._order, reply.sent.route, reply.request_id))
        return analysis

    def _candidate(self, conversation: str, route: str, now: Prompt) -> tuple[StoredPrompt, Prompt] | None:
        """Return the prompt with the longest common prefix: of this conversation, or else of any on this route."""
        stored = self._store.prompts()
        chosen = [prompt for prompt in stored if prompt.conversation == conversation]
        best: tuple[StoredPrompt, Prompt] | None = None
        most = (False, -1)
        for prompt in reversed(chosen or [prompt for prompt in stored if prompt.route == route]):
            text = _read(prompt)  # one at a time: all together may fill the memory
            shared = most if text is None else _shared(text, now)
            if text is not None and shared > most:
                best, most = (prompt, text), shared
        return best

    def _analysis(
        self, reply: CompletedReply, now: Prompt, conversation: str, candidate: tuple[StoredPrompt, Prompt] | None
    ) -> _Analysis:
        if candidate is None:
            return _Analysis(Finding(request_id=reply.request_id, message_id=reply.message_id, cause="first_request"))
        stored, before = candidate
        route = reply.sent.route
        earlier = Earlier(before, stored.route, stored.input_tokens, stored.conversation == conversation)
        comparison = Comparison(earlier, now, route, first_difference(before, now))
        finding = Finding(
            request_id=reply.request_id,
            message_id=reply.message_id,
            cause=cause_of(comparison, reply.reported),
            compared_with=stored.request_id,
            is_same_conversation=earlier.is_same_conversation,
            previous_tokens=stored.input_tokens,
            previous_route=stored.route,
            answered_since=self._answered_since(stored, route),
            is_from_an_earlier_run=stored.run != self._run,
        )
        if comparison.difference is not None:
            finding = self._located(finding, comparison.difference, now)
        return _Analysis(finding, comparison, stored.body)

    def _located(self, finding: Finding, difference: Difference, now: Prompt) -> Finding:
        excerpt = excerpt_of(difference) if self._with_excerpts else None
        return replace(finding, location=location_of(difference, now), hints=hints_of(difference), excerpt=excerpt)

    def _answered_since(self, stored: StoredPrompt, route: str) -> tuple[str, ...]:
        if stored.run != self._run:
            return ()
        later = (answered for answered in self._answered if answered[0] > stored.order)
        return tuple(request_id for _, answered_route, request_id in later if answered_route == route)


async def common_tokens(upstream: Upstream, before: bytes, now: bytes) -> int | None:
    """Return the length of the common prefix of two prompts in tokens, by the server's own template and tokenizer."""
    earlier = await _tokens_of(upstream, before)
    later = None if earlier is None else await _tokens_of(upstream, now)
    if earlier is None or later is None:
        return None
    pairs = enumerate(zip(earlier, later, strict=False))
    return next((at for at, (token, other) in pairs if token != other), min(len(earlier), len(later)))


def conversation_of(caller: Caller, prompt: Prompt) -> str:
    """
    Return a key of the conversation.

    Without a session, and for auxiliary requests, the first user message identifies the conversation.
    """
    if caller.session is not None and caller.request_class != "auxiliary":
        return caller.conversation
    opening = next((part.text for part in prompt.parts if part.section == "messages"), "")
    key = replace(caller, opening=None).conversation  # changed instructions do not make it another conversation
    return f"{key}/{hashlib.sha256(opening.encode()).hexdigest()[:16]}"


async def _tokens_of(upstream: Upstream, body: bytes) -> tuple[int, ...] | None:
    backend, tokenizer = upstream.backend, upstream.tokenizer
    rendering = tokenizer.encode_rendering(WireRequest("", body))
    rendered = None if rendering is None else await query_or_none(backend, rendering, TOKENS_SECONDS)
    text = None if rendered is None else tokenizer.decode_rendering(rendered)
    if text is None:
        return None
    tokenizing = tokenizer.encode_tokenizing(text)
    tokenized = None if tokenizing is None else await query_or_none(backend, tokenizing, TOKENS_SECONDS)
    return None if tokenized is None else tokenizer.decode_tokenizing(tokenized)


def _read(stored: StoredPrompt) -> Prompt | None:
    try:
        return dialect_named(stored.dialect).read_prompt(WireRequest("", stored.body))
    except ValueError:  # the file is damaged
        return None


def _shared(before: Prompt, now: Prompt) -> tuple[bool, int]:
    """Return a sort key: whether `now` extends the prompt, and the length of their common prefix in characters."""
    difference = first_difference(before, now)
    return (difference is None, before.characters if difference is None else difference.characters)
