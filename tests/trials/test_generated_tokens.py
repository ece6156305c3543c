"""A real model's output is still in the engine's cache when the client sends it back in its own spelling."""

from dataclasses import dataclass
from pathlib import Path

import anthropic
from anthropic.types import Message, MessageParam, ToolParam, ToolResultBlockParam, ToolUseBlock, ToolUseBlockParam
from tests.parts.gateway import running_gateway

from anyclaude.backends import BackendTarget
from anyclaude.engine.embedded import EmbeddedEngine
from anyclaude.profiles import EMBEDDED
from anyclaude.secret import Secret

TOOL: ToolParam = {
    "name": "Write",
    "description": "Write a file",
    "input_schema": {
        "type": "object",
        "properties": {"file_path": {"type": "string"}, "content": {"type": "string"}},
        "required": ["file_path", "content"],
    },
}

STOP_TOKEN = 1
"""The last token of a reply ends the turn; it is counted, but not cached."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """A client with its history."""

    client: anthropic.AsyncAnthropic
    history: list[MessageParam]

    async def next_reply(self) -> Message:
        """Request the next reply, which is deterministic at temperature 0."""
        return await self.client.messages.create(
            model="local",
            max_tokens=80,
            system="You are a coding assistant. Use the tools to answer.",
            tools=[TOOL],
            messages=self.history,
            extra_body={"temperature": 0},
        )


async def test_the_tokens_of_a_call_are_not_evaluated_again_with_its_result(
    qwen_engine: EmbeddedEngine, tmp_path: Path
) -> None:
    target = BackendTarget(
        profile=EMBEDDED,
        base_url=f"{qwen_engine.base_url}/v1",
        model=qwen_engine.model_name,
        api_key=Secret(qwen_engine.api_key),
    )
    async with (
        running_gateway(tmp_path, target) as gateway,
        anthropic.AsyncAnthropic(base_url=gateway.base_url, auth_token="dummy", max_retries=0) as client,
    ):
        conversation = Conversation(
            client, [{"role": "user", "content": "Write the text hello to the file /tmp/hello.txt"}]
        )
        called = await conversation.next_reply()
        conversation.history.extend(echo_of(called))
        answered = await conversation.next_reply()

    read = (called.usage.cache_read_input_tokens or 0) + called.usage.input_tokens
    written = called.usage.output_tokens - STOP_TOKEN
    assert answered.usage.cache_read_input_tokens == read + written


def echo_of(called: Message) -> tuple[MessageParam, MessageParam]:
    """Return the call as a client re-encodes it, in another order and with a default added, and its result."""
    (call,) = (block for block in called.content if isinstance(block, ToolUseBlock))
    arguments = dict(reversed(list(dict(call.input).items())))
    assert len(arguments) > 1, "an order needs more than one argument"
    echoed: ToolUseBlockParam = {
        "type": "tool_use",
        "id": call.id,
        "name": call.name,
        "input": {**arguments, "append": False},
    }
    result: ToolResultBlockParam = {"type": "tool_result", "tool_use_id": call.id, "content": "written"}
    return {"role": "assistant", "content": [echoed]}, {"role": "user", "content": [result]}
