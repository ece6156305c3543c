"""Names of models as clients, users and servers write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.model_names import (
    client_word,
    close_names,
    listed_name,
    without_window_mark,
    word_for_client,
)

NAMES = st.text(st.sampled_from("aAbB1:/-.[]m "), max_size=12)


@pytest.mark.parametrize(
    ("name", "plain"),
    [("m1", "m1"), ("m1[1m]", "m1"), ("M1[1M]", "M1"), ("m1 [1m] ", "m1"), ("m1[1m][1m]", "m1"), ("m[1m]x", "m[1m]x")],
)
def test_the_mark_is_taken_off_at_the_end_only(name: str, plain: str) -> None:
    assert without_window_mark(name) == plain


@given(NAMES)
def test_the_mark_is_taken_off_at_once(name: str) -> None:
    assert without_window_mark(without_window_mark(name)) == without_window_mark(name)
    assert without_window_mark(f"{name}[1m]") == without_window_mark(name)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("sonnet", "sonnet"),
        ("OPUS", "opus"),
        ("Sonnet[1m]", "sonnet"),
        ("opusplan", "opusplan"),
        ("default", "default"),
        ("claude-sonnet-4-5", "sonnet"),
        ("claude-3-5-haiku-20241022", "haiku"),
        ("us.anthropic.claude-opus-4-1-20250805-v1:0", "opus"),
        ("anthropic/claude-sonnet-4.5", "sonnet"),
        ("claude-opus-4-1@20250805", "opus"),
        ("claude-next-9", "default"),
    ],
)
def test_the_words_of_the_client_and_the_models_of_anthropic_are_known(name: str, word: str) -> None:
    assert client_word(name) == word
    assert word_for_client(name, ("qwen3",)) == word
    assert word_for_client(name, (name.removesuffix("[1m]"),)) is None


@pytest.mark.parametrize(
    "name", ["qwen3", "", "sonnet-distill", "TeichAI/Qwen3-14B-Claude-4.5-Opus-Distill", "org/sonnet", "opus:7b"]
)
def test_other_names_are_those_of_a_server(name: str) -> None:
    assert client_word(name) is None


@pytest.mark.parametrize(
    ("name", "names", "own"),
    [
        ("a", ("a", "A"), "a"),
        ("qwen3", ("qwen3:latest", "qwen3:8b"), "qwen3:latest"),
        ("qwen3:latest", ("qwen3",), "qwen3"),
        ("QWEN3:8B", ("qwen3:8b",), "qwen3:8b"),
        ("qwen3-8b", ("Qwen/Qwen3-8B",), "Qwen/Qwen3-8B"),
        ("Qwen/Qwen3-8B", ("qwen3-8b",), "qwen3-8b"),
        ("qwen3-8b", ("Qwen/Qwen3-8B", "unsloth/Qwen3-8B"), None),
        ("unsloth/Qwen3-8B", ("Qwen/Qwen3-8B",), None),
        ("a", ("A:latest", "a:LATEST"), None),
        ("qwen-3", ("qwen3",), None),
        ("gpt-oss", ("gpt-oss:20b",), None),
        ("x", (), None),
    ],
)
def test_a_name_is_found_in_the_servers_own_spelling_if_only_one_can_be_meant(
    name: str, names: tuple[str, ...], own: str | None
) -> None:
    assert listed_name(name, names) == own


@given(NAMES, st.lists(NAMES, max_size=4))
def test_a_listed_name_is_always_itself_and_only_listed_ones_are_found(name: str, names: list[str]) -> None:
    assert listed_name(name, [*names, name]) == name
    assert listed_name(name, names) in {None, *names}


@pytest.mark.parametrize(
    ("name", "close"),
    [
        ("qwen-3", ("qwen3",)),
        ("qwen3-codr", ("org/qwen3-coder", "qwen3")),
        ("coder", ("org/qwen3-coder",)),
        ("zzz", ()),
        ("", ()),
    ],
)
def test_names_that_may_be_meant_are_suggested_the_closest_first(name: str, close: tuple[str, ...]) -> None:
    assert close_names(name, ("qwen3", "org/qwen3-coder", "bge-m3")) == close
