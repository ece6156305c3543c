"""A real model's output is still in the engine's cache when the client sends it back in its own spelling."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import anthropic
import pytest
from anthropic.types import (
    Message,
    MessageParam,
    TextBlock,
    TextBlockParam,
    ToolParam,
    ToolResultBlockParam,
    ToolUseBlock,
    ToolUseBlockParam,
)
from msgspec.structs import replace
from tests.parts.engines import running
from tests.parts.gateway import QUICK, running_gateway

from anyclaude.backends import BackendTarget, fitted_to_template
from anyclaude.backends.http import HttpBackend, open_session
from anyclaude.engine import EngineOptions
from anyclaude.engine.embedded import EmbeddedEngine
from anyclaude.engine.gguf import read_metadata
from anyclaude.filters import FilterContext
from anyclaude.profiles import EMBEDDED
from anyclaude.protocol.deltas import Delta, Finished, TextDelta, ToolCallDelta
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

TASK = "Write the text hello to the file /tmp/hello.txt"
"""With its own template, the model answers with a bare JSON object."""

FENCED = "Tell me what the tool Write does, and call it to write the text hello to the file /tmp/hello.txt"
"""With its own template, the model answers with a fenced JSON object."""

WITH_WORDS = "Explain in one sentence how you will write the text hello to the file /tmp/hello.txt, then call the tool."
"""With its own template, the model answers with words before the fenced JSON object."""

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
    async with (
        running_gateway(tmp_path, target_of(qwen_engine)) as gateway,
        anthropic.AsyncAnthropic(base_url=gateway.base_url, auth_token="dummy", max_retries=0) as client,
    ):
        conversation = Conversation(client, [{"role": "user", "content": TASK}])
        called = await conversation.next_reply()
        conversation.history.extend(echo_of(called))
        answered = await conversation.next_reply()

    assert answered.usage.cache_read_input_tokens == tokens_kept_of(called)


@pytest.mark.parametrize("task", [TASK, WITH_WORDS, FENCED])
async def test_the_tokens_of_a_call_written_as_text_are_not_evaluated_again_with_its_result(
    qwen_model: Path, tmp_path: Path, task: str
) -> None:
    own_template = read_metadata(qwen_model).chat_template
    options = EngineOptions(context_tokens=4096, chat_template=own_template)
    async with running(qwen_model, tmp_path, options) as engine, open_session() as session:
        target = await fitted_to_template(HttpBackend(session, target_of(engine)))
        async with (
            running_gateway(tmp_path, target, options=replace(QUICK, filters=(JsonCalls,))) as gateway,
            anthropic.AsyncAnthropic(base_url=gateway.base_url, auth_token="dummy", max_retries=0) as client,
        ):
            conversation = Conversation(client, [{"role": "user", "content": task}])
            called = await conversation.next_reply()
            conversation.history.extend(echo_of(called))
            answered = await conversation.next_reply()

    assert answered.usage.cache_read_input_tokens == tokens_kept_of(called)


class JsonCalls:
    """Reads a JSON object with a name as a call, fenced or not; the text is held back to the end of the reply."""

    CALL = re.compile(r'\s*(?:```json\n)?(\{\s*"name".*?\}\s*\})(?:\n```)?\s*', re.DOTALL)

    def __init__(self, context: FilterContext) -> None:
        self._text = ""

    def feed(self, deltas: Sequence[Delta]) -> list[Delta]:
        """Hold back the text."""
        delivered: list[Delta] = []
        for delta in deltas:
            if isinstance(delta, TextDelta):
                self._text += delta.text
            else:
                delivered += [*(self.finish() if isinstance(delta, Finished) else ()), delta]
        return delivered

    def finish(self) -> list[Delta]:
        """Return the texts and the calls."""
        delivered: list[Delta] = []
        at = 0
        for slot, found in enumerate(self.CALL.finditer(self._text)):
            call = json.loads(found[1])
            delivered += [TextDelta(self._text[at : found.start()])]
            delivered += [ToolCallDelta(slot, call["name"], json.dumps(call["arguments"]), written=found[0])]
            at = found.end()
        delivered += [TextDelta(self._text[at:])]
        self._text = ""
        return delivered


def target_of(engine: EmbeddedEngine) -> BackendTarget:
    return BackendTarget(
        profile=EMBEDDED, base_url=f"{engine.base_url}/v1", model=engine.model_name, api_key=Secret(engine.api_key)
    )


def tokens_kept_of(called: Message) -> int:
    """Return the number of tokens in the engine's cache after a reply: its prompt and what the model wrote."""
    read = (called.usage.cache_read_input_tokens or 0) + called.usage.input_tokens
    return read + called.usage.output_tokens - STOP_TOKEN


def echo_of(called: Message) -> tuple[MessageParam, MessageParam]:
    """Return the call as a client re-encodes it, in another order and with a default added, and its result."""
    (call,) = (block for block in called.content if isinstance(block, ToolUseBlock))
    texts: list[TextBlockParam] = [
        {"type": "text", "text": block.text} for block in called.content if isinstance(block, TextBlock)
    ]
    arguments = dict(reversed(list(dict(call.input).items())))
    assert len(arguments) > 1, "an order needs more than one argument"
    echoed: ToolUseBlockParam = {
        "type": "tool_use",
        "id": call.id,
        "name": call.name,
        "input": {**arguments, "append": False},
    }
    result: ToolResultBlockParam = {"type": "tool_result", "tool_use_id": call.id, "content": "written"}
    return {"role": "assistant", "content": [*texts, echoed]}, {"role": "user", "content": [result]}
