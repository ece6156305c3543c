"""Streamed replies, as the official SDK parses them."""

import asyncio
from pathlib import Path

import pytest
from anthropic import Anthropic
from anthropic.types import Message, RawMessageStreamEvent, ToolParam
from pydantic import TypeAdapter
from tests.parts.chat_reply import Hold, Reply, call, reply, say, think
from tests.parts.chat_script import always
from tests.parts.chat_server import Outcome, ServerOptions
from tests.parts.referee import judge
from tests.sdk.clients import HELLO, MODEL, parse_strictly, sdk_setup

READ: ToolParam = {
    "name": "Read",
    "description": "Reads a file.",
    "input_schema": {"type": "object", "properties": {"file_path": {"type": "string"}}, "required": ["file_path"]},
}

REPLIES = [
    reply(say("Grüß Gott, 世界 🌍!")),
    reply(think("Let me think. 🤔"), say("I have thought.")),
    reply(say("I look."), call("Read", file_path="/tmp/ä b.txt"), call("Read", file_path="/etc/hosts")),
    reply(think("No words."), call("Read", file_path="x" * 300)),
]


@pytest.mark.parametrize("answer", REPLIES)
@pytest.mark.parametrize("bytes_per_write", [None, 1, 100])
async def test_a_streamed_reply_equals_the_reply_without_streaming(
    tmp_path: Path, answer: Reply, bytes_per_write: int | None
) -> None:
    async with sdk_setup(tmp_path, always(answer), ServerOptions(bytes_per_write=bytes_per_write)) as setup:
        async with setup.client.messages.stream(model=MODEL, max_tokens=50, messages=HELLO, tools=[READ]) as stream:
            streamed = await stream.get_final_message()
        whole = await setup.client.messages.create(model=MODEL, max_tokens=50, messages=HELLO, tools=[READ])

    assert comparable(streamed) == comparable(whole)


def comparable(message: Message) -> object:
    """Return the parts of a message that do not change when the request is repeated: all but ids and cached tokens."""
    plain = message.model_dump(exclude={"id", "usage"})
    for block in plain["content"]:
        block.pop("id", None)
    return plain, message.usage.output_tokens


@pytest.mark.parametrize("answer", REPLIES)
async def test_every_event_matches_the_sdks_types_and_the_stream_grammar(tmp_path: Path, answer: Reply) -> None:
    async with (
        sdk_setup(tmp_path, always(answer)) as setup,
        setup.client.messages.with_streaming_response.create(
            model=MODEL, max_tokens=50, messages=HELLO, tools=[READ], stream=True
        ) as response,
    ):
        raw = b"".join([part async for part in response.iter_bytes()])

    assert judge(raw).outcome == "whole"
    event: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)
    for line in raw.splitlines():
        if line.startswith(b"data: ") and b'"ping"' not in line:
            parse_strictly(event, line.removeprefix(b"data: "))


async def test_text_arrives_while_the_model_is_still_generating(tmp_path: Path) -> None:
    gate = asyncio.Event()
    received = []
    async with (
        sdk_setup(tmp_path, always(reply(say("one "), Hold(gate), say("two")))) as setup,
        setup.client.messages.stream(model=MODEL, max_tokens=50, messages=HELLO) as stream,
    ):
        async for text in stream.text_stream:
            received.append(text)
            gate.set()

    assert "".join(received) == "one two"


async def test_the_input_of_a_call_grows_as_it_is_written_if_the_tool_asks_for_it(tmp_path: Path) -> None:
    inputs = []
    eager: ToolParam = {**READ, "eager_input_streaming": True}
    async with (
        sdk_setup(tmp_path, always(reply(call("Read", file_path="/etc/hosts")))) as setup,
        setup.client.messages.stream(model=MODEL, max_tokens=50, messages=HELLO, tools=[eager]) as stream,
    ):
        async for event in stream:
            if event.type == "input_json":
                inputs.append(event.snapshot)

    assert len(inputs) > 2
    assert inputs[-1] == {"file_path": "/etc/hosts"}


def stream_in_thread(client: Anthropic) -> tuple[str, Message]:
    """Stream one reply and close the client."""
    with client, client.messages.stream(model=MODEL, max_tokens=50, messages=HELLO) as stream:
        return "".join(stream.text_stream), stream.get_final_message()


async def test_the_synchronous_client_streams_the_same_reply(tmp_path: Path) -> None:
    async with sdk_setup(tmp_path, always(REPLIES[0])) as setup:
        text, message = await asyncio.to_thread(stream_in_thread, setup.sync_client())

    assert text == "Grüß Gott, 世界 🌍!"
    assert message.stop_reason == "end_turn"


async def test_closing_the_stream_aborts_the_request_to_the_server(tmp_path: Path) -> None:
    never = asyncio.Event()
    async with sdk_setup(tmp_path, always(reply(say("one "), Hold(never)))) as setup:
        async with setup.client.messages.stream(model=MODEL, max_tokens=50, messages=HELLO) as stream:
            async for _ in stream.text_stream:
                break
        exchange = await setup.server.exchange(1)
        await asyncio.wait_for(exchange.over.wait(), timeout=10)

    assert exchange.outcome is Outcome.ABANDONED
