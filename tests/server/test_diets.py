"""The effect of the diet on a forwarded request, and its record in the journal."""

from pathlib import Path
from typing import get_args

import aiohttp
import pytest
from msgspec import convert
from msgspec.structs import replace
from tests.parts.chat_reply import reply, say
from tests.parts.chat_request import ChatRequest
from tests.parts.chat_script import always
from tests.parts.chat_server import chat_server
from tests.parts.gateway import QUICK, running_gateway, target_at
from tests.parts.json_at import at

from anyclaude.protocol.json_values import JsonObject, JsonValue, encode_json
from anyclaude.protocol.prompt_size import PromptSize
from anyclaude.server import GatewayOptions
from anyclaude.transforms import Diet, Step

RULES = "Refuse to do harm.\n\n# Environment\n - Fast mode for Claude Code is fast.\n - Directory: /x\n"
SCHEMA: JsonObject = {"type": "object", "title": "Input", "properties": {"command": {"type": "string"}}}
TOOLS: list[JsonValue] = [
    {"name": name, "description": "Does it. " + "More words.\n\n" * 200, "input_schema": SCHEMA}
    for name in ("Bash", "Read", "mcp__notes__add")
]
BODY: JsonObject = {
    "model": "claude",
    "max_tokens": 16,
    "system": [{"type": "text", "text": RULES}],
    "tools": TOOLS,
    "messages": [{"role": "user", "content": "Hello"}],
}


DIETS: tuple[Diet, ...] = get_args(Diet)


async def forwarded(folder: Path, options: GatewayOptions) -> tuple[ChatRequest, JsonObject]:
    """Return the request as the model server received it, and its record in the journal."""
    async with (
        chat_server(always(reply(say("Hi.")))) as server,
        running_gateway(folder, target_at(server.base_url), options=options) as gateway,
        aiohttp.ClientSession() as session,
    ):
        async with session.post(f"{gateway.base_url}/v1/messages", data=encode_json(BODY)) as response:
            assert response.status == 200
        record = await gateway.recorded(1)
    return server.requests[0], record


async def counted(folder: Path, options: GatewayOptions) -> int:
    """Return the gateway's count of the request's tokens."""
    async with (
        chat_server(always(reply(say("Hi.")))) as server,
        running_gateway(folder, target_at(server.base_url), options=options) as gateway,
        aiohttp.ClientSession() as session,
        session.post(f"{gateway.base_url}/v1/messages/count_tokens", data=encode_json(BODY)) as response,
    ):
        return convert((await response.json())["input_tokens"], int)


@pytest.mark.parametrize("diet", ["lean", "minimal"])
async def test_a_diet_shortens_the_clients_text_and_the_journal_records_by_how_much(tmp_path: Path, diet: Diet) -> None:
    request, record = await forwarded(tmp_path, replace(QUICK, diet=diet))

    assert request.messages[0].text == RULES.replace(" - Fast mode for Claude Code is fast.\n", "")
    assert all(len(tool.function.description) <= 1_300 for tool in request.body.tools)
    steps = convert(record["steps"], list[Step])
    assert [step.name for step in steps] == ["system prompt", "tool text"]
    assert all(step.after < step.before for step in steps)
    size = convert(record["size"], PromptSize)
    assert size.system.characters + size.tools.characters + size.messages.characters == steps[-1].after


async def test_a_count_is_of_the_prompt_that_the_model_would_receive(tmp_path: Path) -> None:
    counts = [await counted(tmp_path / diet, replace(QUICK, diet=diet)) for diet in DIETS]

    assert counts == sorted(counts, reverse=True)
    assert len(set(counts)) == len(DIETS)


async def test_without_a_diet_the_prompt_is_not_changed(tmp_path: Path) -> None:
    request, record = await forwarded(tmp_path, QUICK)

    assert request.messages[0].text == RULES
    assert request.body.tools[0].function.description == at(BODY, "tools", 0, "description")
    assert record["steps"] == []


async def test_only_allowed_tools_are_offered(tmp_path: Path) -> None:
    request, _ = await forwarded(tmp_path, replace(QUICK, allowed_tools=frozenset({"Read", "mcp__notes__*"})))

    assert [tool.function.name for tool in request.body.tools] == ["Read", "mcp__notes__add"]
