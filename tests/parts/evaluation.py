"""Evaluation of prompts with scripted replies by a real engine: the number of evaluated and of cached tokens.

The replies are put into the engine's cache as if it had generated them, so that a later prompt finds them there.
"""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import msgspec
import numpy as np
import numpy.typing as npt
from tests.parts.chat_reply import Call, Reply, Say
from tests.parts.engines import connected, running

from anyclaude.engine import EngineOptions
from anyclaude.engine.embedded import EmbeddedEngine

Tokens = npt.NDArray[np.int32]

SHOWS_PROMPTS = ("LLAMA_SERVER_SLOTS_DEBUG", "1")
"""The variable, and its value, with which llama.cpp shows its prompts in `/slots`."""

CONTEXT_AROUND = 40
"""Number of characters shown on either side of a difference."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """
    The engine's token counts for one prompt.

    `repeatable` is the number of tokens that need not be evaluated again: those of the conversation's last prompt and
    reply, or of the longest common prefix with an earlier prompt if that is longer.  `seconds` is the time to first
    token.
    """

    conversation: str
    prompt: int
    cached: int
    repeatable: int
    is_first: bool
    seconds: float
    difference: str = ""
    """The first difference from the conversation's last prompt, with both texts; empty if the prompt extends it."""

    @property
    def evaluated(self) -> int:
        """The number of tokens the engine evaluated."""
        return self.prompt - self.cached

    @property
    def lost(self) -> int:
        """The repeatable tokens that were evaluated again, without the last token of a prompt, which always is."""
        return max(0, min(self.repeatable, self.prompt - 1) - self.cached)


class Refused(Exception):
    """The engine refused the prompt."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"{status}: {body[:300]!r}")
        self.status = status
        self.body = body


@dataclass(frozen=True, slots=True)
class _Evaluated:
    """A prompt and its reply that the engine has evaluated: text and tokens."""

    text: str
    tokens: Tokens


class Evaluator:
    """Evaluates prompts on one engine, one at a time, and keeps all of them."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._turn = asyncio.Lock()
        self._evaluated: list[_Evaluated] = []
        self._last: dict[str, _Evaluated] = {}
        self.evaluations: list[Evaluation] = []

    async def evaluate(self, path: str, body: Mapping[str, object], conversation: str, answer: Reply) -> Evaluation:
        """Have the engine evaluate a prompt and then cache the reply; raises `Refused`."""
        async with self._turn:
            began = time.perf_counter()
            counted = await self._post(path, {**body, "max_tokens": 1, "stream": False})
            seconds = time.perf_counter() - began
            prompt = await self._last_prompt()
            tokens = await self._tokens(prompt)
            size, cached = _counts(msgspec.convert(counted, _Counted))
            assert size == len(tokens), f"the engine counts {size} tokens in a prompt of {len(tokens)}"
            evaluation = self._compared(conversation, _Evaluated(prompt, tokens), cached, seconds)
            await self._remember(conversation, prompt + written(answer))
        self.evaluations.append(evaluation)
        return evaluation

    async def rendered(self, body: Mapping[str, object]) -> object:
        """Return the conversation rendered by the engine's chat template; raises `Refused` if the template raises."""
        return await self._post("/apply-template", body)

    def _compared(self, conversation: str, now: _Evaluated, cached: int, seconds: float) -> Evaluation:
        common = max((_common(now.tokens, earlier.tokens) for earlier in self._evaluated), default=0)
        last = self._last.get(conversation)
        continued = 0 if last is None else len(last.tokens)
        difference = "" if last is None or now.text.startswith(last.text) else _difference(last.text, now.text)
        return Evaluation(
            conversation=conversation,
            prompt=len(now.tokens),
            cached=cached,
            repeatable=min(len(now.tokens), max(common, continued)),
            is_first=last is None,
            seconds=seconds,
            difference=difference,
        )

    async def _remember(self, conversation: str, text: str) -> None:
        """Put the reply into the engine's cache, as if the engine had generated it."""
        await self._post("/completion", {"prompt": text, "n_predict": 1, "cache_prompt": True})
        evaluated = _Evaluated(text, await self._tokens(text))
        self._evaluated.append(evaluated)
        self._last[conversation] = evaluated

    async def _last_prompt(self) -> str:
        """Return the text of the prompt evaluated last; reported only with LLAMA_SERVER_SLOTS_DEBUG."""
        async with self._session.get("/slots") as response:
            slots = msgspec.json.decode(await response.read(), type=list[_Slot])
        return max(slots, key=lambda slot: slot.id_task).prompt

    async def _tokens(self, text: str) -> Tokens:
        counted = await self._post("/tokenize", {"content": text, "add_special": True, "parse_special": True})
        return np.array(msgspec.convert(counted, _Tokenized).tokens, np.int32)

    async def _post(self, path: str, body: Mapping[str, object]) -> object:
        async with self._session.post(path, json=body) as response:
            answer = await response.read()
        if response.status != 200:
            raise Refused(response.status, answer)
        return msgspec.json.decode(answer)


