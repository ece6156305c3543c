"""The ranges and lists of values in the words of refusals."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.dialects.openai_chat.field_ranges import range_in, values_in
from anyclaude.dialects.openai_chat.refusal_words import plain_words

RANGES = [
    ("must be between 1 and 8,192", (1, 8192)),
    ("should be in range [1, 8192]", (1, 8192)),
    ("must be in the range 1..4096", (1, 4096)),
    ("from 1 (inclusive) to 8193 (exclusive)", (1, 8192)),
    ("must be in (0, 1]", (0.01, 1)),
    ("must be > 0.0 and < 1.0", (0.01, 0.99)),
    ("cannot be greater than 4096", (None, 4096)),
    ("must not be larger than 8192", (None, 8192)),
    ("should be no more than 8192", (None, 8192)),
    ("must be less than 4097", (None, 4096)),
    ("exceeds the limit of 16000", (None, 16000)),
    ("exceeds model limit 4096", (None, 4096)),
    ("is above the model's limit (8192)", (None, 8192)),
    ("the maximum number of output tokens for this model is 8192", (None, 8192)),
    ("must not be less than 16", (16, None)),
    ("must be greater than 0", (0.01, None)),
    ("must be at least 16", (16, None)),
    ("must be strictly positive", (0.01, None)),
    ("应在 1 到 8192 之间", (1, 8192)),
    ("取值范围 (0,0.7)", (0.01, 0.69)),
    ("必须大于 0", (0.01, None)),
    ("不能大于 8192", (None, 8192)),
    ("不能小于 16", (16, None)),
    ("大于等于 16", (16, None)),
    ("最多支持 4 个", (None, 4)),
]


@pytest.mark.parametrize(("words", "expected"), RANGES)
def test_the_range_is_what_the_words_say(words: str, expected: tuple[float | None, float | None]) -> None:
    assert range_in(plain_words(f"the value {words}")) == pytest.approx(expected)


@pytest.mark.parametrize("words", ["", "max_tokens is not supported", "model m-4096 does not exist", "is too large"])
def test_without_an_end_there_is_no_range(words: str) -> None:
    assert range_in(plain_words(words)) is None


@given(st.lists(st.sampled_from(" ".join(words for words, _ in RANGES).split())).map(" ".join) | st.text(max_size=200))
def test_a_range_has_a_value_inside(words: str) -> None:
    lowest, highest = range_in(plain_words(words)) or (None, None)
    assert lowest is None or highest is None or lowest <= highest


@pytest.mark.parametrize(
    ("words", "values"),
    [
        ("Supported values are: 'low', 'medium', and 'max'.", ("low", "medium", "max")),
        ("expected one of `'low' | 'medium'`", ("low", "medium")),
        ("must be one of minimal, low, medium or high", ("minimal", "low", "medium", "high")),
        ("valid levels: low, medium", ("low", "medium")),
        ("Invalid levels 7", ()),
    ],
)
def test_the_values_are_those_that_the_words_list(words: str, values: tuple[str, ...]) -> None:
    assert values_in(words) == values
