"""The smallest real model calls a tool if it must, and answers in the client's format, through the gateway."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anthropic
import jsonschema
import msgspec
import pytest
from anthropic.types import Message, ToolParam
from tests.parts.gateway import running_gateway

from anyclaude.backends import BackendTarget
from anyclaude.engine.embedded import EmbeddedEngine
from anyclaude.filters import FilterContext, FilterFactory, RejectedCall
from anyclaude.profiles import EMBEDDED
from anyclaude.protocol.deltas import Delta, ToolCallDelta
from anyclaude.secret import Secret
from anyclaude.server import GatewayOptions

READ: ToolParam = {
    "name": "Read",
    "description": "Read a file",
    "input_schema": {
        "type": "object",
        "properties": {"file_path": {"$ref": "#/$defs/Path"}, "limit": {"type": "integer", "minimum": 1}},
        "required": ["file_path"],
        "additionalProperties": False,
        "$defs": {"Path": {"type": "string", "maxLength": 40}},
    },
}
BASH: ToolParam = {
    "name": "Bash",
    "description": "Run a command",
    "input_schema": {
        "type": "object",
        "properties": {"command": {"type": "string", "maxLength": 60}},
        "required": ["command"],
        "additionalProperties": False,
    },
}
TOOLS = {"Read": READ, "Bash": BASH}
TITLE: dict[str, object] = {
    "type": "object",
    "properties": {"title": {"type": "string", "maxLength": 60}},
    "required": ["title"],
    "additionalProperties": False,
}
QUESTION = "What is in the file /etc/hostname?"


class BrokenCall:
    """A filter that adds an invalid call to the reply, and hands it over to the gateway."""

    def __init__(self, context: FilterContext) -> None:
        self._context = context

    def feed(self, deltas: Sequence[Delta]) -> list[Delta]:
        """Return the deltas."""
        return [*deltas]

    def finish(self) -> list[Delta]:
        """Return the call, unless it was taken over."""
        call = ToolCallDelta(0, "Read", '{"file_path":')
        return [] if self._context.hand_over(RejectedCall("Read", (call,), "cut")) else [call]


@asynccontextmanager
async def client_of(
    engine: EmbeddedEngine, folder: Path, *filters: FilterFactory
) -> AsyncIterator[anthropic.AsyncAnthropic]:
    """Run a gateway with these filters after its own in front of the engine."""
    key = Secret(engine.api_key)
    target = BackendTarget(profile=EMBEDDED, base_url=f"{engine.base_url}/v1", model=engine.model_name, api_key=key)
    options = GatewayOptions(filters=filters, grace_seconds=0.2)
    async with (
        running_gateway(folder, target, options=options) as gateway,
        anthropic.AsyncAnthropic(base_url=gateway.base_url, auth_token="dummy", max_retries=0) as client,
    ):
        yield client


async def reply_to(client: anthropic.AsyncAnthropic, **fields: object) -> Message:
    """Return the reply, which is deterministic at temperature 0."""
    message: Message = await client.messages.create(
        model="local",
        max_tokens=300,
        messages=[{"role": "user", "content": QUESTION}],
        tools=[READ, BASH],
        extra_body={"temperature": 0, **fields},
    )
    return message


@pytest.mark.parametrize(
    ("choice", "possible"), [({"type": "any"}, {"Read", "Bash"}), ({"type": "tool", "name": "Read"}, {"Read"})]
)
async def test_a_forced_call_is_a_valid_call_of_an_offered_tool_and_ends_by_itself(
    smollm2_engine: EmbeddedEngine, tmp_path: Path, choice: dict[str, str], possible: set[str]
) -> None:
    async with client_of(smollm2_engine, tmp_path) as client:
        message = await reply_to(client, tool_choice=choice)

    (call,) = message.content
    assert call.type == "tool_use"
    assert call.name in possible
    jsonschema.validate(call.input, TOOLS[call.name]["input_schema"])
    assert message.stop_reason == "tool_use"


@pytest.mark.parametrize("field", ["output_config", "output_format"])
async def test_a_reply_in_a_format_is_the_json_even_if_tools_are_offered(
    smollm2_engine: EmbeddedEngine, tmp_path: Path, field: str
) -> None:
    wanted: dict[str, object] = {"type": "json_schema", "schema": TITLE}
    async with client_of(smollm2_engine, tmp_path) as client:
        message = await reply_to(client, **{field: {"format": wanted} if field == "output_config" else wanted})

    (block,) = message.content
    assert block.type == "text"
    jsonschema.validate(msgspec.json.decode(block.text), TITLE)
    assert message.stop_reason == "end_turn"


async def test_an_invalid_call_is_replaced_by_one_that_the_engine_was_made_to_write(
    smollm2_engine: EmbeddedEngine, tmp_path: Path
) -> None:
    async with client_of(smollm2_engine, tmp_path, BrokenCall) as client:
        message = await reply_to(client, stop_sequences=["."])

    text, call = message.content
    assert text.type == "text"
    assert call.type == "tool_use"
    jsonschema.validate(call.input, READ["input_schema"])
    assert message.stop_reason == "stop_sequence"  # which ended the text; the call was put behind it
