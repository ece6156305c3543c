"""What a real engine does with prompts whose replies are scripted: how many tokens it evaluates, and how many it had.

The replies are put into the engine's cache as if it had written them, so that a later prompt may find them there.
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

CONTEXT_AROUND = 40
"""How many characters are shown on either side of a difference."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """
    One prompt, as the engine counted it.

    `repeatable` are the tokens that need not be evaluated again: the whole of the conversation's last prompt and
    reply, or what the prompt has in common with any earlier one where that is more.  `seconds` is the time to the
    first token.
    """

    conversation: str
    prompt: int
    cached: int
    repeatable: int
    is_first: bool
    seconds: float
    difference: str = ""
    """Where the prompt ceases to continue its conversation: the earlier text, and the text now."""

    @property
    def evaluated(self) -> int:
        """The tokens the engine had to compute."""
        return self.prompt - self.cached

    @property
    def lost(self) -> int:
        """Repeatable tokens that were computed again; the very last token of a prompt always is."""
        return max(0, min(self.repeatable, self.prompt - 1) - self.cached)


class Refused(Exception):
    """The engine did not take the prompt."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"{status}: {body[:300]!r}")
        self.status = status
        self.body = body


@dataclass(frozen=True, slots=True)
class _Read:
    """Something that was in the engine once: text and tokens of a prompt and its reply."""

    text: str
    tokens: Tokens


class Evaluator:
    """Asks one engine about prompts, one after the other, and remembers all of them."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._turn = asyncio.Lock()
        self._read: list[_Read] = []
        self._last: dict[str, _Read] = {}
        self.evaluations: list[Evaluation] = []

    async def evaluate(self, path: str, body: Mapping[str, object], conversation: str, answer: Reply) -> Evaluation:
        """Have the engine read a prompt and then hold the reply; raises `Refused`."""
        async with self._turn:
            began = time.perf_counter()
            counted = await self._post(path, {**body, "max_tokens": 1, "stream": False})
            seconds = time.perf_counter() - began
            prompt = await self._last_prompt()
            tokens = await self._tokens(prompt)
            size, cached = _counts(msgspec.convert(counted, _Counted))
            assert size == len(tokens), f"the engine counts {size} tokens in a prompt of {len(tokens)}"
            evaluation = self._compared(conversation, _Read(prompt, tokens), cached, seconds)
            await self._remember(conversation, prompt + written(answer))
        self.evaluations.append(evaluation)
        return evaluation

    async def rendered(self, body: Mapping[str, object]) -> object:
        """Return what the engine's own template makes of a conversation; raises `Refused` if it raises."""
        return await self._post("/apply-template", body)

    def _compared(self, conversation: str, now: _Read, cached: int, seconds: float) -> Evaluation:
        common = max((_common(now.tokens, earlier.tokens) for earlier in self._read), default=0)
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
        """Let the engine's cache hold the reply too, as it would if the engine had written it."""
        await self._post("/completion", {"prompt": text, "n_predict": 1, "cache_prompt": True})
        read = _Read(text, await self._tokens(text))
        self._read.append(read)
        self._last[conversation] = read

    async def _last_prompt(self) -> str:
        """Return the text of the prompt that was just read; told only with LLAMA_SERVER_SLOTS_DEBUG."""
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
    """Run a model for the time of the context, with an evaluator that asks it."""
    async with _showing_prompts(model_file, log_folder, options) as engine, connected(engine) as session:
        yield Evaluator(session), engine


def written(answer: Reply) -> str:
    """Return what a model writes that keeps to our ChatML template: a text, and its calls as spaced JSON."""
    text = "".join(part.text for part in answer.parts if isinstance(part, Say))
    calls = [_written_call(part) for part in answer.parts if isinstance(part, Call)]
    return "\n".join([text, *calls] if text else calls)


def _written_call(call: Call) -> str:
    arguments = json.dumps(json.loads(call.arguments), ensure_ascii=False)
    return f'<tool_call>\n{{"name": "{call.name}", "arguments": {arguments}}}\n</tool_call>'


class _Usage(msgspec.Struct):
    """Both dialects' words; Anthropic's `input_tokens` leaves out what was cached."""

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
    """Return the tokens of the prompt, and those of them that were in the cache."""
    if counted.timings is not None:
        return counted.timings.prompt_n + counted.timings.cache_n, counted.timings.cache_n
    assert counted.usage.input_tokens is not None
    cached = counted.usage.cache_read_input_tokens
    return counted.usage.input_tokens + cached, cached


def _common(one: Tokens, other: Tokens) -> int:
    """Return how many tokens the two begin with in common."""
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
    """Run an engine that tells in `/slots` what it has read: llama.cpp does if this variable is set at its start."""
    with _variable("LLAMA_SERVER_SLOTS_DEBUG", "1"):
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
