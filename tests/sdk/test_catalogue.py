"""The models and the counts, as the official SDK reads them."""

from pathlib import Path

import anthropic
import pytest
from anthropic.types import MessageTokensCount, ModelInfo
from pydantic import TypeAdapter
from tests.parts.chat_reply import reply, say
from tests.parts.chat_script import always
from tests.parts.gateway import MODEL as SERVED
from tests.sdk.clients import HELLO, MODEL, stage, understood

SILENCE = always(reply(say("...")))


async def test_the_models_are_listed(tmp_path: Path) -> None:
    async with stage(tmp_path, SILENCE) as on:
        models = [model async for model in on.client.models.list()]

    assert SERVED in [model.id for model in models]


async def test_a_model_fits_the_sdks_type_and_holds_nothing_else(tmp_path: Path) -> None:
    async with stage(tmp_path, SILENCE) as on:
        response = await on.client.models.with_raw_response.retrieve(SERVED)
        text = await response.read()

    assert understood(TypeAdapter(ModelInfo), text).id == SERVED


async def test_a_model_that_is_not_served_is_not_found(tmp_path: Path) -> None:
    async with stage(tmp_path, SILENCE) as on:
        with pytest.raises(anthropic.NotFoundError, match="nobody"):
            await on.client.models.retrieve("nobody")


async def test_a_count_is_the_number_the_engine_reports_for_the_same_prompt(tmp_path: Path) -> None:
    async with stage(tmp_path, SILENCE) as on:
        response = await on.client.messages.with_raw_response.count_tokens(
            model=MODEL, messages=HELLO, system="Be brief."
        )
        counted = understood(TypeAdapter(MessageTokensCount), await response.read())
        message = await on.client.messages.create(model=MODEL, max_tokens=50, messages=HELLO, system="Be brief.")

    usage = message.usage
    assert counted.input_tokens == usage.input_tokens + (usage.cache_read_input_tokens or 0)
