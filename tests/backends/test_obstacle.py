"""What stands in the way of using a server, in words."""

from typing import get_args

import pytest
from msgspec.structs import replace
from tests.parts.gateway import target_at

from anyclaude.backends.obstacle import SENTENCES, SILENT, Reason, obstacle, words_of
from anyclaude.network import Proxy, Way
from anyclaude.secret import Secret

REASONS = get_args(Reason)


def test_every_reason_has_a_sentence() -> None:
    assert set(SENTENCES) == set(REASONS)


@pytest.mark.parametrize("reason", REASONS)
def test_a_sentence_names_the_server_and_shows_nothing_that_is_secret(reason: Reason) -> None:
    url = "http://me:hunter22@host:1/llama/v1?key=hunter33"
    target = replace(target_at(url), api_key=Secret("hunter44"))

    found = obstacle(target, reason, "it said hunter22, hunter33, hunter44 {braces}")

    assert "llama.cpp at http://host:1/llama/v1" in found.sentence
    assert "hunter" not in found.sentence
    assert found.is_silence == (reason in SILENT)
    assert ("does not answer" in found.sentence) == found.is_silence


def test_a_proxy_on_the_way_is_named_without_its_credentials() -> None:
    proxy = Proxy("proxy", 3128, Secret("Basic hunter2"))
    target = replace(target_at("http://model.example/v1"), way=Way(proxy=proxy))

    sentence = obstacle(target, "unknown_name", "").sentence

    assert "through the proxy http://proxy:3128" in sentence
    assert "the name proxy cannot be resolved. Check the proxy" in sentence
    assert "NO_PROXY=model.example" in obstacle(target, "refused", "").sentence


def test_the_user_of_a_hosted_service_is_not_told_to_start_it() -> None:
    target = target_at("https://openrouter.ai/api/v1", "openrouter")

    assert "Check the network" in obstacle(target, "timeout", "within 5 s").sentence


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error": {"message": "a\\nb"}}', "a b"),
        (b'{"error": "a"}', "a"),
        (b'{"message": "a"}', "a"),
        (b'{"detail": "a"}', "a"),
        (b'{"error": {"error": {"message": "a"}}}', "a"),
        (b'{"error": 5}', ""),
        (b"[]", ""),
        (b"a\x1b[31m\xffb", "a\ufffdb"),
        (b"", ""),
    ],
)
def test_the_words_of_an_error_are_on_one_line(body: bytes, words: str) -> None:
    assert words_of(body) == words


def test_the_words_of_an_error_are_cut() -> None:
    assert len(words_of(b"x" * 10_000)) == 201
