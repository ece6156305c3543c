"""What an engine reports of an exchange is remembered, if it tells how fast a prompt was evaluated."""

from pathlib import Path

import pytest
from tests.parts.gateway import running_gateway, target_at
from tests.parts.raw_backend import raw_backend
from tests.parts.raw_client import connected
from tests.parts.sessions import first_request, send

from anyclaude.backends import EvaluationSpeeds
from anyclaude.protocol.json_values import JsonObject, JsonValue
from anyclaude.server import GatewayOptions


async def remembered(folder: Path, prompt_tokens: int = 2_000, **report: JsonValue) -> float | None:
    """Return how long a prompt of 4,000 tokens takes, after an exchange whose end reports this."""
    file = folder / "speeds.jsonl"
    async with raw_backend() as backend:
        target = target_at(backend.base_url)
        async with (
            running_gateway(folder / "gateway", target, options=GatewayOptions(speeds_file=file)) as gateway,
            connected(gateway.base_url) as client,
        ):
            await send(client, first_request("Pull the weeds"))
            asked = await backend.next_request()
            await asked.begin()
            await asked.say("Done.")
            await asked.event({"choices": [], **report})
            await asked.finish(prompt_tokens=prompt_tokens)
            await client.response()
        return EvaluationSpeeds(file).seconds_for(target, 4_000)


async def test_the_time_for_what_was_evaluated_is_remembered(tmp_path: Path) -> None:
    seconds = await remembered(tmp_path, timings={"cache_n": 0, "prompt_n": 2_000, "prompt_ms": 20_000.0})

    assert seconds == pytest.approx(40.0)


async def test_what_was_cached_took_no_time(tmp_path: Path) -> None:
    timings: JsonObject = {"cache_n": 1_000, "prompt_n": 2_000, "prompt_ms": 30_000.0}
    seconds = await remembered(tmp_path, prompt_tokens=3_000, timings=timings)

    assert seconds == pytest.approx(60.0)


async def test_an_engine_that_reports_no_time_teaches_nothing(tmp_path: Path) -> None:
    assert await remembered(tmp_path) is None


async def test_an_engine_that_does_not_count_what_it_had_cached_teaches_nothing(tmp_path: Path) -> None:
    assert await remembered(tmp_path, timings={"prompt_ms": 20_000.0}) is None
