"""The figures in an error about a prompt that is too long, and the sentence made of them."""

import pytest

from anyclaude.dialects.openai_chat.overflow import Figures, figures_in, too_long

MESSAGES = [
    ("the request (10,235 tokens) exceeds the available context size (8192 tokens)", Figures(10_235, 8_192)),
    ("prompt is too long: 200049 tokens > 131072 maximum", Figures(200_049, 131_072)),
    ("Range of input length should be [1, 129024]", Figures(None, 129_024)),
    ("Your request exceeded model token limit: 262144 (requested: 291351)", Figures(291_351, 262_144)),
    ("a prompt of 140k tokens is over the limit of 128k tokens", Figures(140_000, 128_000)),
    ("Context size has been exceeded.", Figures(None, None)),
]


@pytest.mark.parametrize(("message", "expected"), MESSAGES, ids=[message[:40] for message, _ in MESSAGES])
def test_figures_are_read_as_servers_write_them(message: str, expected: Figures) -> None:
    found = figures_in(message, Figures())

    assert (found.prompt, found.limit) == (expected.prompt, expected.limit)


def test_figures_from_fields_of_the_error_go_before_those_in_its_words() -> None:
    found = figures_in("1000 tokens exceed the context size of 500 tokens", Figures(10_235, 8_192))

    assert (found.prompt, found.limit) == (10_235, 8_192)


def test_a_reply_that_leaves_no_room_is_asked_for_in_fewer_tokens() -> None:
    words = "context length is 32768 tokens, but you requested 40000 (8000 in the messages, 32000 in the completion)"

    assert too_long(words, Figures()) == "input length and `max_tokens` exceed context limit: 8000 + 32000 > 32768"


def test_without_figures_the_servers_words_are_kept() -> None:
    assert too_long("Context is full.", Figures()) == "prompt is too long (the server says: Context is full.)"
