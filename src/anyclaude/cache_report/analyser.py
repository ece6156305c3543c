"""
Looks at a prompt after its reply has ended: which earlier one it goes on from, and what that cost.

Nothing waits for this: it runs beside the next requests, in a thread as far as it computes, and asks the server which
tokens a prompt has only when some of them had to be evaluated again.  As threads share one interpreter it also rests:
whoever sends hundreds of requests in a second must not pay for being watched.
"""

import asyncio
import hashlib
from collections import deque
from contextlib import suppress
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from anyclaude.backends import query_or_none
from anyclaude.dialects import WireRequest, dialect_named, tokenizer_for
from anyclaude.exchange.caller import Caller
from anyclaude.protocol.deltas import UsageReported
from anyclaude.protocol.prompt import Difference, Prompt, first_difference
from anyclaude.scheduling.dispatch import Sent, Upstream

from .classification import Comparison, Earlier, cause_of, excerpt_of, hints_of, location_of
from .findings import Finding, FindingLog
from .prompt_store import PromptStore, StoredPrompt, packed

TOKENS_SECONDS = 5.0
"""Rendering and tokenizing 300 kB takes llama.cpp a fraction of a second, even while it evaluates for others."""

RESTS = 10
"""After each comparison nothing is compared for so many times as long as it took: it takes a tenth of the time at most.
Without a rest, the first event of a 4 kB request came 1.9 ms after it, and without comparisons 0.7 ms, where requests
followed each other at once (`benchmarks.gateway`)."""

MAX_WAITING = 32
"""Replies that may wait to be examined; a model's never are so many, and beyond that the oldest is let go of."""

CLOSE_SECONDS = 2.0
"""A launch ends right after its last reply, and what was found about that one should still be written."""

MAX_ANSWERED = 64
"""Of the exchanges in between, more than these would not be shown anyway."""


class CompletedReply(Struct, frozen=True, kw_only=True):
    """A reply that has ended, and what it answered."""

    request_id: str
    message_id: str
    caller: Caller
    route: str
    sent: Sent
    reported: UsageReported


class _Examined(Struct, frozen=True):
    """What the texts tell; without a comparison there was nothing to compare with."""

    finding: Finding
    comparison: Comparison | None = None
    earlier_body: bytes = b""


