"""The list of models and token counts, as the official SDK parses them."""

from pathlib import Path

import anthropic
import pytest
from anthropic.types import MessageTokensCount, ModelInfo
from pydantic import TypeAdapter
from tests.parts.chat_reply import reply, say
from tests.parts.chat_script import always
from tests.parts.gateway import MODEL as SERVED
from tests.sdk.clients import HELLO, MODEL, parse_strictly, sdk_setup

ELLIPSIS = always(reply(say("...")))


async def test_the_models_are_listed(tmp_path: Path) -> None:
    async with sdk_setup(tmp_path, ELLIPSIS) as setup:
        models = [model async for model in setup.client.models.list()]

    assert SERVED in [model.id for model in models]


async def test_a_model_matches_the_sdks_type_exactly(tmp_path: Path) -> None:
    async with sdk_setup(tmp_path, ELLIPSIS) as setup:
        response = await setup.client.models.with_raw_response.retrieve(SERVED)
        text = await response.read()

    assert parse_strictly(TypeAdapter(ModelInfo), text).id == SERVED


async def test_a_model_that_is_not_served_is_not_found(tmp_path: Path) -> None:
    async with sdk_setup(tmp_path, ELLIPSIS) as setup:
        with pytest.raises(anthropic.NotFoundError, match="unknown-model"):
            await setup.client.models.retrieve("unknown-model")


async def test_a_token_count_equals_the_usage_reported_for_the_same_prompt(tmp_path: Path) -> None:
    async with sdk_setup(tmp_path, ELLIPSIS) as setup:
        response = await setup.client.messages.with_raw_response.count_tokens(
            model=MODEL, messages=HELLO, system="Be brief."
        )
        counted = parse_strictly(TypeAdapter(MessageTokensCount), await response.read())
        message = await setup.client.messages.create(model=MODEL, max_tokens=50, messages=HELLO, system="Be brief.")

    usage = message.usage
    assert counted.input_tokens == usage.input_tokens + (usage.cache_read_input_tokens or 0)
