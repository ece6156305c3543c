"""Replies without streaming, as the official SDK parses them."""

import asyncio
import base64
from pathlib import Path

import pytest
from anthropic import Anthropic
from anthropic.types import Message, MessageParam, TextBlock, ThinkingBlock
from pydantic import TypeAdapter
from tests.parts.chat_reply import Usage, finish, reply, say, think
from tests.parts.chat_request import ChatRequest
from tests.parts.chat_script import always, in_turn
from tests.parts.pictures import png
from tests.sdk.clients import HELLO, MODEL, parse_strictly, sdk_setup

GREETING = reply(say("Grüß Gott, 世界 🌍!"), usage=Usage(100, 7, 60))


async def test_a_reply_has_text_stop_reason_and_the_engines_token_counts(tmp_path: Path) -> None:
    async with sdk_setup(tmp_path, always(GREETING)) as setup:
        message = await setup.client.messages.create(model=MODEL, max_tokens=50, messages=HELLO)

    assert [block.text for block in message.content if isinstance(block, TextBlock)] == ["Grüß Gott, 世界 🌍!"]
    assert (message.role, message.model, message.stop_reason) == ("assistant", MODEL, "end_turn")
    assert (message.usage.input_tokens, message.usage.cache_read_input_tokens) == (40, 60)
    assert message.usage.output_tokens == 7


async def test_the_json_matches_the_sdks_types_exactly(tmp_path: Path) -> None:
    async with sdk_setup(tmp_path, always(reply(think("Polite."), say("Hi.")))) as setup:
        response = await setup.client.messages.with_raw_response.create(model=MODEL, max_tokens=50, messages=HELLO)
        text = await response.read()

    message = parse_strictly(TypeAdapter(Message), text)
    assert message.id.startswith("msg_")
    assert response.headers["request-id"].startswith("req_")


async def test_each_reply_has_a_unique_id(tmp_path: Path) -> None:
    async with sdk_setup(tmp_path, always(GREETING)) as setup:
        messages = [await setup.client.messages.create(model=MODEL, max_tokens=50, messages=HELLO) for _ in range(2)]

    assert len({message.id for message in messages}) == 2
    assert len({message._request_id for message in messages}) == 2


def create_in_thread(client: Anthropic) -> Message:
    """Send one request and close the client."""
    with client:
        return client.messages.create(model=MODEL, max_tokens=50, messages=HELLO)


async def test_the_synchronous_client_gets_the_same_reply(tmp_path: Path) -> None:
    async with sdk_setup(tmp_path, always(GREETING)) as setup:
        message = await asyncio.to_thread(create_in_thread, setup.sync_client())
        other = await setup.client.messages.create(model=MODEL, max_tokens=50, messages=HELLO)

    assert message.content == other.content
    assert message.usage == other.usage


async def test_the_parameters_reach_the_model_server(tmp_path: Path) -> None:
    async with sdk_setup(tmp_path, always(GREETING)) as setup:
        await setup.client.messages.create(
            model=MODEL,
            max_tokens=50,
            messages=HELLO,
            extra_body={"temperature": 0.25, "top_p": 0.5, "top_k": 7},
        )

    raw = setup.server.requests[0].raw
    assert raw["max_tokens"] == 50
    assert (raw["temperature"], raw["top_p"], raw["top_k"]) == (0.25, 0.5, 7)


async def test_the_system_prompt_comes_first_whether_it_is_text_or_blocks(tmp_path: Path) -> None:
    async with sdk_setup(tmp_path, always(GREETING)) as setup:
        await setup.client.messages.create(model=MODEL, max_tokens=50, messages=HELLO, system="Be brief.")
        await setup.client.messages.create(
            model=MODEL,
            max_tokens=50,
            messages=HELLO,
            system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        )

    for request in setup.server.requests:
        assert [(message.role, message.text) for message in request.messages] == [
            ("system", "Be brief."),
            ("user", "Hello?"),
        ]


async def test_a_reply_cut_at_the_token_limit_stops_with_max_tokens(tmp_path: Path) -> None:
    async with sdk_setup(tmp_path, always(reply(say("And th"), finish("length")))) as setup:
        message = await setup.client.messages.create(model=MODEL, max_tokens=50, messages=HELLO)

    assert message.stop_reason == "max_tokens"


@pytest.mark.parametrize("url", [None, "https://example.com/picture.png"])
async def test_an_image_reaches_the_model_server(tmp_path: Path, url: str | None) -> None:
    data = base64.b64encode(png()).decode()
    picture: list[MessageParam] = [
        {
            "role": "user",
            "content": [
                {
                    "type": "image",
                    "source": {"type": "url", "url": url}
                    if url
                    else {"type": "base64", "media_type": "image/png", "data": data},
                },
                {"type": "text", "text": "What is this?"},
            ],
        }
    ]
    async with sdk_setup(tmp_path, always(reply(say("A red square.")))) as setup:
        await setup.client.messages.create(model=MODEL, max_tokens=50, messages=picture)

    (message,) = setup.server.requests[0].messages
    assert message.images == (url or f"data:image/png;base64,{data}",)
    assert message.text == "What is this?"


async def test_thinking_is_a_block_and_may_be_sent_back(tmp_path: Path) -> None:
    async with sdk_setup(tmp_path, in_turn(reply(think("Is it 4?"), say("4.")), reply(say("Sure.")))) as setup:
        first = await setup.client.messages.create(
            model=MODEL, max_tokens=5000, messages=HELLO, thinking={"type": "enabled", "budget_tokens": 1024}
        )
        history: list[MessageParam] = [
            *HELLO,
            {"role": "assistant", "content": first.content},
            {"role": "user", "content": "Sure?"},
        ]
        second = await setup.client.messages.create(model=MODEL, max_tokens=5000, messages=history)

    thinking, text = first.content
    assert isinstance(thinking, ThinkingBlock)
    assert isinstance(text, TextBlock)
    assert (thinking.thinking, text.text) == ("Is it 4?", "4.")
    assert [message.text for message in setup.server.requests[1].messages] == ["Hello?", "4.", "Sure?"]
    assert second.stop_reason == "end_turn"


async def test_a_conversation_keeps_its_turns(tmp_path: Path) -> None:
    history: list[MessageParam] = [
        *HELLO,
        {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": [{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}]},
    ]
    async with sdk_setup(tmp_path, always(GREETING)) as setup:
        await setup.client.messages.create(model=MODEL, max_tokens=50, messages=history)

    def turns(request: ChatRequest) -> list[tuple[str, list[str]]]:
        return [(message.role, message.text.split()) for message in request.messages]

    assert turns(setup.server.requests[0]) == [
        ("user", ["Hello?"]),
        ("assistant", ["Yes?"]),
        ("user", ["One.", "Two."]),
    ]


async def test_a_system_message_keeps_its_place_in_the_conversation(tmp_path: Path) -> None:
    history: list[MessageParam] = [
        *HELLO,
        {"role": "assistant", "content": "Yes?"},
        {"role": "system", "content": "The user has left the room."},
    ]
    async with sdk_setup(tmp_path, always(GREETING)) as setup:
        await setup.client.messages.create(model=MODEL, max_tokens=50, messages=history, system="Be brief.")

    first, *_, last = setup.server.requests[0].messages
    assert first.text == "Be brief."
    assert "The user has left the room." in last.text
