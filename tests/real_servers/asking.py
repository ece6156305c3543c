"""What the tests ask of real servers, in few tokens."""

from collections.abc import Sequence

from anthropic import AsyncAnthropic, omit
from anthropic.types import Message, MessageParam, ToolChoiceParam, ToolParam

MODEL = "claude-local"
HELLO: list[MessageParam] = [{"role": "user", "content": "Hello there"}]

READ: ToolParam = {
    "name": "read_file",
    "description": "Reads a file.",
    "input_schema": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
}
LIST: ToolParam = {
    "name": "list_folder",
    "description": "Lists a folder.",
    "input_schema": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
}


EXACT = {"temperature": 0}
"""Fields that the SDK has no argument for: with sampling, every reply would differ."""


async def ask(
    client: AsyncAnthropic,
    messages: Sequence[MessageParam],
    max_tokens: int,
    *,
    stop: Sequence[str] = (),
    tools: Sequence[ToolParam] = (),
    choice: ToolChoiceParam | None = None,
) -> Message:
    """Return the reply to a request without streaming and without sampling."""
    return await client.messages.create(
        model=MODEL,
        max_tokens=max_tokens,
        messages=messages,
        stop_sequences=list(stop) if stop else omit,
        tools=list(tools) if tools else omit,
        tool_choice=choice or omit,
        extra_body=EXACT,
    )


def said(message: Message) -> str:
    """Return the text of a reply."""
    return "".join(block.text for block in message.content if block.type == "text")


def story(opening: str, sentences: int) -> MessageParam:
    """Return a prompt of about ten tokens for each sentence, which begins with `opening`."""
    text = " ".join(f"In year {year} the river rose again and took a bridge." for year in range(sentences))
    return {"role": "user", "content": f"{opening}: {text}"}
