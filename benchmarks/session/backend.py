"""
A server between a client and an engine, which has the engine write the session's replies.

A request of the session is evaluated by the engine as it arrives, for one token.  Then the engine continues the same
prompt with a grammar that admits the scripted reply alone: every token of it is computed, sampled, and drafted or not,
as if the model had chosen it.  All other requests are passed on.
"""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias

import aiohttp
from aiohttp import web
from tests.parts.chat_request import read_chat_request

from anyclaude.dialects.openai_chat.encode import encode_request
from anyclaude.profiles import EMBEDDED
from anyclaude.protocol.deltas import Delta, Finished, StopReason, UsageReported
from anyclaude.protocol.messages_request import decode_request

from .engine import CHAT, MESSAGES, NO_TIMEOUT, Engine, EngineRefused, Evaluated, Timings
from .forced import ForcedReply, Headers, forced_replies
from .measures import PlayedTurn
from .script import Script, Session, script_of
from .streams import ChatStream, MessagesStream, Stream

PING_SECONDS = 10.0
"""How often a comment is sent while the prompt is evaluated, as by llama.cpp: a client gives up on a silent server."""

Say: TypeAlias = Callable[[str], None]

LINE_BYTES = 4 * 1024**2
"""The last chunk of a completion repeats its prompt and its grammar, in one line."""

HOP_BY_HOP = frozenset({"host", "connection", "content-length", "transfer-encoding", "keep-alive"})
"""Headers of one connection, which are not passed on (RFC 9110, 7.6.1)."""


