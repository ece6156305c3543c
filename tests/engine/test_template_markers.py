"""Nothing that only our chat templates write reaches a client, from real models through a gateway."""

from pathlib import Path

import aiohttp
import msgspec
import pytest
from benchmarks.plain_answers.judgement import contains_a_marker
from msgspec.structs import replace
from tests.parts.engines import ENGINE_KEY
from tests.parts.gateway import running_gateway, target_at

from anyclaude.engine.embedded import EmbeddedEngine
from anyclaude.secret import Secret

SYSTEM = "You are a coding agent in a terminal. Use the tools to do what the user asks. Be brief."
SCHEMA = {"type": "object", "properties": {"file_path": {"type": "string"}}, "required": ["file_path"]}
TOOLS = [{"name": "Read", "description": "Reads a file", "input_schema": SCHEMA}]

RESULTS = {
    "/etc/hostname": "build-host-42",
    "/srv/app/config.json": '{"port": 8123}',
    "/srv/app/missing.py": "Error: the file does not exist",
    "/srv/app/version": "3.11.7",
}


@pytest.fixture(params=["smollm2_engine", "qwen_engine"])
def engine(request: pytest.FixtureRequest) -> EmbeddedEngine:
    """An engine with each of the shipped templates that belong to a model."""
    engine = request.getfixturevalue(request.param)
    assert isinstance(engine, EmbeddedEngine)
    return engine


@pytest.mark.parametrize("path", RESULTS)
async def test_a_reply_to_a_tool_result_has_no_marker(engine: EmbeddedEngine, tmp_path: Path, path: str) -> None:
    messages: list[dict[str, object]] = [
        {"role": "user", "content": f"What is in {path}?"},
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {"file_path": path}}],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": RESULTS[path]}]},
    ]

    assert not contains_a_marker(await reply(engine, tmp_path, messages))


@pytest.mark.parametrize("greeting", ["Hi", "Who are you?", "Thank you!"])
async def test_a_reply_to_a_greeting_has_no_marker(engine: EmbeddedEngine, tmp_path: Path, greeting: str) -> None:
    assert not contains_a_marker(await reply(engine, tmp_path, [{"role": "user", "content": greeting}]))


class _Block(msgspec.Struct):
    text: str = ""


class _Message(msgspec.Struct):
    content: list[_Block]


async def reply(engine: EmbeddedEngine, folder: Path, messages: list[dict[str, object]]) -> str:
    """Return the text of the reply, as a client receives it."""
    target = replace(
        target_at(f"{engine.base_url}/v1", "embedded"), model=engine.model_name, api_key=Secret(ENGINE_KEY)
    )
    body = {
        "model": "local",
        "max_tokens": 60,
        "temperature": 0,
        "system": SYSTEM,
        "tools": TOOLS,
        "messages": messages,
    }
    async with (
        running_gateway(folder, target) as gateway,
        aiohttp.ClientSession(gateway.base_url) as session,
        session.post("/v1/messages", json=body, raise_for_status=True) as response,
    ):
        message = msgspec.json.decode(await response.read(), type=_Message)
    return "\n".join(block.text for block in message.content)
