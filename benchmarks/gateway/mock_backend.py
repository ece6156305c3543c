"""
A Chat Completions server with negligible cost: every byte of its replies is prepared in advance.

It runs in the load generator's event loop, so that both read the same clock and the load generator knows when each
token was sent.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import cycle, islice
from random import Random
from typing import cast

HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
VOCABULARY = (" the", " quick", " brown", " fox", "\n", " jumps", " over", ' "lazy"', " dögs", ".")
WORDS = tuple(Random(1).choices(VOCABULARY, k=4096))
"""In no order, because anyclaude ends a reply that repeats itself."""

CHARACTERS_PER_TOKEN = 4
"""Of every prompt, by the mock's count: one that is far too low says that the server has cut the prompt."""

TAG_PREFIX = b"stream-"
TAG_DIGITS = 5
"""The tag of a request's stream is in the text of its last message, which every gateway keeps."""


@dataclass(frozen=True, slots=True)
class Script:
    """The reply: a number of one-token events, without pauses or at a rate per second."""

    tokens: int
    per_second: float | None = None


@dataclass(slots=True)
class Sent:
    """The time at which each token of a paced reply was sent."""

    times: list[float] = field(default_factory=list)


def stream_tag(stream: int) -> str:
    """Return the tag of a stream's requests."""
    return f"{TAG_PREFIX.decode()}{stream:0{TAG_DIGITS}d}"


def reply_text(tokens: int) -> str:
    """Return the text of a reply of this number of tokens."""
    return "".join(islice(cycle(WORDS), tokens))


class MockBackend:
    """Listens on a free loopback port, and answers every request by the current script."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.script = Script(tokens=16)
        self.sent: dict[int, Sent] = {}
        self.requests = 0
        self.port = 0
        self._server: asyncio.Server | None = None
        self._bursts: dict[int, bytes] = {}

    @property
    def base_url(self) -> str:
        """The URL for a gateway, with `/v1`."""
        return f"http://127.0.0.1:{self.port}/v1"

    async def start(self) -> None:
        """Start to listen."""
        self._server = await asyncio.get_running_loop().create_server(
            lambda: _Connection(self), "127.0.0.1", 0, backlog=1024
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()

    def burst(self, tokens: int) -> bytes:
        """Return the bytes of a reply up to its ending."""
        if tokens not in self._bursts:
            self._bursts[tokens] = b"".join([HEAD, OPENING, *islice(cycle(TOKENS), tokens)])
        return self._bursts[tokens]


class _Connection(asyncio.Protocol):
    """Reads requests in turn; of a body, only its end and its tag matter."""

    def __init__(self, backend: MockBackend) -> None:
        self._backend = backend
        self._transport: asyncio.WriteTransport | None = None
        self._received = bytearray()
        self._missing = 0
        self._handle: asyncio.Handle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's class does not derive from it
        self._transport.set_write_buffer_limits(high=64 * 2**20)  # a slow gateway must not block the backend

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._handle is not None:
            self._handle.cancel()

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._missing -= len(data)
        if self._missing > 0:
            return
        end = _request_end(self._received)
        self._missing = end - len(self._received)
        if self._missing <= 0:
            body = bytes(self._received[:end])
            del self._received[:end]
            self._answer(body)

    def _answer(self, request: bytes) -> None:
        backend, transport = self._backend, self._transport
        assert transport is not None
        backend.requests += 1
        script = backend.script
        if not request.startswith(b"POST"):
            transport.write(NOT_FOUND)
        elif script.per_second is None:
            transport.writelines([backend.burst(script.tokens), _ending(script.tokens, len(request))])
        else:
            sent = backend.sent[_tagged_stream(request)] = Sent()
            transport.write(HEAD + OPENING)
            ending = _ending(script.tokens, len(request))
            self._tick(script, sent, ending, asyncio.get_running_loop().time())

    def _tick(self, script: Script, sent: Sent, ending: bytes, due: float) -> None:
        if self._transport is None or script.per_second is None:
            return
        position = len(sent.times)
        if position == script.tokens:
            self._transport.write(ending)
            return
        sent.times.append(self._backend.clock())
        self._transport.write(TOKENS[position % len(TOKENS)])
        following = due + 1 / script.per_second
        self._handle = asyncio.get_running_loop().call_at(following, self._tick, script, sent, ending, following)


NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


def _request_end(received: bytearray) -> int:
    """Return the length of the first request, or more than was received while it is incomplete."""
    head_end = received.find(b"\r\n\r\n")
    if head_end < 0:
        return len(received) + 1
    head = bytes(received[:head_end]).lower()
    if b"transfer-encoding: chunked" in head:
        return len(received) if received.endswith(b"0\r\n\r\n") else len(received) + 1
    _, _, length = head.partition(b"\r\ncontent-length:")
    return head_end + 4 + int(length.partition(b"\r\n")[0] or 0)


def _tagged_stream(request: bytes) -> int:
    start = request.rfind(TAG_PREFIX) + len(TAG_PREFIX)
    return int(request[start : start + TAG_DIGITS])


def _chunk(payload: bytes) -> bytes:
    """Return one HTTP chunk; servers flush every event, so each event is a chunk."""
    return b"%x\r\n%s\r\n" % (len(payload), payload)


def _event(choices: list[dict[str, object]], **more: object) -> bytes:
    """Return an event as llama.cpp writes it."""
    chunk = {
        "choices": choices,
        "created": 1767225600,
        "id": "chatcmpl-Zk3yQ9dT2uXcV7bN1mR5sW8eL0pH4aJf",
        "model": "bench-model",
        "system_fingerprint": "b11549-1a2b3c4d5",
        "object": "chat.completion.chunk",
        **more,
    }
    return _chunk(b"data: " + json.dumps(chunk, separators=(",", ":"), ensure_ascii=False).encode() + b"\n\n")


def _delta(**delta: object) -> list[dict[str, object]]:
    return [{"finish_reason": None, "index": 0, "delta": delta}]


@lru_cache(maxsize=1024)  # the sizes of requests are few
def _ending(tokens: int, request_bytes: int) -> bytes:
    prompt = request_bytes // CHARACTERS_PER_TOKEN
    usage = {"completion_tokens": tokens, "prompt_tokens": prompt, "total_tokens": prompt + tokens}
    stop = _event([{"finish_reason": "stop", "index": 0, "delta": {}}])
    return stop + _event([], usage=usage) + _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"


OPENING = _event(_delta(role="assistant", content=None))
TOKENS = [_event(_delta(content=word)) for word in WORDS]
