"""The number of characters of a prompt that a model reads: texts, and the JSON of inputs; images count as none."""

from collections.abc import Callable
from typing import TypeAlias, assert_never

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

Measure: TypeAlias = Callable[[str], int]
"""The size of a text: its characters, or what a prompt's estimate takes for it."""


def content_characters(content: Content) -> int:
    """Count the characters of a message's content."""
    return content_size(content, len)


def json_characters(value: JsonValue) -> int:
    """Count the characters of a value's JSON; a missing value has none."""
    return json_size(value, len)


def content_size(content: Content, measure: Measure) -> int:
    """Return the size of all texts in a message's content."""
    return sum(_block_size(block, measure) for block in blocks_of(content))


def json_size(value: JsonValue, measure: Measure) -> int:
    """Return the size of a value's JSON; a missing value has none."""
    return 0 if value is None else measure(encode_json(value).decode())


def _block_size(block: ContentBlock, measure: Measure) -> int:
    match block:
        case TextBlock(text):
            return measure(text)
        case ThinkingBlock(thinking):
            return measure(thinking)
        case ToolUseBlock(_, name, arguments):
            return measure(name) + json_size(arguments, measure)
        case ToolResultBlock(_, content):
            return 0 if content is None else content_size(content, measure)
        case ToolReferenceBlock(tool_name):
            return measure(tool_name)
        case DocumentBlock(OtherSource(raw)):
            return json_size(raw, measure)
        case ImageBlock() | DocumentBlock() | RedactedThinkingBlock():
            return 0
        case UnknownBlock(_, raw):
            return json_size(raw, measure)
        case _:
            assert_never(block)
