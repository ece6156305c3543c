"""Every type of block is decoded, keeps all its fields, and is encoded as it was received."""

import pytest
from hypothesis import given
from tests.parts.requests import Json, contents, damaged, objects, plain_blocks, tool_results, words

from anyclaude.errors import InvalidRequest
from anyclaude.protocol.content import (
    Base64Source,
    Content,
    ContentBlock,
    DocumentBlock,
    Fields,
    ImageBlock,
    OtherSource,
    RedactedThinkingBlock,
    TextBlock,
    ThinkingBlock,
    ToolReferenceBlock,
    ToolResultBlock,
    ToolUseBlock,
    UnknownBlock,
    UrlSource,
    blocks_of,
    decode_block,
    decode_content,
    encode_block,
    encode_content,
)
from anyclaude.protocol.json_values import JsonValue, decode_json, encode_json

CACHED: JsonValue = {"type": "ephemeral"}

BLOCKS: list[tuple[dict[str, JsonValue], ContentBlock]] = [
    ({"type": "text", "text": " a\n"}, TextBlock(" a\n")),
    ({"type": "text", "text": "a", "cache_control": CACHED}, TextBlock("a", {"cache_control": CACHED})),
    (
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
        ImageBlock(Base64Source("image/png", "AA==")),
    ),
    (
        {"type": "image", "source": {"type": "url", "url": "https://x", "new": 1}, "title": None},
        ImageBlock(UrlSource("https://x", {"new": 1}), {"title": None}),
    ),
    (
        {"type": "image", "source": {"type": "file", "file_id": "f"}},
        ImageBlock(OtherSource({"type": "file", "file_id": "f"})),
    ),
    (
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "AA=="},
            "title": "t",
        },
        DocumentBlock(Base64Source("application/pdf", "AA=="), {"title": "t"}),
    ),
    (
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}},
        DocumentBlock(OtherSource({"type": "text", "media_type": "text/plain", "data": "x"})),
    ),
    (
        {"type": "tool_use", "id": "t", "name": "Read", "input": {"b": 1, "a": 2}},
        ToolUseBlock("t", "Read", {"b": 1, "a": 2}),
    ),
    ({"type": "tool_use", "id": "t", "name": "Read", "input": "raw"}, ToolUseBlock("t", "Read", "raw")),
    ({"type": "tool_result", "tool_use_id": "t"}, ToolResultBlock("t")),
    ({"type": "tool_result", "tool_use_id": "t", "content": ""}, ToolResultBlock("t", "")),
    ({"type": "tool_result", "tool_use_id": "t", "content": []}, ToolResultBlock("t", ())),
    (
        {
            "type": "tool_result",
            "tool_use_id": "t",
            "content": [
                {"type": "text", "text": "a"},
                {"type": "image", "source": {"type": "url", "url": "u"}},
                {"type": "tool_reference", "tool_name": "WebFetch"},
                {"type": "search_result", "title": "new"},
            ],
            "is_error": True,
            "cache_control": CACHED,
        },
        ToolResultBlock(
            "t",
            (
                TextBlock("a"),
                ImageBlock(UrlSource("u")),
                ToolReferenceBlock("WebFetch"),
                UnknownBlock("search_result", {"type": "search_result", "title": "new"}),
            ),
            True,
            {"cache_control": CACHED},
        ),
    ),
    ({"type": "thinking", "thinking": "hm", "signature": "s"}, ThinkingBlock("hm", "s")),
    ({"type": "redacted_thinking", "data": "d"}, RedactedThinkingBlock("d")),
    ({"type": "server_tool_use", "id": "s"}, UnknownBlock("server_tool_use", {"type": "server_tool_use", "id": "s"})),
]


@pytest.mark.parametrize(("raw", "block"), BLOCKS, ids=[str(raw)[:60] for raw, _ in BLOCKS])
def test_a_block_is_decoded_to_its_type_and_encoded_as_it_was_received(
    raw: dict[str, JsonValue], block: ContentBlock
) -> None:
    assert decode_block(raw, "here") == block
    assert encode_block(block) == raw


ODD_BLOCKS: list[tuple[dict[str, JsonValue], ContentBlock]] = [
    ({"type": "tool_use"}, ToolUseBlock("", "", None)),
    ({"type": "tool_use", "id": 7, "name": None, "input": [1]}, ToolUseBlock("7", "", [1])),
    ({"type": "tool_use", "id": {}, "name": True, "input": "x"}, ToolUseBlock("", "", "x")),
    ({"type": "tool_result"}, ToolResultBlock("")),
    ({"type": "tool_result", "tool_use_id": 7, "is_error": "no"}, ToolResultBlock("7")),
    (
        {"type": "tool_result", "tool_use_id": "t", "content": {"type": "text", "text": "a"}},
        ToolResultBlock("t", (TextBlock("a"),)),
    ),
    (
        {"type": "tool_result", "tool_use_id": "t", "content": ["a", 1, None, {"type": "text"}, {"a": 1}]},
        ToolResultBlock(
            "t",
            (
                TextBlock("a"),
                TextBlock("1"),
                UnknownBlock("text", {"type": "text"}),
                UnknownBlock("block", {"a": 1}),
            ),
        ),
    ),
]


@pytest.mark.parametrize(("raw", "block"), ODD_BLOCKS, ids=[str(raw)[:60] for raw, _ in ODD_BLOCKS])
def test_a_call_and_a_result_are_accepted_without_what_the_api_requires(
    raw: dict[str, JsonValue], block: ContentBlock
) -> None:
    assert decode_block(raw, "here") == block
    assert decode_block(encode_block(block), "here") == block


def test_what_the_gateway_knows_of_a_call_is_not_encoded() -> None:
    block = ToolUseBlock("t", "Read", {}, raw_arguments="{ }", written="<call>")

    assert encode_block(block) == {"type": "tool_use", "id": "t", "name": "Read", "input": {}}


@given(contents)
def test_content_is_encoded_in_the_form_it_was_received_in(raw: JsonValue) -> None:
    value = decode_json(encode_json(raw))
    content = decode_content(value, "here")

    assert isinstance(content, str) == isinstance(raw, str)
    assert encode_content(content) == raw


@given(damaged(objects({"type": words, "block": plain_blocks, "result": tool_results})))
def test_a_damaged_block_is_kept_or_rejected_with_its_path(holder: JsonValue) -> None:
    value = holder.get("block", holder) if isinstance(holder, dict) else holder
    try:
        block = decode_block(value, "here")
    except InvalidRequest as error:
        assert str(error).startswith("here")
    else:
        assert decode_block(encode_block(block), "here") == block


def test_an_omitted_field_equals_its_default() -> None:
    assert decode_block({"type": "tool_result", "tool_use_id": "t", "content": None, "is_error": False}, "") == (
        decode_block({"type": "tool_result", "tool_use_id": "t"}, "")
    )
    assert decode_block({"type": "thinking", "thinking": "h"}, "") == ThinkingBlock("h", "")


@pytest.mark.parametrize(("content", "blocks"), [("a", (TextBlock("a"),)), ("", (TextBlock(""),)), ((), ())])
def test_a_string_is_one_text_block(content: Content, blocks: tuple[ContentBlock, ...]) -> None:
    assert blocks_of(content) == blocks


def test_the_rest_are_the_fields_that_were_not_taken_and_the_original_stays_complete() -> None:
    raw: Json = {"a": "x", "b": 1, "c": None}
    fields = Fields(raw, "here")
    taken = fields.required("a", str)

    assert taken == "x"
    assert fields.rest == {"b": 1, "c": None}
    assert fields.raw == {"a": "x", "b": 1, "c": None}
