"""What is asked of the engine: to evaluate a prompt, and to write one reply and no other."""

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import aiohttp
import msgspec
from msgspec import Struct

from anyclaude.protocol.deltas import Delta

from .forced import ForcedReply, Headers

MESSAGES, CHAT = "/v1/messages", "/v1/chat/completions"

OK = 200

NO_TIMEOUT = aiohttp.ClientTimeout(total=None)

_PROMPT_SECONDS = re.compile(r"^llamacpp:prompt_seconds_total (\S+)$", re.MULTILINE)

Deliver: TypeAlias = Callable[[Iterator[Delta]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Evaluated:
    """
    The evaluation of a prompt by the engine: its text, the slot that holds it, and the engine's counts and time.

    `speculation` are the fields by which the request chose how its reply is drafted.
    """

    prompt: str
    slot: int
    prompt_tokens: int
    cached_tokens: int
    seconds: float
    speculation: Mapping[str, object]


class Timings(Struct):
    """The engine's account of one request; the drafts are missing where none was made."""

    cache_n: int
    prompt_n: int
    prompt_ms: float
    predicted_n: int
    predicted_ms: float
    draft_n: int = 0
    draft_n_accepted: int = 0


class ChatAnswer(Struct):
    """What is read of a chat completion."""

    timings: Timings


class MessagesUsage(Struct):
    """The usage in Anthropic's terms: `input_tokens` are those that were not in the cache."""

    input_tokens: int
    cache_read_input_tokens: int = 0


class MessagesAnswer(Struct):
    """What is read of a message."""

    usage: MessagesUsage


class Slot(Struct):
    """A slot: its last task and, if LLAMA_SERVER_SLOTS_DEBUG is set, its prompt."""

    id: int
    id_task: int = -1
    prompt: str = ""


class CompletionChunk(Struct):
    """A chunk of a raw completion; the last one has the timings."""

    tokens: tuple[int, ...] = ()
    stop: bool = False
    timings: Timings | None = None


class EngineRefused(Exception):
    """The engine has not done what the session needs; the message says what."""


class Engine:
    """An engine at the address of the session; `headers` are those that it admits requests with."""

    def __init__(self, session: aiohttp.ClientSession, headers: Headers) -> None:
        self._session = session
        self._headers = headers

    async def evaluate(self, path: str, body: bytes) -> Evaluated:
        """Have the engine evaluate the request's prompt as it is, for one token; raises `EngineRefused`."""
        before = await self._prompt_seconds() if path == MESSAGES else 0.0
        wanted = {**msgspec.json.decode(body, type=dict[str, object]), "max_tokens": 1, "stream": False}
        async with self._session.post(path, json=wanted, headers=self._headers, timeout=NO_TIMEOUT) as answer:
            counted = await answer.read()
        if answer.status != OK:
            raise EngineRefused(f"the engine refused a prompt: {answer.status}, {counted[:300]!r}")
        async with self._session.get("/slots", headers=self._headers, raise_for_status=True) as answer:
            slots = msgspec.json.decode(await answer.read(), type=list[Slot])
        slot = max(slots, key=lambda slot: slot.id_task)
        if path == CHAT:
            timings = msgspec.json.decode(counted, type=ChatAnswer).timings
            cached, new, seconds = timings.cache_n, timings.prompt_n, timings.prompt_ms / 1000
        else:
            usage = msgspec.json.decode(counted, type=MessagesAnswer).usage
            cached, new = usage.cache_read_input_tokens, usage.input_tokens
            seconds = await self._prompt_seconds() - before
        speculation = {name: value for name, value in wanted.items() if name.startswith("speculative")}
        return Evaluated(slot.prompt, slot.id, cached + new, cached, seconds, speculation)

    async def write(self, reply: ForcedReply, evaluated: Evaluated, deliver: Deliver) -> Timings:
        """
        Have the engine write the reply after a prompt that it has evaluated, and deliver it token by token.

        Raises:
            EngineRefused: when it writes anything else.
        """
        wanted = {
            **evaluated.speculation,
            "prompt": evaluated.prompt,
            "id_slot": evaluated.slot,
            "grammar": reply.grammar,
            "n_predict": len(reply.tokens) + 1,  # the last one ends the reply
            "temperature": 0.0,
            "cache_prompt": True,
            "return_tokens": True,
            "stream": True,
        }
        written: list[int] = []
        async with self._session.post("/completion", json=wanted, headers=self._headers, timeout=NO_TIMEOUT) as answer:
            async for line in answer.content:
                if not line.startswith(b"data: "):
                    continue
                chunk = msgspec.json.decode(line[len(b"data: ") :], type=CompletionChunk)
                start = reply.place_of(len(written))
                written += chunk.tokens
                await deliver(reply.deltas(start, reply.place_of(len(written))))
                if chunk.timings is not None and chunk.stop:
                    break
            else:
                raise EngineRefused(f"the engine broke off a reply after {len(written)} tokens: {answer.status}")
        if tuple(written[: len(reply.tokens)]) != reply.tokens:
            raise EngineRefused(f"the engine wrote other tokens than it was to write: {written[:20]}")
        return chunk.timings

    async def _prompt_seconds(self) -> float:
        """Return the time that the engine has spent on prompts so far, by its metrics."""
        async with self._session.get("/metrics", headers=self._headers, raise_for_status=True) as answer:
            found = _PROMPT_SECONDS.search(await answer.text())
        assert found is not None, "the engine does not report the time that it spends on prompts"
        return float(found[1])
