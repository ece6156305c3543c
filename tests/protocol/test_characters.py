"""The number of characters that a model reads."""

import pytest

from anyclaude.protocol.characters import content_characters, json_characters
from anyclaude.protocol.content import (
    Base64Source,
    Content,
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
)

PICTURE = Base64Source("image/png", "AAAA")


@pytest.mark.parametrize(
    ("content", "read"),
    [
        ("ab😀", "ab😀"),
        ((), ""),
        ((TextBlock("text", {"cache_control": None}),), "text"),
        ((ThinkingBlock("hmm", "signature"), TextBlock("text")), "hmmtext"),
        ((ToolUseBlock("toolu_1", "Read", {"ä": 1}),), 'Read{"ä":1}'),
        ((ToolUseBlock("toolu_1", "Read", {"a": 1}, raw_arguments='{ "a": 1 }'),), 'Read{"a":1}'),
        ((ToolResultBlock("toolu_1"),), ""),
        ((ToolResultBlock("toolu_1", (TextBlock("result"), ImageBlock(PICTURE))),), "result"),
        ((ToolReferenceBlock("Read"),), "Read"),
        ((ImageBlock(PICTURE), DocumentBlock(PICTURE), RedactedThinkingBlock("secret")), ""),
        ((DocumentBlock(OtherSource({"type": "text"})),), '{"type":"text"}'),
        ((UnknownBlock("new", {"type": "new"}),), '{"type":"new"}'),
    ],
)
def test_only_texts_and_the_json_of_inputs_are_counted(content: Content, read: str) -> None:
    assert content_characters(content) == len(read)


def test_a_missing_value_has_no_characters() -> None:
    assert json_characters(None) == 0
