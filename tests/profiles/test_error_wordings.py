"""The wordings of errors; `tests/dialects/openai_chat/test_rejections.py` tries them on whole replies of servers."""

import pytest

from anyclaude.profiles import error_wordings


@pytest.mark.parametrize(
    "message",
    [
        "This model's maximum context length is 8192 tokens.",
        "request (9000 tokens) exceeds the available context size (8192 tokens)",
        "The input (9000 tokens) is longer than the model's context length (8192 tokens).",
        "prompt is too long: 9000",
        "Trying to keep the first 9000 tokens when context the overflows. n_keep: 9000 >= n_ctx: 8192",
    ],
)
def test_a_prompt_that_is_too_long_is_recognised(message: str) -> None:
    assert error_wordings.PROMPT_TOO_LONG.search(message)


@pytest.mark.parametrize("message", ["max_tokens must be positive", "no such model", "the tool's name is too long"])
def test_other_errors_are_not_recognised_as_it(message: str) -> None:
    assert not error_wordings.PROMPT_TOO_LONG.search(message)


@pytest.mark.parametrize("key", ["sk-abc", "Bearer abc", "0123456789abcdef0123456789abcdef"])
def test_a_possible_key_is_recognised(key: str) -> None:
    assert error_wordings.POSSIBLE_SECRET.sub("…", f"the key {key} is wrong") == "the key … is wrong"