@asynccontextmanager
async def evaluating_engine(
    model_file: Path, log_folder: Path, options: EngineOptions
) -> AsyncIterator[tuple[Evaluator, EmbeddedEngine]]:
    """Run a model, and an evaluator that uses it, for the duration of the context."""
    async with _showing_prompts(model_file, log_folder, options) as engine, connected(engine) as session:
        yield Evaluator(session), engine


def written(answer: Reply) -> str:
    """Return the reply as a model would generate it under our ChatML template: text, then calls as spaced JSON."""
    text = "".join(part.text for part in answer.parts if isinstance(part, Say))
    calls = [_written_call(part) for part in answer.parts if isinstance(part, Call)]
    return "\n".join([text, *calls] if text else calls)


def _written_call(call: Call) -> str:
    arguments = json.dumps(json.loads(call.arguments), ensure_ascii=False)
    return f'<tool_call>\n{{"name": "{call.name}", "arguments": {arguments}}}\n</tool_call>'


class _Usage(msgspec.Struct):
    """The usage of either dialect; Anthropic's `input_tokens` excludes cached tokens."""

    input_tokens: int | None = None
    cache_read_input_tokens: int = 0


class _Timings(msgspec.Struct):
    prompt_n: int
    cache_n: int


class _Counted(msgspec.Struct):
    usage: _Usage
    timings: _Timings | None = None


class _Slot(msgspec.Struct):
    id_task: int = -1
    prompt: str = ""


class _Tokenized(msgspec.Struct):
    tokens: Sequence[int]


def _counts(counted: _Counted) -> tuple[int, int]:
    """Return the number of prompt tokens and how many of them were cached."""
    if counted.timings is not None:
        return counted.timings.prompt_n + counted.timings.cache_n, counted.timings.cache_n
    assert counted.usage.input_tokens is not None
    cached = counted.usage.cache_read_input_tokens
    return counted.usage.input_tokens + cached, cached


def _common(one: Tokens, other: Tokens) -> int:
    """Return the length of the common prefix in tokens."""
    size = min(len(one), len(other))
    different = np.flatnonzero(one[:size] != other[:size])
    return int(different[0]) if len(different) else size


def _difference(earlier: str, now: str) -> str:
    pairs = enumerate(zip(earlier, now, strict=False))
    at = next((place for place, (one, other) in pairs if one != other), min(len(earlier), len(now)))
    was, is_now = (text[max(0, at - CONTEXT_AROUND) : at + CONTEXT_AROUND] for text in (earlier, now))
    return f"character {at} of {len(earlier)}: {was!r} became {is_now!r}"


@asynccontextmanager
async def _showing_prompts(model_file: Path, log_folder: Path, options: EngineOptions) -> AsyncIterator[EmbeddedEngine]:
    """Run an engine that reports its prompts in `/slots`, as llama.cpp does if this variable is set at its start."""
    with _variable(*SHOWS_PROMPTS):
        context = running(model_file, log_folder, options)
        engine = await context.__aenter__()
    try:
        yield engine
    finally:
        await context.__aexit__(None, None, None)


@contextmanager
def _variable(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
