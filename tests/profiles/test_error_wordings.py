"""The meaning of errors, tried on real ones; `tests/dialects/openai_chat/test_rejections.py` tries whole replies."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.profiles.real_wordings import (
    BAD_SAMPLES,
    OTHER_ERRORS,
    OTHER_FAULTS,
    OVERFLOWS,
    REFUSED_IMAGES,
    VAGUE_OVERFLOWS,
)

from anyclaude.profiles import error_wordings

WORDS = re.findall(
    r"\S+",
    """
prompt input context tokens messages request limit maximum length window size exceeds exceeded is too long large over of
than 4096 (128000) > max_tokens rate per minute tool name image deadline . , ; : ` ' 。 超过 输入
""",
)


@pytest.mark.parametrize(("source", "message"), OVERFLOWS)
def test_a_prompt_over_the_window_is_recognised_in_any_words(source: str, message: str) -> None:
    assert error_wordings.overflow(message) == "certain", source


@pytest.mark.parametrize(("source", "message"), OVERFLOWS)
def test_it_is_recognised_in_capitals_and_inside_another_servers_sentence(source: str, message: str) -> None:
    assert error_wordings.overflow(message.upper().replace("_", " ")) == "certain", source
    assert error_wordings.overflow(f"Provider returned error: [400] {message}") == "certain", source


@pytest.mark.parametrize(("source", "message"), VAGUE_OVERFLOWS)
def test_an_error_that_says_too_little_may_be_about_the_prompts_length(source: str, message: str) -> None:
    assert error_wordings.overflow(message) == "possible", source


@pytest.mark.parametrize(("source", "message"), [*OTHER_ERRORS, *REFUSED_IMAGES])
def test_another_refusal_is_not_about_the_prompts_length(source: str, message: str) -> None:
    assert error_wordings.overflow(message) == "none", source


def test_the_code_decides_where_the_message_does_not() -> None:
    assert error_wordings.overflow("Please shorten it.", "invalid_request_error context_length_exceeded") == "certain"
    assert error_wordings.overflow("litellm.ContextWindowExceededError: too long") == "certain"
    assert error_wordings.overflow("Too large: 9000 tokens in the request", "tokens rate_limit_exceeded") == "none"


def test_there_are_enough_wordings_to_judge_by() -> None:
    assert len({message for _, message in OVERFLOWS}) >= 60
    assert len({message for _, message in OTHER_ERRORS}) >= 60


ANY_WORDS = st.one_of(
    st.text(),
    st.lists(st.sampled_from(WORDS), max_size=40).map(" ".join),
    st.sampled_from([message for _, message in BAD_SAMPLES]),
)


@given(ANY_WORDS, st.text(max_size=20))
def test_any_text_has_a_meaning(message: str, names: str) -> None:
    assert error_wordings.overflow(message, names) in ("certain", "possible", "none")
    assert error_wordings.is_bad_sample(message, is_servers_fault=True) or not error_wordings.is_bad_sample(
        message, is_servers_fault=False
    )


@pytest.mark.parametrize(("source", "message"), BAD_SAMPLES)
def test_an_error_about_what_the_model_wrote_is_recognised(source: str, message: str) -> None:
    assert error_wordings.is_bad_sample(message, is_servers_fault=True), source
    assert error_wordings.overflow(message) == "none", source


@pytest.mark.parametrize(("source", "message"), [*OVERFLOWS, *VAGUE_OVERFLOWS, *OTHER_FAULTS])
def test_another_error_is_not_about_what_the_model_wrote(source: str, message: str) -> None:
    assert not error_wordings.is_bad_sample(message, is_servers_fault=True), source


def test_a_refusal_of_the_request_is_about_what_the_model_wrote_only_if_it_can_be_about_nothing_else() -> None:
    assert not error_wordings.is_bad_sample("Failed to parse tool call arguments as JSON", is_servers_fault=False)
    assert error_wordings.is_bad_sample("See 'failed_generation' for more details.", is_servers_fault=False)


@pytest.mark.parametrize("key", ["sk-abc", "Bearer abc", "0123456789abcdef0123456789abcdef"])
def test_a_possible_key_is_recognised(key: str) -> None:
    assert error_wordings.POSSIBLE_SECRET.sub("…", f"the key {key} is wrong") == "the key … is wrong"
