"""A real model calls tools through the engine, with streaming and the template chosen for it."""

import msgspec
from tests.parts.engines import connected

from anyclaude.engine.embedded import EmbeddedEngine


class _Function(msgspec.Struct):
    name: str = ""
    arguments: str = ""


class _ToolCall(msgspec.Struct):
    index: int
    function: _Function
    id: str = ""


class _Delta(msgspec.Struct):
    content: str | None = None
    tool_calls: list[_ToolCall] = []


class _Choice(msgspec.Struct):
    delta: _Delta
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice]


class Reply(msgspec.Struct):
    """A streamed reply, put together from its chunks."""

    text: str = ""
    call_id: str = ""
    name: str = ""
    arguments: str = ""
    argument_pieces: int = 0
    finish_reason: str | None = None


def tool(name: str, description: str, **properties: str) -> dict[str, object]:
    """Return a tool whose arguments are all strings."""
    described = {key: {"type": "string", "description": meaning} for key, meaning in properties.items()}
    schema = {"type": "object", "properties": described, "required": list(properties)}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}


TOOLS = [
    tool("Read", "Read a file", file_path="absolute path"),
    tool("Bash", "Run a shell command", command="the command"),
    tool("Edit", "Replace text in a file", file_path="absolute path", old_string="old text", new_string="new text"),
    tool("Write", "Write a file", file_path="absolute path", content="whole content"),
]
SYSTEM: dict[str, object] = {"role": "system", "content": "You are a coding assistant. Use the tools to answer."}


async def test_a_model_that_writes_fenced_calls_calls_a_tool(qwen_engine: EmbeddedEngine) -> None:
    call = await reply_to(qwen_engine, [SYSTEM, {"role": "user", "content": "What is in /etc/hostname?"}])

    assert (call.text, call.name, call.finish_reason) == ("", "Read", "tool_calls")
    assert msgspec.json.decode(call.arguments) == {"file_path": "/etc/hostname"}
    assert call.argument_pieces > 1


async def test_the_closing_fence_of_a_text_reply_is_kept(qwen_engine: EmbeddedEngine) -> None:
    question = "Write a python function that adds two numbers and explain it"

    reply = await reply_to(qwen_engine, [SYSTEM, {"role": "user", "content": question}])

    assert reply.name == ""
    assert reply.text.count("```") == 2


async def reply_to(engine: EmbeddedEngine, messages: list[dict[str, object]]) -> Reply:
    """Return the model's streamed reply, which is deterministic because the temperature is 0."""
    body = {"messages": messages, "tools": TOOLS, "temperature": 0, "max_tokens": 200, "stream": True}
    reply = Reply()
    async with (
        connected(engine) as session,
        session.post("/v1/chat/completions", json=body, raise_for_status=True) as response,
    ):
        async for line in response.content:
            if line.startswith(b"data: {"):
                add(reply, msgspec.json.decode(line.removeprefix(b"data: "), type=_Chunk))
    return reply


def add(reply: Reply, chunk: _Chunk) -> None:
    """Add one chunk of the stream to the reply."""
    for choice in chunk.choices:
        reply.text += choice.delta.content or ""
        reply.finish_reason = choice.finish_reason or reply.finish_reason
        for call in choice.delta.tool_calls:
            reply.call_id = call.id or reply.call_id
            reply.name += call.function.name
            reply.arguments += call.function.arguments
            reply.argument_pieces += bool(call.function.arguments)
