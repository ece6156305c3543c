"""A model server whose replies are scripted while every prompt is really evaluated by an engine.

It speaks Chat Completions, for a gateway, and the engine's own `/v1/messages`, for a client that talks to the engine
directly.
"""

import itertools
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import msgspec
from aiohttp import web
from tests.parts.chat_reply import (
    Call,
    Envelope,
    Habits,
    Reply,
    Say,
    Usage,
    completion_tokens,
    finish_reason,
    streamed,
    whole,
)
from tests.parts.chat_request import ChatRequest, read_chat_request
from tests.parts.chat_script import OutOfScript, Scene
from tests.parts.evaluation import Evaluation, Evaluator, Refused
from tests.parts.replies import message_of

from anyclaude.dialects.openai_chat.encode import encode_request
from anyclaude.profiles import EMBEDDED
from anyclaude.protocol.deltas import Delta, Finished, TextDelta, ToolCallDelta, UsageReported
from anyclaude.protocol.events import StreamEvent, encode_event, encode_message
from anyclaude.protocol.message_stream import MessageStream
from anyclaude.protocol.messages_request import decode_request

CREATED = 1_700_000_000
"""The time all replies bear, in seconds since 1970; nothing depends on it."""

HABITS = Habits(reports_timings=False)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, as the script reads it, and what the engine counted in its prompt."""

    request: ChatRequest
    evaluation: Evaluation


class EvaluatingBackend:
    """Its address, and what it was asked."""

    def __init__(self, scene: Scene, evaluator: Evaluator) -> None:
        self.origin = ""
        self.scene = scene
        self.asked: list[Asked] = []
        self.complaints: list[str] = []
        self._evaluator = evaluator
        self._ids = itertools.count(1)

    @property
    def base_url(self) -> str:
        """The URL an OpenAI client is given."""
        return f"{self.origin}/v1"

    def check(self) -> None:
        """Raise an `AssertionError` if a request came that the script does not foresee, or the engine did not take."""
        assert not self.complaints, "\n".join(self.complaints)

    def application(self) -> web.Application:
        """Return the routes."""
        app = web.Application(client_max_size=256 * 1024 * 1024)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_post("/v1/messages", self._message)
        app.router.add_post("/apply-template", self._apply_template)
        return app

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        asked = read_chat_request({}, body)
        try:
            answer, evaluation = await self._evaluated(request.path, body, asked)
        except Refused as refused:
            return self._refused(refused)
        usage = Usage(evaluation.prompt, completion_tokens(answer.pieces, HABITS), evaluation.cached)
        envelope = Envelope(f"chatcmpl-{next(self._ids)}", CREATED, asked.body.model)
        if not asked.body.stream:
            return web.json_response(whole(answer, usage, envelope, HABITS))
        steps = streamed(answer, usage, envelope, HABITS)
        return await _event_stream(request, (step for step in steps if isinstance(step, bytes)))

    async def _message(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        message = decode_request(body)
        asked = read_chat_request({}, encode_request(message, message.model, EMBEDDED).request.body)
        try:
            answer, evaluation = await self._evaluated(request.path, body, asked)
        except Refused as refused:
            return self._refused(refused)
        events = self._events(message.model, answer, evaluation)
        if not message.stream:
            return web.Response(body=encode_message(message_of(events)), content_type="application/json")
        return await _event_stream(request, map(encode_event, events))

    async def _apply_template(self, request: web.Request) -> web.StreamResponse:
        try:
            return web.json_response(await self._evaluator.rendered(await request.json()))
        except Refused as refused:
            return web.Response(status=refused.status, body=refused.body, content_type="application/json")

    async def _evaluated(self, path: str, body: bytes, asked: ChatRequest) -> tuple[Reply, Evaluation]:
        """Return the script's answer, and what the prompt costs the engine; raises `Refused`."""
        try:
            answer = self.scene(asked)
        except (OutOfScript, AssertionError) as error:
            raise Refused(400, str(error).encode()) from error
        assert isinstance(answer, Reply)
        named = self._with_ids(answer)
        evaluation = await self._evaluator.evaluate(path, msgspec.json.decode(body, type=dict), asked.opening, named)
        self.asked.append(Asked(asked, evaluation))
        return named, evaluation

    def _with_ids(self, answer: Reply) -> Reply:
        pieces = (
            piece.with_id(f"{next(self._ids):032d}") if isinstance(piece, Call) else piece for piece in answer.pieces
        )
        return Reply(tuple(pieces))

    def _refused(self, refused: Refused) -> web.Response:
        self.complaints.append(str(refused))
        return web.Response(status=refused.status, body=refused.body, content_type="application/json")

    def _events(self, model: str, answer: Reply, evaluation: Evaluation) -> list[StreamEvent]:
        """Return the reply as the engine's `/v1/messages` sends it."""
        stream = MessageStream(f"chatcmpl-{next(self._ids)}", model, lambda: f"toolu_{next(self._ids):024d}")
        return [*stream.open(), *stream.feed(_deltas(answer, evaluation)), *stream.close()]


@asynccontextmanager
async def evaluating_backend(scene: Scene, evaluator: Evaluator) -> AsyncIterator[EvaluatingBackend]:
    """Serve on a free loopback port until the block ends."""
    backend = EvaluatingBackend(scene, evaluator)
    runner = web.AppRunner(backend.application(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    try:
        await site.start()
        host, port = runner.addresses[0][:2]
        backend.origin = f"http://{host}:{port}"
        yield backend
    finally:
        await runner.cleanup()


async def _event_stream(request: web.Request, events: Iterable[bytes]) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for event in events:
        await response.write(event)
    await response.write_eof()
    return response


def _deltas(answer: Reply, evaluation: Evaluation) -> Iterator[Delta]:
    for slot, piece in enumerate(answer.pieces):
        match piece:
            case Say(text):
                yield TextDelta(text)
            case Call(name, arguments):
                yield ToolCallDelta(slot, name, arguments)
            case _:
                raise AssertionError(f"a scripted reply holds {piece}, which cannot be said here")
    yield UsageReported(evaluation.prompt, completion_tokens(answer.pieces, HABITS), evaluation.cached)
    yield Finished("tool_use" if finish_reason(answer.pieces) == "tool_calls" else "end_turn")
