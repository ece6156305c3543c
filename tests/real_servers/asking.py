"""What the tests ask of real servers, in few tokens."""

from collections.abc import Sequence

from anthropic import AsyncAnthropic, omit
from anthropic.types import Message, MessageParam, ToolChoiceParam, ToolParam

MODEL = "claude-local"
HELLO: list[MessageParam] = [{"role": "user", "content": "Hello there"}]

PLACES = {"type": "object", "properties": {"place": {"enum": ["/etc", "/tmp"]}}, "required": ["place"]}
"""Arguments that end soon even if random weights write them: the grammar leaves them few choices."""

READ: ToolParam = {
    "name": "read_file",
    "description": "Reads a file.",
    "input_schema": {**PLACES, "additionalProperties": False},
}
LIST: ToolParam = {**READ, "name": "list_folder", "description": "Lists a folder."}


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


def prompt_tokens(message: Message) -> int:
    """Return the tokens of the whole prompt: evaluated, read from the engine's cache, and written into it."""
    usage = message.usage
    return usage.input_tokens + (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)


def story(opening: str, sentences: int) -> MessageParam:
    """Return a prompt of about ten tokens for each sentence, which begins with `opening`."""
    text = " ".join(f"In year {year} the river rose again and took a bridge." for year in range(sentences))
    return {"role": "user", "content": f"{opening}: {text}"}
