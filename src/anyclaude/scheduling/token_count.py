"""The number of tokens in a prompt, from the engine's own tokenizer."""

import asyncio
import hashlib

from anyclaude.backends import Backend, BackendTarget, query_or_none
from anyclaude.bounded_dict import BoundedDict
from anyclaude.dialects import TokenizerApi, WireRequest
from anyclaude.worker_threads import in_thread_if_large

from .upstream import PreparedRequest

COUNT_SECONDS = 5.0
"""The time limit of a count.  An engine tokenizes 300 kB in well under a second; after that, the client estimates."""

MAX_QUESTIONS = 4
"""Questions to one server at a time: llama.cpp answers them in the threads that also take requests for replies, and has
at least four of them (tools/server/README.md, `--threads-http`)."""

TURN_SECONDS = 0.5
"""How long a question waits for others.  Claude Code asks 26 at once and shows nothing before all are answered."""

MAX_COUNTS = 4_096
"""Counts kept: a hundred bytes each, and a display of the context asks for about thirty."""


async def count_prompt_tokens(encoded: WireRequest, backend: Backend, tokenizer: TokenizerApi) -> int | None:
    """Return the engine's token count, `None` if there is none in time: the caller can use an estimate instead."""
    question = await in_thread_if_large(len(encoded.body), lambda: tokenizer.encode_token_count(encoded))
    return None if question is None else await _answer(question, backend, tokenizer)


class TokenCounter:
    """
    Asks the servers' tokenizers, for clients that ask many questions at once, and again and again.

    Each question is asked once, however many clients wait for its answer, and never again; few are asked at a time.
    """

    def __init__(self) -> None:
        self._counts = BoundedDict[bytes, int](MAX_COUNTS)
        self._questions: dict[bytes, asyncio.Task[int | None]] = {}
        self._turns: dict[str, asyncio.Semaphore] = {}

    async def count(self, prepared: PreparedRequest) -> int | None:
        """Return the engine's token count of a prompt, `None` if it has none or is too busy."""
        backend, tokenizer = prepared.upstream.backend, prepared.upstream.tokenizer

        def asked() -> tuple[bytes, WireRequest] | None:
            question = tokenizer.encode_token_count(prepared.wire)
            return None if question is None else (_key(prepared.target, question), question)

        keyed = await in_thread_if_large(len(prepared.wire.body), asked)
        return None if keyed is None else await self._count(*keyed, backend, tokenizer)

    async def close(self) -> None:
        """Ask no more."""
        for task in tuple(self._questions.values()):
            task.cancel()
        await asyncio.gather(*self._questions.values(), return_exceptions=True)

    async def _count(self, key: bytes, question: WireRequest, backend: Backend, tokenizer: TokenizerApi) -> int | None:
        if key in self._counts:
            self._counts.move_to_end(key)
            return self._counts[key]
        if key not in self._questions:
            task = asyncio.create_task(self._ask(question, backend, tokenizer))
            self._questions[key] = task
            task.add_done_callback(lambda task: self._answered(key, task))
        return await asyncio.shield(self._questions[key])

    async def _ask(self, question: WireRequest, backend: Backend, tokenizer: TokenizerApi) -> int | None:
        turns = self._turns.setdefault(backend.target.base_url, asyncio.Semaphore(MAX_QUESTIONS))
        try:
            async with asyncio.timeout(TURN_SECONDS):
                await turns.acquire()
        except TimeoutError:
            return None
        try:
            return await _answer(question, backend, tokenizer)
        finally:
            turns.release()

    def _answered(self, key: bytes, task: "asyncio.Task[int | None]") -> None:
        del self._questions[key]
        count = None if task.cancelled() or task.exception() is not None else task.result()
        if count is not None:
            self._counts[key] = count


def _key(target: BackendTarget, question: WireRequest) -> bytes:
    """Return a digest of a question; a server that has another model or window by now may have another tokenizer."""
    server = f"{target.base_url} {target.model} {target.context_tokens} {question.path}\n"
    return hashlib.sha256(server.encode() + question.body).digest()


async def _answer(question: WireRequest, backend: Backend, tokenizer: TokenizerApi) -> int | None:
    answer = await query_or_none(backend, question, COUNT_SECONDS)
    return None if answer is None else tokenizer.decode_token_count(answer)
