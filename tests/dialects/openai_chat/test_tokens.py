"""The questions for a prompt's tokens, and their answers; with a real engine they are asked in the trials."""

import pytest

from anyclaude.dialects.openai_chat.tokens import (
    decode_rendering,
    decode_tokenizing,
    encode_rendering,
    encode_tokenizing,
)
from anyclaude.profiles import EMBEDDED, profile_named


def test_a_request_is_rendered_as_it_was_sent() -> None:
    question = encode_rendering(b"{}", EMBEDDED)

    assert question is not None
    assert (question.path, question.body, question.at_root) == ("/apply-template", b"{}", True)


def test_special_tokens_are_told_as_the_engine_reads_them() -> None:
    question = encode_tokenizing("<|im_start|>", EMBEDDED)

    assert question is not None
    assert question.path == "/tokenize"
    assert question.body == b'{"content":"<|im_start|>","add_special":true,"parse_special":true}'


@pytest.mark.parametrize("name", ["ollama", "vllm", "generic", "openrouter"])
def test_servers_that_show_no_template_are_not_asked(name: str) -> None:
    profile = profile_named(name)  # type: ignore[arg-type]

    assert encode_rendering(b"{}", profile) is None
    assert encode_tokenizing("text", profile) is None


def test_answers_are_read_and_other_words_are_none() -> None:
    assert decode_rendering(b'{"prompt": "text", "more": 1}') == "text"
    assert decode_tokenizing(b'{"tokens": [1, 2]}') == (1, 2)
    for answer in (b"", b"{}", b"[]", b'{"prompt": 1, "tokens": "x"}', b"\xff"):
        assert decode_rendering(answer) is None
        assert decode_tokenizing(answer) is None