class ForcingBackend:
    """The server: its address, the turns that were played, and what went wrong."""

    def __init__(
        self, session: aiohttp.ClientSession, engine: Engine, script: Script, replies: Sequence[ForcedReply], say: Say
    ) -> None:
        self.origin = ""
        self.turns: list[PlayedTurn] = []
        self.problems: list[str] = []
        self._session = session
        self._engine = engine
        self._script = script
        self._replies = replies
        self.say = say
        self._started = time.perf_counter()
        self._in_turn = asyncio.Lock()
        self._ids = itertools.count(1)

    @property
    def base_url(self) -> str:
        """The base URL for an OpenAI client."""
        return f"{self.origin}/v1"

    def start(self) -> None:
        """Count the seconds from now on: the client is started."""
        self._started = time.perf_counter()

    def seconds(self) -> float:
        """Return the seconds since the client was started."""
        return time.perf_counter() - self._started

    def check(self) -> None:
        """Raise an `AssertionError` if a request could not be played, or a turn is missing."""
        assert not self.problems, "\n".join(self.problems)
        assert len(self.turns) == len(self._replies), f"{len(self.turns)} of {len(self._replies)} turns were played"

    def application(self) -> web.Application:
        """Return the routes."""
        app = web.Application(client_max_size=256 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._serve)
        return app

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        stream = self._stream(request.path, body)
        if stream is None:
            return await self._pass_on(request, body)
        number, delivered = stream
        async with self._in_turn:
            return await self._play(request, body, number, delivered)

    def _stream(self, path: str, body: bytes) -> tuple[int, Stream] | None:
        """Return the number of the turn that is asked for, and the stream of its reply; `None` for other requests."""
        if path == MESSAGES:
            message = decode_request(body)
            encoded = encode_request(message, message.model, EMBEDDED).request.body
        elif path == CHAT:
            encoded = body
        else:
            return None
        request = read_chat_request({}, encoded)
        if (number := self._script(request)) is None:
            return None
        kind = MessagesStream if path == MESSAGES else ChatStream
        return number, kind(request.body.model, next(self._ids))

    async def _pass_on(self, request: web.Request, body: bytes) -> web.StreamResponse:
        """Forward a request and its response as they are."""
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP}
        sent = self._session.request(request.method, request.path_qs, data=body, headers=headers, timeout=NO_TIMEOUT)
        async with sent as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP}
            response = web.StreamResponse(status=answer.status, headers=kept)
            await response.prepare(request)
            async for piece in answer.content.iter_any():
                await response.write(piece)
            await response.write_eof()
            return response

    async def _play(self, request: web.Request, body: bytes, number: int, stream: Stream) -> web.StreamResponse:
        """Have the engine evaluate the prompt and write the reply, and deliver it as it is written."""
        if number >= len(self._replies):
            return self._refused(f"the session has {len(self._replies)} turns, and one more is asked for")
        reply = self._replies[number]
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        evaluating = asyncio.create_task(self._engine.evaluate(request.path, body))

        async def deliver(deltas: Iterable[Delta]) -> None:
            await response.write(stream.feed(deltas))

        try:
            while not evaluating.done():
                await asyncio.wait([evaluating], timeout=PING_SECONDS)
                await response.write(b": evaluating\n\n")
            evaluated = evaluating.result()
            await response.write(stream.open())
            timings = await self._engine.write(reply, evaluated, deliver)
        except EngineRefused as refused:
            self.problems.append(str(refused))
            raise
        except asyncio.CancelledError:
            self.say(f"  turn {number + 1}: the client has left before the end of its reply")
            raise
        finally:
            evaluating.cancel()
        await self._end(response, reply, evaluated, stream, timings)
        return response

    async def _end(
        self, response: web.StreamResponse, reply: ForcedReply, evaluated: Evaluated, stream: Stream, timings: Timings
    ) -> None:
        """Deliver the end of the reply with the engine's counts, and keep them."""
        evaluation_seconds = evaluated.seconds + timings.prompt_ms / 1000
        usage = UsageReported(
            input_tokens=evaluated.prompt_tokens,
            output_tokens=timings.predicted_n,
            cached_tokens=evaluated.cached_tokens,
            prefill_seconds=evaluation_seconds,
            generation_seconds=timings.predicted_ms / 1000,
        )
        reason: StopReason = "end_turn" if reply.turn.call is None else "tool_use"
        turn = PlayedTurn(
            kind=reply.turn.kind,
            prompt_tokens=evaluated.prompt_tokens,
            evaluated_tokens=evaluated.prompt_tokens - evaluated.cached_tokens,
            evaluation_seconds=evaluation_seconds,
            generated_tokens=timings.predicted_n,
            generation_seconds=timings.predicted_ms / 1000,
            drafted_tokens=timings.draft_n,
            accepted_tokens=timings.draft_n_accepted,
            ended_seconds=self.seconds(),
        )
        self.turns.append(turn)
        self.say(
            f"  turn {len(self.turns)}, {turn.kind}: {turn.evaluated_tokens:,} of {turn.prompt_tokens:,} tokens "
            f"evaluated in {turn.evaluation_seconds:.1f} s, "
            f"{turn.generated_tokens} generated in {turn.generation_seconds:.1f} s"
        )
        await response.write(stream.feed([Finished(reason), usage]) + stream.close())
        await response.write_eof()

    def _refused(self, problem: str) -> web.Response:
        self.problems.append(problem)
        return web.Response(status=web.HTTPBadRequest.status_code, text=problem)


@asynccontextmanager
async def forcing(url: str, session: Session, headers: Headers, say: Say) -> AsyncIterator[ForcingBackend]:
    """
    Serve on a free loopback port, and have the engine at `url` write the session's replies.

    `headers` admit requests to the engine; `say` gets a line for each turn.
    """
    # llama.cpp announces keep-alive but closes a connection after each streamed reply, so none is reused.
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(url, connector=connector, read_bufsize=LINE_BYTES) as to_engine:
        replies = await forced_replies(to_engine, session.turns, headers)
        backend = ForcingBackend(to_engine, Engine(to_engine, headers), script_of(session), replies, say)
        # A client that leaves must cancel what the engine does for it, as it does without us.
        runner = web.AppRunner(backend.application(), access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            host, port = runner.addresses[0][:2]
            backend.origin = f"http://{host}:{port}"
            yield backend
        finally:
            await runner.cleanup()
