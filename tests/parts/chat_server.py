"""A Chat Completions server on a real loopback socket, with scripted replies.

It records every request and the outcome of its reply, counts tokens as an engine with a prompt cache does, and
refuses conversations that break the rules real servers enforce.
"""

import asyncio
import bisect
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import assert_never

from aiohttp import web
from tests.parts.chat_reply import (
    Call,
    Envelope,
    Fail,
    Hold,
    Refusal,
    Reply,
    ReplyFormat,
    Reset,
    Signal,
    Step,
    Usage,
    completion_tokens,
    refuse,
    streamed,
    whole,
)
from tests.parts.chat_request import ChatRequest, InvalidChatRequest, broken_rules, read_chat_request
from tests.parts.chat_script import Answer, Script, UnscriptedRequest
from tests.parts.server_documents import listed, scripted_llamacpp

from anyclaude.protocol.json_values import JsonObject, JsonValue, encode_json

CHARACTERS_PER_TOKEN = 4
"""The tokenizer of the scripted engine: every four characters are a token."""


def tokens_by_length(text: str) -> int:
    """Return the tokens of a text by its length alone."""
    return len(text) // CHARACTERS_PER_TOKEN


CREATED = 1_700_000_000
"""The creation time in all replies, in seconds since 1970; nothing depends on it."""


class Outcome(Enum):
    """The outcome of a reply."""

    UNDERWAY = "underway"
    COMPLETE = "complete"
    BROKEN_OFF = "broken off by the script"
    ABANDONED = "abandoned by the client"


@dataclass(slots=True)
class Exchange:
    """One request and its answer; `over` is set when the last byte was written, or the client disconnected."""

    request: ChatRequest
    answer: Answer
    outcome: Outcome = Outcome.UNDERWAY
    over: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class OtherRequest:
    """A request other than for a chat completion."""

    method: str
    path: str
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """The kind of server to imitate."""

    reply_format: ReplyFormat = field(default_factory=ReplyFormat)
    context_tokens: int = 131_072
    bytes_per_write: int | None = None
    """Split the stream into pieces of this size, at any byte; by default each event is written separately."""
    is_llama_cpp: bool = True
    """Whether `/props`, `/health` and the routes that count tokens or render the prompt exist."""
    documents: Mapping[str, JsonValue] | None = None
    """The documents of a server that is not llama.cpp, by path, or path and query."""
    requests_while_loading: int = 0
    """How many requests, of any kind, get 503 at first: the model is being loaded."""
    is_strict: bool = True
    """Whether conversations that break the rules are refused."""
    tokens_of: Callable[[str], int] = tokens_by_length
    """How many tokens a text has for the model."""


