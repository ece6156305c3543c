"""The words that are left of a refusal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.dialects.openai_chat.refusal_words import COMPLAINT, plain_words


@pytest.mark.parametrize(
    ("words", "plain"),
    [
        ("---\nsource: {{- raise_exception('role') }}\nError: Jinja Exception: No tools here", "No tools here"),
        ("Value is not callable: null at row 49, column 79:\n {%- set content = x %}", "Value is not callable: null"),
        ('{"error": {\\"message\\": \\"unknown\\"}}', '{"error": {"message": "unknown"}}'),
        ("maxOutputTokens is too large", "max_Output_Tokens is too large"),
        ("{'msg': 'Not permitted', 'input': {'top_k': 1}, 'ctx': {}}", "{'msg': 'Not permitted', 'ctx': {}}"),
        ("top_k不支持", "top_k does not support"),
    ],
)
def test_only_what_is_refused_is_left(words: str, plain: str) -> None:
    assert plain_words(words) == plain


@given(st.text(alphabet="abc .,'\"", max_size=80))
def test_plain_words_stay(words: str) -> None:
    assert plain_words(words) == " ".join(words.split())


@pytest.mark.parametrize("words", ["不支持", "参数非法", "不能为空", "必须为字符串", "只支持 auto"])
def test_a_complaint_in_chinese_is_recognised(words: str) -> None:
    assert COMPLAINT.search(plain_words(words))
