"""Mode `claude`: the official SDK sends and receives through the gateway what it sends and receives without it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import anthropic
import pytest
from anthropic import AsyncAnthropic
from msgspec.structs import replace
from tests.parts.gateway import QUICK, running_gateway
from tests.parts.raw_backend import RawBackend, ReceivedRequest, raw_backend
from tests.sdk.clients import HELLO, MODEL, async_client

MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": MODEL,
    "content": [{"type": "text", "text": "Hi."}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 5, "output_tokens": 2},
}
EVENTS: list[dict[str, object]] = [
    {"type": "message_start", "message": {**MESSAGE, "content": [], "stop_reason": None}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi."}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
    {"type": "message_stop"},
]
STREAM = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in EVENTS).encode()
OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}, "request_id": "req_1"}
REPLY_HEADERS = {
    "request_id": "req_theirs",
    "anthropic_ratelimit_requests_remaining": "49",
    "set_cookie": "a=b; Path=/",
}


async def create(client: AsyncAnthropic) -> object:
    raw = await client.messages.with_raw_response.create(model=MODEL, max_tokens=50, messages=HELLO)
    return raw.status_code, sorted(raw.headers.multi_items()), await raw.text()


async def stream(client: AsyncAnthropic) -> object:
    async with client.messages.stream(model=MODEL, max_tokens=50, messages=HELLO) as events:
        return [event.model_dump() async for event in events], events.request_id


async def beta(client: AsyncAnthropic) -> object:
    message = await client.beta.messages.create(
        model=MODEL, max_tokens=50, messages=[{"role": "user", "content": "Hello?"}], betas=["a-1", "b-2"]
    )
    return message.model_dump()


async def fail(client: AsyncAnthropic) -> object:
    with pytest.raises(anthropic.APIStatusError) as caught:
        await client.messages.create(model=MODEL, max_tokens=50, messages=HELLO)
    return caught.value.status_code, caught.value.type, caught.value.request_id, str(caught.value)


async def models(client: AsyncAnthropic) -> object:
    return await client.get("/v1/models", cast_to=object, options={"params": {"limit": 1000, "after_id": "a/b c"}})


async def answer_message(received: ReceivedRequest) -> None:
    await received.answer(200, json.dumps(MESSAGE).encode(), **REPLY_HEADERS)


async def answer_stream(received: ReceivedRequest) -> None:
    await received.begin(200, "text/event-stream", **REPLY_HEADERS)
    for start in range(0, len(STREAM), 97):
        await received.chunk(STREAM[start : start + 97])
    await received.end()


async def answer_overloaded(received: ReceivedRequest) -> None:
    await received.answer(529, json.dumps(OVERLOADED).encode(), **REPLY_HEADERS)


async def answer_list(received: ReceivedRequest) -> None:
    await received.answer(200, b'{"data": []}', **REPLY_HEADERS)


Call: TypeAlias = Callable[[AsyncAnthropic], Coroutine[None, None, object]]
Answer: TypeAlias = Callable[[ReceivedRequest], Coroutine[None, None, None]]

CALLS: list[tuple[Call, Answer]] = [
    (create, answer_message),
    (stream, answer_stream),
    (beta, answer_message),
    (fail, answer_overloaded),
    (models, answer_list),
]


@asynccontextmanager
async def gateway_before(backend: RawBackend, folder: Path) -> AsyncIterator[str]:
    async with running_gateway(folder, options=replace(QUICK, forward_to=backend.origin)) as gateway:
        yield gateway.base_url


@pytest.mark.parametrize(("call", "answer"), CALLS, ids=[call.__name__ for call, _ in CALLS])
async def test_the_sdk_sends_and_receives_the_same_with_and_without_the_gateway(
    tmp_path: Path,
    call: Call,
    answer: Answer,
) -> None:
    async def exchanged(base_url: str, backend: RawBackend) -> tuple[list[str], bytes, object]:
        async with async_client(base_url) as client:
            result = asyncio.create_task(call(client))
            received = await backend.next_request()
            await answer(received)
            lines = received.head.split("\r\n")
            sent = [line for line in lines if not line.lower().startswith(("host:", "connection:"))]
            return sent, received.body, await result

    async with raw_backend() as backend, gateway_before(backend, tmp_path) as gateway_url:
        direct = await exchanged(backend.origin, backend)
        forwarded = await exchanged(gateway_url, backend)

    assert forwarded == direct
