"""What a refusal names of the request that it answers."""

import pytest
from tests.dialects.openai_chat.refused import ALL, GENERIC

from anyclaude.dialects.openai_chat.refusal import Refusal
from anyclaude.errors import BackendRejected


def refusal(words: str, param: str = "", code: str = "") -> Refusal:
    """Return a refusal of a body that has everything."""
    error = BackendRejected(words, 400, "invalid_request_error")
    error.param, error.code = param, code
    return Refusal(error, ALL, GENERIC)


def test_fields_are_named_by_their_own_name_and_by_that_of_their_contents() -> None:
    named = refusal("'stopSequences', enable_thinking and temperature are not supported").named_fields
    assert [field for _, field in sorted(named)] == ["stop", "chat_template_kwargs", "temperature"]


def test_a_word_of_the_language_is_no_field() -> None:
    assert not refusal("Please stop the stream").named_fields


def test_the_field_beside_the_words_is_named_first() -> None:
    assert min(refusal("Not with top_k.", param="temperature").named_fields)[1] == "temperature"


def test_a_code_complains_where_the_words_do_not() -> None:
    assert refusal("Bad", "top_k", "invalid_request_error unsupported_parameter").is_complaint
    assert not refusal("Bad", "top_k", "invalid_request_error").is_complaint


@pytest.mark.parametrize(
    ("words", "roles"),
    [
        ("Only user, assistant and tool roles are supported!", {"system"}),
        ("messages[3].role: Input should be 'system', 'user' or 'assistant'", {"tool"}),
        ("'messages.3' : discriminator property 'role' has invalid value", {"tool"}),
        ("Please use a valid role: user, model.", {"system", "tool"}),
        ("Conversation roles must alternate user/assistant", set()),
        ("messages[99].role is invalid", set()),
    ],
)
def test_the_roles_that_are_not_accepted_are_refused(words: str, roles: set[str]) -> None:
    assert refusal(words).refused_roles == roles
