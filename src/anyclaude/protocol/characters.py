"""The number of characters of a prompt that a model reads: texts, and the JSON of inputs; images count as none."""

from typing import assert_never

from .content import (
    Content,
    ContentBlock,
    DocumentBlock,
    ImageBlock,
    OtherSource,
    RedactedThinkingBlock,
    TextBlock,
    ThinkingBlock,
    ToolReferenceBlock,
    ToolResultBlock,
    ToolUseBlock,
    UnknownBlock,
    blocks_of,
)
from .json_values import JsonValue, encode_json


def content_characters(content: Content) -> int:
    """Count the characters of a message's content."""
    return sum(_block_characters(block) for block in blocks_of(content))


def json_characters(value: JsonValue) -> int:
    """Count the characters of a value's JSON; a missing value has none."""
    return 0 if value is None else len(encode_json(value).decode())


def _block_characters(block: ContentBlock) -> int:
    match block:
        case TextBlock(text):
            return len(text)
        case ThinkingBlock(thinking):
            return len(thinking)
        case ToolUseBlock(_, name, arguments):
            return len(name) + json_characters(arguments)
        case ToolResultBlock(_, content):
            return 0 if content is None else content_characters(content)
        case ToolReferenceBlock(tool_name):
            return len(tool_name)
        case DocumentBlock(OtherSource(raw)):
            return json_characters(raw)
        case ImageBlock() | DocumentBlock() | RedactedThinkingBlock():
            return 0
        case UnknownBlock(_, raw):
            return json_characters(raw)
        case _:
            assert_never(block)
