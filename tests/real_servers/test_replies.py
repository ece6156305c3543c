"""Replies of real servers, as the official SDK receives them from the gateway."""

import pytest
from anthropic.types import Message, MessageParam

from .asking import EXACT, HELLO, MODEL, PICTURE, ask, prompt_tokens, said, story
from .played import Played, on_servers


@on_servers("text")
async def test_text_is_streamed_and_counted(played: Played) -> None:
    async with (
        played.client() as client,
        client.messages.stream(model=MODEL, max_tokens=12, messages=HELLO, extra_body=EXACT) as stream,
    ):
        pieces = [text async for text in stream.text_stream]
        message = await stream.get_final_message()

    assert len(pieces) > 1
    assert "".join(pieces) == said(message)
    assert message.stop_reason == "max_tokens"
    assert prompt_tokens(message) > 0
    assert message.usage.output_tokens == 12


@on_servers("stop_sequence")
async def test_the_stop_sequence_that_matched_is_named(played: Played) -> None:
    async with played.client() as client:
        whole = said(await ask(client, HELLO, 12))
        middle = whole[len(whole) // 2 :][:4]
        message = await ask(client, HELLO, 12, stop=["never written", middle])

    assert (message.stop_reason, message.stop_sequence) == ("stop_sequence", middle)
    assert said(message) == whole[: whole.index(middle)]


@on_servers("images")
async def test_an_image_does_not_keep_the_model_from_answering(played: Played) -> None:
    async with played.client() as client:
        message = await ask(client, [PICTURE], 4)

    assert said(message)


@on_servers("cached_tokens")
async def test_the_tokens_that_the_engine_has_cached_are_reported(played: Played) -> None:
    prompt = story(played.gateway.base_url, 120)
    async with played.client() as client:
        first = await ask(client, [prompt], 2)
        again = await ask(client, [prompt, _answer_of(first), {"role": "user", "content": "Go on"}], 2)

    assert (first.usage.cache_read_input_tokens or 0) < prompt_tokens(first) / 2
    assert (again.usage.cache_read_input_tokens or 0) > prompt_tokens(first) / 2


def _answer_of(message: Message) -> MessageParam:
    return {"role": "assistant", "content": said(message)}


COUNTING_SERVERS = {"llama-server", "vllm"}


@on_servers("count_tokens")
async def test_tokens_are_counted_by_the_engine_or_estimated_near_what_it_reported(played: Played) -> None:
    prompt = story("count", 200)
    async with played.client() as client:
        message = await ask(client, [prompt], 1)
        response = await client.messages.with_raw_response.count_tokens(model=MODEL, messages=[prompt])
    reported = prompt_tokens(message)

    counted = (await response.parse()).input_tokens
    if played.server.name in COUNTING_SERVERS:
        assert (response.headers["anyclaude-counted-by"], counted) == ("engine", reported)
    else:
        assert response.headers["anyclaude-counted-by"] == "calibrated"
        assert counted == pytest.approx(reported, rel=0.25)
