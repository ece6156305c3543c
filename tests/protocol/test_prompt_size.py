"""The size of a prompt, and the source of its token figures."""

import json

from hypothesis import given
from hypothesis import strategies as st

from anyclaude.protocol.messages_request import decode_request
from anyclaude.protocol.prompt_size import (
    SectionCharacters,
    SectionSize,
    prompt_characters,
    prompt_size,
    section_characters,
)

FULL = {
    "model": "m",
    "max_tokens": 1,
    "system": [{"type": "text", "text": "system", "cache_control": {"type": "ephemeral"}}],
    "tools": [{"name": "Read", "description": "reads", "input_schema": {"type": "object"}}],
    "messages": [
        {"role": "user", "content": "ab😀"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hmm", "signature": "not read by the model"},
                {"type": "text", "text": "text"},
                {"type": "tool_use", "id": "toolu_1", "name": "Read", "input": {"a": 1}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "result"}]},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
            ],
        },
    ],
}


def test_the_characters_that_the_model_reads_are_counted_by_section() -> None:
    request = decode_request(json.dumps(FULL).encode())

    assert section_characters(request) == SectionCharacters(
        system=len("system"),
        tools=len("Read" + "reads" + '{"type":"object"}'),
        messages=len("ab😀" + "hmm" + "text" + "Read" + '{"a":1}' + "result"),
        tool_count=1,
        message_count=3,
    )
    assert prompt_characters(request) == 6 + 26 + 27


def test_without_a_count_the_tokens_are_labelled_an_estimate() -> None:
    characters = SectionCharacters(system=40, tools=80, messages=4, tool_count=2, message_count=1)
    size = prompt_size(characters, None)

    assert size.tokens_from == "estimate"
    assert size.system == SectionSize(40, 10)


counts = st.integers(0, 10**6)


@given(counts, counts, counts, counts)
def test_the_engines_count_is_divided_among_the_sections_and_adds_up(
    system: int, tools: int, messages: int, counted: int
) -> None:
    size = prompt_size(SectionCharacters(system, tools, messages, 0, 0), counted)
    total = size.system.tokens + size.tools.tokens + size.messages.tokens

    assert size.tokens_from == "engine"
    assert system + tools + messages == 0 or abs(total - counted) <= 2
