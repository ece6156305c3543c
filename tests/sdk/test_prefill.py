"""`max_tokens: 0` from the official SDK fills the cache of a real engine and generates nothing."""

from pathlib import Path

import pytest
from anthropic import BadRequestError
from anthropic.types import MessageParam
from tests.parts.engines import smollm2_model, tiny_engine, tiny_model
from tests.parts.gateway import running_gateway
from tests.sdk.clients import MODEL, async_client

from anyclaude.engine.embedded import EmbeddedEngine
from anyclaude.launcher.embedded import engine_target
from anyclaude.settings import Settings

__all__ = ["smollm2_model", "tiny_engine", "tiny_model"]

INSTRUCTIONS = "Search the garden with care, and say what you find. " * 60
WARM_UP: list[MessageParam] = [{"role": "user", "content": "warmup"}]
QUESTION: list[MessageParam] = [{"role": "user", "content": "What do you find?"}]


async def test_the_next_request_finds_the_prompt_in_the_cache(tiny_engine: EmbeddedEngine, tmp_path: Path) -> None:
    async with (
        running_gateway(tmp_path, engine_target(tiny_engine, Settings())) as gateway,
        async_client(gateway.base_url) as client,
    ):
        create = client.messages.create
        warm = await create(model=MODEL, max_tokens=0, system=INSTRUCTIONS, messages=WARM_UP)
        reply = await create(model=MODEL, max_tokens=4, system=INSTRUCTIONS, messages=QUESTION)

    assert (warm.content, warm.stop_reason, warm.stop_sequence) == ([], "max_tokens", None)
    assert warm.usage.output_tokens == 0
    read, new = reply.usage.cache_read_input_tokens, reply.usage.input_tokens
    prompt = warm.usage.input_tokens + (warm.usage.cache_read_input_tokens or 0)
    assert prompt > 700
    assert read is not None
    assert read > 0.98 * prompt
    assert new < 20


async def test_streaming_with_max_tokens_zero_is_refused_as_by_the_api(
    tiny_engine: EmbeddedEngine, tmp_path: Path
) -> None:
    async with (
        running_gateway(tmp_path, engine_target(tiny_engine, Settings())) as gateway,
        async_client(gateway.base_url) as client,
    ):
        with pytest.raises(BadRequestError, match=r"max_tokens: 0 .* stream: true"):
            async with client.messages.stream(model=MODEL, max_tokens=0, messages=QUESTION):
                pass