class ChatServer:
    """The scripted server: its address and the requests it has received."""

    def __init__(self, script: Script, options: ServerOptions) -> None:
        self.origin = ""
        self.script = script
        self.options = options
        self.exchanges: list[Exchange] = []
        self.other_requests: list[OtherRequest] = []
        self.problems: list[str] = []
        self.requests_while_loading = options.requests_while_loading
        self._arrivals = asyncio.Condition()
        self._ids = itertools.count(1)
        self._prompts: list[str] = []

    @property
    def base_url(self) -> str:
        """The base URL for an OpenAI client."""
        return f"{self.origin}/v1"

    @property
    def requests(self) -> tuple[ChatRequest, ...]:
        """The requests for chat completions, in the order of their arrival."""
        return tuple(exchange.request for exchange in self.exchanges)

    def requests_with(self, opening: str) -> tuple[ChatRequest, ...]:
        """Return the requests of the conversation whose first user messages contain `opening`."""
        return tuple(request for request in self.requests if opening in request.opening)

    async def exchange(self, number: int) -> Exchange:
        """Wait until `number` requests have arrived and return the last of them; the first has the number 1."""
        async with self._arrivals:
            await self._arrivals.wait_for(lambda: len(self.exchanges) >= number)
        return self.exchanges[number - 1]

    def check(self) -> None:
        """Raise an `AssertionError` if a request broke a rule or had no scripted reply."""
        assert not self.problems, "\n".join(self.problems)

    def application(self) -> web.Application:
        """Return the routes."""
        app = web.Application(client_max_size=256 * 1024 * 1024, middlewares=[self._once_loaded])
        app.router.add_post("/v1/chat/completions", self._complete)
        if self.options.is_llama_cpp and self.options.documents is None:
            app.router.add_post("/tokenize", self._tokenize)
            app.router.add_post("/v1/chat/completions/input_tokens", self._input_tokens)
            app.router.add_post("/apply-template", self._apply_template)
        app.router.add_route("*", "/{path:.*}", self._document)
        return app

    @web.middleware
    async def _once_loaded(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """Answer as llama.cpp does while it loads its model."""
        if self.requests_while_loading <= 0:
            return await handler(request)
        self.requests_while_loading -= 1
        return _json(503, refuse(503, "Loading model", "unavailable_error").body)

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            chat_request = read_chat_request(headers, await request.read())
        except InvalidChatRequest as error:
            self.problems.append(f"unreadable request: {error}")
            return _json(400, refuse(400, str(error)).body)
        exchange = Exchange(chat_request, self._answer(chat_request))
        async with self._arrivals:
            self.exchanges.append(exchange)
            self._arrivals.notify_all()
        with _outcome_recorded(exchange):
            return await self._deliver(request, exchange)

    def _answer(self, chat_request: ChatRequest) -> Answer:
        broken = broken_rules(chat_request) if self.options.is_strict else ()
        if broken:
            self.problems.extend(broken)
            return refuse(400, " ".join(broken))
        try:
            answer = self.script(chat_request)
        except (UnscriptedRequest, AssertionError) as error:
            self.problems.append(str(error))
            return refuse(400, str(error))
        return self._with_ids(answer) if isinstance(answer, Reply) else answer

    def _with_ids(self, answer: Reply) -> Reply:
        """Give every call without an id one of 32 characters, as llama.cpp generates them."""
        parts = tuple(
            part.with_id(f"{next(self._ids):032d}") if isinstance(part, Call) and part.id is None else part
            for part in answer.parts
        )
        return replace(answer, parts=parts)

    async def _deliver(self, request: web.Request, exchange: Exchange) -> web.StreamResponse:
        match exchange.answer:
            case Refusal(status, body, headers):
                return _json(status, body, dict(headers))
            case Reply() as answer:
                usage = self._usage(exchange.request, answer)
                envelope = Envelope(f"chatcmpl-{next(self._ids)}", CREATED, exchange.request.body.model)
                if exchange.request.body.stream:
                    steps = streamed(answer, usage, envelope, self.options.reply_format)
                    return await self._stream(request, exchange, steps)
                reply = whole(answer, usage, envelope, self.options.reply_format)
                return await self._at_once(request, exchange, answer, reply)
            case _:
                assert_never(exchange.answer)

    async def _at_once(
        self, request: web.Request, exchange: Exchange, answer: Reply, reply: JsonObject
    ) -> web.StreamResponse:
        for part in answer.parts:
            match part:
                case Hold(until):
                    await until.wait()
                case Signal(event):
                    event.set()
                case Reset():
                    return _reset(request, exchange)
                case Fail(error):
                    return _json(500, {"error": error})
                case _:
                    pass
        return _json(200, reply)

    async def _stream(self, request: web.Request, exchange: Exchange, steps: Iterator[Step]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Server": "llama.cpp"})
        await response.prepare(request)
        for step in self._cut(steps):
            match step:
                case bytes():
                    await response.write(step)
                case Hold(until):
                    await until.wait()
                case Signal(event):
                    event.set()
                case Reset():
                    return _reset(request, exchange, response)
        await response.write_eof()
        return response

    def _cut(self, steps: Iterator[Step]) -> Iterator[Step]:
        """Split the bytes between two other steps into pieces of `bytes_per_write`."""
        size = self.options.bytes_per_write
        if size is None:
            yield from steps
            return
        for is_text, run in itertools.groupby(steps, lambda step: isinstance(step, bytes)):
            if is_text:
                text = b"".join(step for step in run if isinstance(step, bytes))
                yield from (text[start : start + size] for start in range(0, len(text), size))
            else:
                yield from run

    def _usage(self, chat_request: ChatRequest, answer: Reply) -> Usage:
        """Count tokens as an engine does that keeps every earlier prompt in its cache."""
        prompt = _prompt(chat_request)
        cached = max((_shared(prompt, earlier) for earlier in self._prompts), default=0)
        self._prompts = [*(earlier for earlier in self._prompts if not prompt.startswith(earlier)), prompt]
        count = self.options.tokens_of
        tokens, written = count(prompt), completion_tokens(answer.parts, self.options.reply_format)
        return answer.usage or Usage(tokens, written, min(count(prompt[:cached]), max(tokens - 1, 0)))

    async def _tokenize(self, request: web.Request) -> web.StreamResponse:
        self._record(request)
        content = str((await request.json()).get("content", ""))
        return _json(200, {"tokens": list(range(self.options.tokens_of(content)))})

    async def _input_tokens(self, request: web.Request) -> web.StreamResponse:
        self._record(request)
        tokens = self.options.tokens_of(_prompt(read_chat_request({}, await request.read())))
        return _json(200, {"input_tokens": tokens, "object": "response.input_tokens"})

    async def _apply_template(self, request: web.Request) -> web.StreamResponse:
        self._record(request)
        chat_request = read_chat_request(
            {}, encode_json({"model": self.options.reply_format.model} | await request.json())
        )
        if self.options.is_strict and (broken := broken_rules(chat_request)):
            return _json(400, refuse(400, " ".join(broken)).body)
        return _json(200, {"prompt": _prompt(chat_request)})

    async def _document(self, request: web.Request) -> web.StreamResponse:
        self._record(request)
        documents = self._documents()
        for path in (request.raw_path, request.path):
            if path in documents:
                return _json(200, documents[path])
        return _json(404, refuse(404, "File Not Found", "not_found_error").body)

    def _documents(self) -> Mapping[str, JsonValue]:
        model, window = self.options.reply_format.model, self.options.context_tokens
        if self.options.documents is not None:
            return self.options.documents
        return scripted_llamacpp(model, window) if self.options.is_llama_cpp else {"/v1/models": listed(model)}

    def _record(self, request: web.Request) -> None:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.other_requests.append(OtherRequest(request.method, request.path, headers))


@contextlib.asynccontextmanager
async def chat_server(script: Script, options: ServerOptions | None = None, port: int = 0) -> AsyncIterator[ChatServer]:
    """Serve on this loopback port, or a free one, for the duration of the context."""
    server = ChatServer(script, options or ServerOptions())
    runner = web.AppRunner(server.application(), handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port)
    try:
        await site.start()
        host, port = runner.addresses[0][:2]
        server.origin = f"http://{host}:{port}"
        yield server
    finally:
        await runner.cleanup()


def prompt_tokens(chat_request: ChatRequest, tokens_of: Callable[[str], int] = tokens_by_length) -> int:
    """Return the tokens of a request's prompt, as the scripted engine counts them."""
    return tokens_of(_prompt(chat_request))


@contextlib.contextmanager
def _outcome_recorded(exchange: Exchange) -> Iterator[None]:
    """Record how an exchange ends; with `handler_cancellation`, a client that disconnects cancels its handler."""
    try:
        yield
    except (asyncio.CancelledError, ConnectionResetError):
        exchange.outcome = Outcome.ABANDONED
        raise
    else:
        if exchange.outcome is Outcome.UNDERWAY:
            exchange.outcome = Outcome.COMPLETE
    finally:
        exchange.over.set()


def _reset(request: web.Request, exchange: Exchange, response: web.StreamResponse | None = None) -> web.StreamResponse:
    """Reset the connection; the returned response is never sent."""
    exchange.outcome = Outcome.BROKEN_OFF
    if request.transport is not None:
        request.transport.abort()
    return response or web.Response()


def _prompt(chat_request: ChatRequest) -> str:
    """Return the prompt as a chat template renders it: the tools first, then the messages in order."""
    tools, messages = chat_request.raw.get("tools", []), chat_request.raw.get("messages", [])
    assert isinstance(messages, list)
    return "\n".join([encode_json(tools).decode(), *(encode_json(message).decode() for message in messages)])


def _shared(one: str, other: str) -> int:
    """Return the length of the common prefix in characters."""
    return bisect.bisect_left(range(min(len(one), len(other))), 1, key=lambda end: one[: end + 1] != other[: end + 1])


def _json(status: int, body: JsonValue, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(status=status, body=encode_json(body), content_type="application/json", headers=headers)
