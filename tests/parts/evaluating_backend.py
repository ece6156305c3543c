"""A model server with scripted replies, whose prompts are evaluated by a real engine.

It serves Chat Completions, for a gateway, and the engine's own `/v1/messages`, for a client that is connected to the
engine directly.
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
    Reply,
    ReplyFormat,
    Say,
    Usage,
    completion_tokens,
    finish_reason,
    streamed,
    whole,
)
from tests.parts.chat_request import ChatRequest, read_chat_request
from tests.parts.chat_script import Script, UnscriptedRequest
from tests.parts.evaluation import Evaluation, Evaluator, Refused
from tests.parts.replies import message_of

from anyclaude.dialects.openai_chat.encode import encode_request
from anyclaude.profiles import EMBEDDED
from anyclaude.protocol.deltas import Delta, Finished, TextDelta, ToolCallDelta, UsageReported
from anyclaude.protocol.events import StreamEvent, encode_event, encode_message
from anyclaude.protocol.message_stream import MessageStream
from anyclaude.protocol.messages_request import decode_request

CREATED = 1_700_000_000
"""The creation time in all replies, in seconds since 1970; nothing depends on it."""

REPLY_FORMAT = ReplyFormat(reports_timings=False)


@dataclass(frozen=True, slots=True)
class EvaluatedRequest:
    """One request, as the script reads it, and the engine's evaluation of its prompt."""

    request: ChatRequest
    evaluation: Evaluation


class EvaluatingBackend:
    """The server: its address and the requests it has received."""

    def __init__(self, script: Script, evaluator: Evaluator) -> None:
        self.origin = ""
        self.script = script
        self.requests: list[EvaluatedRequest] = []
        self.problems: list[str] = []
        self._evaluator = evaluator
        self._ids = itertools.count(1)

    @property
    def base_url(self) -> str:
        """The base URL for an OpenAI client."""
        return f"{self.origin}/v1"

    def check(self) -> None:
        """Raise an `AssertionError` if a request had no scripted reply or was refused by the engine."""
        assert not self.problems, "\n".join(self.problems)

    def application(self) -> web.Application:
        """Return the routes."""
        app = web.Application(client_max_size=256 * 1024 * 1024)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_post("/v1/messages", self._message)
        app.router.add_post("/apply-template", self._apply_template)
        return app

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        chat_request = read_chat_request({}, body)
        try:
            answer, evaluation = await self._evaluated(request.path, body, chat_request)
        except Refused as refused:
            return self._refused(refused)
        usage = Usage(evaluation.prompt, completion_tokens(answer.parts, REPLY_FORMAT), evaluation.cached)
        envelope = Envelope(f"chatcmpl-{next(self._ids)}", CREATED, chat_request.body.model)
        if not chat_request.body.stream:
            return web.json_response(whole(answer, usage, envelope, REPLY_FORMAT))
        steps = streamed(answer, usage, envelope, REPLY_FORMAT)
        return await _event_stream(request, (step for step in steps if isinstance(step, bytes)))

    async def _message(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        message = decode_request(body)
        chat_request = read_chat_request({}, encode_request(message, message.model, EMBEDDED).request.body)
        try:
            answer, evaluation = await self._evaluated(request.path, body, chat_request)
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

    async def _evaluated(self, path: str, body: bytes, chat_request: ChatRequest) -> tuple[Reply, Evaluation]:
        """Return the scripted reply and the engine's evaluation of the prompt; raises `Refused`."""
        try:
            answer = self.script(chat_request)
        except (UnscriptedRequest, AssertionError) as error:
            raise Refused(400, str(error).encode()) from error
        assert isinstance(answer, Reply)
        named = self._with_ids(answer)
        evaluation = await self._evaluator.evaluate(
            path, msgspec.json.decode(body, type=dict), chat_request.opening, named
        )
        self.requests.append(EvaluatedRequest(chat_request, evaluation))
        return named, evaluation

    def _with_ids(self, answer: Reply) -> Reply:
        parts = (part.with_id(f"{next(self._ids):032d}") if isinstance(part, Call) else part for part in answer.parts)
        return Reply(tuple(parts))

    def _refused(self, refused: Refused) -> web.Response:
        self.problems.append(str(refused))
        return web.Response(status=refused.status, body=refused.body, content_type="application/json")

    def _events(self, model: str, answer: Reply, evaluation: Evaluation) -> list[StreamEvent]:
        """Return the events of the reply, as the engine's `/v1/messages` sends them."""
        stream = MessageStream(f"chatcmpl-{next(self._ids)}", model, lambda: f"toolu_{next(self._ids):024d}")
        return [*stream.open(), *stream.feed(_deltas(answer, evaluation)), *stream.close()]


@asynccontextmanager
async def evaluating_backend(script: Script, evaluator: Evaluator) -> AsyncIterator[EvaluatingBackend]:
    """Serve on a free loopback port for the duration of the context."""
    backend = EvaluatingBackend(script, evaluator)
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
    for slot, part in enumerate(answer.parts):
        match part:
            case Say(text):
                yield TextDelta(text)
            case Call(name, arguments):
                yield ToolCallDelta(slot, name, arguments)
            case _:
                raise AssertionError(f"a scripted reply contains {part}, which this server cannot send")
    yield UsageReported(evaluation.prompt, completion_tokens(answer.parts, REPLY_FORMAT), evaluation.cached)
    yield Finished("tool_use" if finish_reason(answer.parts) == "tool_calls" else "end_turn")
