"""Estimates of tokens, held to what a real tokenizer counts."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.parts.engines import ENGINE_KEY
from tests.parts.gateway import RunningGateway, running_gateway, target_at
from tests.parts.json_at import at
from tests.parts.raw_client import CLAUDE_CODE, ask

from anyclaude.engine.embedded import EmbeddedEngine
from anyclaude.profiles import profile_named
from anyclaude.protocol.json_values import JsonValue
from anyclaude.secret import Secret

PROJECT = Path(__file__).parents[2]
PAGES = ("architecture.md", "diets.md")
FILES = ("engine/embedded.py", "settings/table.py", "errors.py", "protocol/sse.py", "filters/written/calls.py")
"""What a session reads: 80 kB of instructions and code."""

SCHEMA: JsonValue = {"type": "object", "properties": {"file_path": {"type": "string", "description": "absolute"}}}
TOOLS: JsonValue = [
    {"name": f"Tool{number}", "description": "It reads a file. " * 40, "input_schema": SCHEMA} for number in range(12)
]


def session(rounds: int) -> bytes:
    """Return the request after so many files were read."""
    messages: list[JsonValue] = [{"role": "user", "content": "Explain how the engine is started."}]
    for number, file in enumerate(FILES[:rounds]):
        text = (PROJECT / "src" / "anyclaude" / file).read_text()
        call: JsonValue = {"type": "tool_use", "id": f"toolu_{number}", "name": "Tool1", "input": {"file_path": file}}
        result: JsonValue = {"type": "tool_result", "tool_use_id": f"toolu_{number}", "content": text}
        messages += [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    system = "\n".join((PROJECT / "docs" / page).read_text() for page in PAGES)
    return body(messages=messages, system=system, tools=TOOLS, max_tokens=1)


def body(**fields: JsonValue) -> bytes:
    return json.dumps({"model": "claude-opus-5-5", **fields}).encode()


@pytest.fixture
async def counting(tiny_engine: EmbeddedEngine, tmp_path: Path) -> AsyncIterator[RunningGateway]:
    """A gateway that asks the engine's tokenizer."""
    target = replace(target_at(tiny_engine.base_url, "embedded"), api_key=Secret(ENGINE_KEY))
    async with running_gateway(tmp_path / "counting", target) as gateway:
        yield gateway


@pytest.fixture
async def estimating(tiny_engine: EmbeddedEngine, tmp_path: Path) -> AsyncIterator[RunningGateway]:
    """A gateway that takes the same engine for a server without a tokenizer."""
    profile = replace(profile_named("embedded"), token_counting="estimate")
    target = replace(target_at(tiny_engine.base_url, "embedded"), api_key=Secret(ENGINE_KEY), profile=profile)
    async with running_gateway(tmp_path / "estimating", target) as gateway:
        yield gateway


async def tokens(gateway: RunningGateway, request: bytes, source: str) -> int:
    """Return the answer of a gateway, and assert its source."""
    response = await ask(gateway.base_url, "POST", "/v1/messages/count_tokens", request, CLAUDE_CODE)
    assert response.headers["anyclaude-counted-by"] == source
    counted = response.json["input_tokens"]
    assert isinstance(counted, int)
    return counted


def prompt_tokens(reply: JsonValue) -> int:
    """Return the tokens of the prompt, those included that the engine had in its cache from an earlier test."""
    parts = [at(reply, "usage", name) for name in ("input_tokens", "cache_read_input_tokens")]
    return sum(part for part in parts if isinstance(part, int))


async def test_after_one_count_the_estimates_of_a_growing_conversation_are_within_a_tenth(
    counting: RunningGateway, estimating: RunningGateway
) -> None:
    reply = await ask(estimating.base_url, "POST", "/v1/messages", session(0), CLAUDE_CODE)
    first = await tokens(estimating, session(0), "calibrated")

    assert prompt_tokens(reply.json) == first
    assert first == await tokens(counting, session(0), "engine")
    for rounds in range(1, len(FILES) + 1):
        exact = await tokens(counting, session(rounds), "engine")
        assert await tokens(estimating, session(rounds), "calibrated") == pytest.approx(exact, rel=0.1)


@pytest.mark.parametrize("field", ["system", "tools"])
async def test_a_part_that_is_counted_alone_is_within_a_quarter(
    counting: RunningGateway, estimating: RunningGateway, field: str
) -> None:
    """The display of Claude Code's context asks for each part alone."""
    await ask(estimating.base_url, "POST", "/v1/messages", session(1), CLAUDE_CODE)
    part = body(messages=[{"role": "user", "content": "x"}], **{field: json.loads(session(0))[field]})

    exact = await tokens(counting, part, "engine")
    assert await tokens(estimating, part, "calibrated") == pytest.approx(exact, rel=0.25)


async def test_without_any_count_text_of_other_kinds_than_prose_is_not_far_off(
    counting: RunningGateway, estimating: RunningGateway
) -> None:
    table = "\n".join(f"{row},2026-01-{row % 28 + 1:02d},{row * 3.7:.2f},item{row}" for row in range(400))
    request = body(messages=[{"role": "user", "content": table}])

    exact = await tokens(counting, request, "engine")
    assert await tokens(estimating, request, "estimate") == pytest.approx(exact, rel=0.35)
