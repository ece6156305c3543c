"""A session with llama.cpp, whose model cannot see, goes on after a picture, and its cache is used."""

from base64 import b64encode
from pathlib import Path

import pytest
from anthropic.types import MessageParam
from tests.parts.gateway import running_gateway
from tests.parts.pictures import png
from tests.sdk.clients import NO_RETRIES, async_client

from anyclaude.backends import BackendTarget
from anyclaude.engine.embedded import EmbeddedEngine
from anyclaude.profiles import profile_named
from anyclaude.secret import Secret

TURNS = 10


@pytest.mark.moves_prefix(reason="the picture of the first attempt was refused")
async def test_ten_turns_after_a_picture_evaluate_only_what_is_new(tiny_engine: EmbeddedEngine, tmp_path: Path) -> None:
    picture = b64encode(png()).decode()
    messages: list[MessageParam] = [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Look at this. " * 100},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": picture}},
            ],
        }
    ]
    target = BackendTarget(
        profile=profile_named("llamacpp"),
        base_url=f"{tiny_engine.base_url}/v1",
        model="tiny",
        api_key=Secret(tiny_engine.api_key),
    )
    evaluated: list[int] = []
    async with (
        running_gateway(tmp_path, target, options=NO_RETRIES) as gateway,
        async_client(gateway.base_url) as client,
    ):
        for turn in range(TURNS + 1):
            answer = await client.messages.create(model="tiny", max_tokens=8, messages=messages)
            evaluated.append(answer.usage.input_tokens)
            messages += [
                {"role": "assistant", "content": "Well."},
                {"role": "user", "content": f"And what is number {turn}?"},
            ]

    assert evaluated[0] > 100
    assert max(evaluated[1:]) < evaluated[0] // 2
