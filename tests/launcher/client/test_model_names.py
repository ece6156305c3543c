"""The names of models that a client may be given."""

import pytest

from anyclaude.launcher.client.model_names import client_name_of, is_tier, usable_name


@pytest.mark.parametrize("name", ["claude-opus-5", "anthropic/claude-sonnet-4", "My-Claude-Distill", "opus", "haiku"])
def test_a_name_that_the_client_might_know_is_replaced(name: str) -> None:
    assert client_name_of(name, "opus") == "local-opus"


def test_a_name_for_the_client_never_has_the_suffix_of_the_larger_window() -> None:
    assert client_name_of("qwen3[1m]", "main") == "qwen3"


@pytest.mark.parametrize("word", ["opus", "Sonnet", "opusplan", "haiku"])
def test_words_for_tiers_are_recognised(word: str) -> None:
    assert is_tier(word)


def test_a_name_in_a_variable_is_no_tier_if_the_client_sends_it_as_it_is() -> None:
    assert not is_tier("default")


@pytest.mark.parametrize(
    ("chosen", "usable"),
    [("a", "a"), ("a[1m]", "a"), ("b", None), ("claude-sonnet-5", None), ("", None)],
)
def test_a_chosen_name_is_used_if_the_server_has_it_and_the_client_does_not_know_it(
    chosen: str, usable: str | None
) -> None:
    assert usable_name(chosen, ("a", "claude-sonnet-5")) == usable
