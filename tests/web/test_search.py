"""What may be asked."""

import pytest

from anyclaude.errors import WebToolFailed
from anyclaude.web.search import MAX_QUERY_CHARACTERS, Query, checked_text


def test_a_query_is_one_line() -> None:
    assert checked_text(Query(" aiohttp \n release\tnotes ")) == "aiohttp release notes"


@pytest.mark.parametrize(("text", "code"), [(" \n", "invalid_tool_input"), ("x" * 401, "query_too_long")])
def test_a_query_without_words_or_with_too_many_is_refused(text: str, code: str) -> None:
    with pytest.raises(WebToolFailed) as raised:
        checked_text(Query(text))

    assert raised.value.code == code
    assert len(checked_text(Query("x" * MAX_QUERY_CHARACTERS))) == MAX_QUERY_CHARACTERS