class CacheAnalyser:
    """Examines one prompt after the other; `file` gets the findings, and excerpts only where prompts may be kept."""

    def __init__(self, file: Path, store: PromptStore, run: str, *, with_excerpts: bool) -> None:
        self._log = FindingLog(file)
        self._store = store
        self._run = run
        self._with_excerpts = with_excerpts
        self._answered: deque[tuple[int, str, str]] = deque(maxlen=MAX_ANSWERED)
        self._order = 0
        self._waiting: deque[CompletedReply] = deque(maxlen=MAX_WAITING)
        self._work: asyncio.Task[None] | None = None
        self._is_closing = asyncio.Event()

    def reply_ended(self, answer: CompletedReply) -> None:
        """Put the reply in the row of those that are examined; returns at once."""
        self._waiting.append(answer)
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._examine_all())

    async def close(self) -> None:
        """Let what waits come to its end without any rest, for a moment."""
        self._is_closing.set()
        if self._work is not None:
            await asyncio.wait({self._work}, timeout=CLOSE_SECONDS)
            self._work.cancel()
            await asyncio.wait({self._work})

    async def _examine_all(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            answer, began = self._waiting.popleft(), loop.time()
            examined = await asyncio.to_thread(self._compare, answer)
            rest = RESTS * (loop.time() - began)
            await self._settle(answer, examined)
            with suppress(TimeoutError):
                async with asyncio.timeout(rest):
                    await self._is_closing.wait()

    async def _settle(self, answer: CompletedReply, examined: _Examined) -> None:
        """Ask for the tokens where they matter, and write down what was found."""
        finding, comparison = examined.finding, examined.comparison
        try:
            if comparison is not None and comparison.difference is not None and finding.cause != "nothing_lost":
                tokens = await common_tokens(answer.sent.upstream, examined.earlier_body, answer.sent.request.body)
                cause = cause_of(replace(comparison, common_tokens=tokens), answer.reported)
                finding = replace(finding, cause=cause, common_tokens=tokens)
        finally:
            self._log.write(finding)

    def _compare(self, answer: CompletedReply) -> _Examined:
        """Compare with what is kept, and keep this one in its place."""
        self._order += 1
        now = answer.sent.upstream.dialect.read_prompt(answer.sent.request)
        conversation = conversation_of(answer.caller, now)
        candidate = self._candidate(conversation, answer.route, now)
        examined = self._examined(answer, now, conversation, candidate)
        continued = examined.finding.is_same_conversation and examined.finding.place is None
        self._store.keep(
            StoredPrompt(
                request_id=answer.request_id,
                conversation=conversation,
                run=self._run,
                order=self._order,
                route=answer.route,
                dialect=answer.sent.upstream.backend.target.profile.dialect,
                input_tokens=answer.reported.input_tokens,
                packed=packed(answer.sent.request.body),
            ),
            instead_of=examined.finding.compared_with if continued else None,
        )
        self._answered.append((self._order, answer.route, answer.request_id))
        return examined

    def _candidate(self, conversation: str, route: str, now: Prompt) -> tuple[StoredPrompt, Prompt] | None:
        """Return the prompt of the same conversation, or else of any on the same route, that has most in common."""
        kept = self._store.prompts()
        chosen = [prompt for prompt in kept if prompt.conversation == conversation]
        read = [(prompt, _read(prompt)) for prompt in chosen or [prompt for prompt in kept if prompt.route == route]]
        readable = [(prompt, text) for prompt, text in read if text is not None]
        return max(reversed(readable), key=lambda pair: _shared(pair[1], now), default=None)

    def _examined(
        self, answer: CompletedReply, now: Prompt, conversation: str, candidate: tuple[StoredPrompt, Prompt] | None
    ) -> _Examined:
        if candidate is None:
            return _Examined(Finding(request_id=answer.request_id, message_id=answer.message_id, cause="first_request"))
        kept, before = candidate
        earlier = Earlier(before, kept.route, kept.input_tokens, kept.conversation == conversation)
        comparison = Comparison(earlier, now, answer.route, first_difference(before, now))
        finding = Finding(
            request_id=answer.request_id,
            message_id=answer.message_id,
            cause=cause_of(comparison, answer.reported),
            compared_with=kept.request_id,
            is_same_conversation=earlier.is_same_conversation,
            previous_tokens=kept.input_tokens,
            previous_route=kept.route,
            answered_since=self._answered_since(kept, answer.route),
            is_from_an_earlier_run=kept.run != self._run,
        )
        if comparison.difference is not None:
            finding = self._placed(finding, comparison.difference, now)
        return _Examined(finding, comparison, kept.body)

    def _placed(self, finding: Finding, difference: Difference, now: Prompt) -> Finding:
        excerpt = excerpt_of(difference) if self._with_excerpts else None
        return replace(finding, place=location_of(difference, now), hints=hints_of(difference), excerpt=excerpt)

    def _answered_since(self, kept: StoredPrompt, route: str) -> tuple[str, ...]:
        if kept.run != self._run:
            return ()
        return tuple(request_id for order, asked, request_id in self._answered if order > kept.order and asked == route)


async def common_tokens(upstream: Upstream, before: bytes, now: bytes) -> int | None:
    """Return how many tokens two prompts begin with in common, by the server's own template and tokenizer."""
    earlier = await _tokens_of(upstream, before)
    later = None if earlier is None else await _tokens_of(upstream, now)
    if earlier is None or later is None:
        return None
    pairs = enumerate(zip(earlier, later, strict=False))
    return next((at for at, (was, became) in pairs if was != became), min(len(earlier), len(later)))


def conversation_of(caller: Caller, prompt: Prompt) -> str:
    """
    Return a key of the conversation.

    Without a session, and for the client's calls on the side, the conversation is known by how the user opens it.
    """
    if caller.session is not None and caller.request_class != "auxiliary":
        return caller.conversation
    opening = next((piece.text for piece in prompt.parts if piece.section == "messages"), "")
    known = replace(caller, opening=None).conversation  # whose instructions changed has still the same conversation
    return f"{known}/{hashlib.sha256(opening.encode()).hexdigest()[:16]}"


async def _tokens_of(upstream: Upstream, body: bytes) -> tuple[int, ...] | None:
    tokenizer = tokenizer_for(upstream.backend.target.profile)
    question = tokenizer.encode_rendering(WireRequest("", body))
    rendered = None if question is None else await query_or_none(upstream.backend, question, TOKENS_SECONDS)
    text = None if rendered is None else tokenizer.decode_rendering(rendered)
    if text is None:
        return None
    tokenizing = tokenizer.encode_tokenizing(text)
    answer = None if tokenizing is None else await query_or_none(upstream.backend, tokenizing, TOKENS_SECONDS)
    return None if answer is None else tokenizer.decode_tokenizing(answer)


def _read(kept: StoredPrompt) -> Prompt | None:
    try:
        return dialect_named(kept.dialect).read_prompt(WireRequest("", kept.body))
    except ValueError:  # damaged on the disk
        return None


def _shared(before: Prompt, now: Prompt) -> tuple[bool, int]:
    """Order prompts by how far the later one goes on as they did: one that is wholly its beginning comes first."""
    difference = first_difference(before, now)
    return (difference is None, before.characters if difference is None else difference.characters)
