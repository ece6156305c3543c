"""The table of dialects."""

from typing import get_args

import pytest

from anyclaude.dialects import PACKAGES, dialect_named, tokenizer_for
from anyclaude.profiles import PROFILES, BackendProfile, DialectName
from anyclaude.protocol.messages_request import MessagesRequest, Turn


def test_every_dialect_has_a_package() -> None:
    assert list(PACKAGES) == list(get_args(DialectName))


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
def test_every_kind_of_server_has_its_dialect_and_tokenizer(profile: BackendProfile) -> None:
    request = MessagesRequest(model="m", max_tokens=1, messages=(Turn("user", "Hello"),))
    encoded = dialect_named(profile.dialect).encode_request(request, "m", profile).request

    question = tokenizer_for(profile).encode_token_count(encoded)
    assert (question is None) == (profile.token_counting == "estimate")
