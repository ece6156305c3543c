"""Text divided into units."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.transforms.text_units import first_sentences, joined, units_of

PIECES = st.sampled_from(
    ["# A\n", "## B\n", " - item\n", "  - nested\n", "1. one\n", "words\n", "\n", "```\n", "~~~\n", "    code\n", "end"]
)
TEXTS = st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=12).map("".join))


@given(TEXTS)
def test_the_units_are_the_text_to_the_byte(text: str) -> None:
    assert joined(units_of(text)) == text


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("# A\nwords\nmore\n\nnew\n", ["# A\n", "words\nmore\n\n", "new\n"]),
        (" - one\n  - nested\n   more\n - two\n", [" - one\n  - nested\n   more\n", " - two\n"]),
        ("- one\n\n  its second paragraph\n\nwords\n", ["- one\n\n  its second paragraph\n\n", "words\n"]),
        ("words\n```md\n# no heading\n\n- no item\n```\n\nmore\n", [
            "words\n```md\n# no heading\n\n- no item\n```\n\n", "more\n"
        ]),
        ("````\n```\n# inside\n````\n# A\n", ["````\n```\n# inside\n````\n", "# A\n"]),
        ("#no heading\n#!/bin/sh\n", ["#no heading\n#!/bin/sh\n"]),
        ("\n\n# A\n", ["\n\n", "# A\n"]),
    ],
)  # fmt: skip
def test_a_text_is_divided_into_its_units(text: str, units: list[str]) -> None:
    assert [unit.text for unit in units_of(text)] == units


def test_an_unclosed_fence_extends_to_the_end() -> None:
    assert len(units_of("```\n# A\n\n# B\n")) == 1


def test_a_heading_has_its_level_and_its_title() -> None:
    unit = units_of("### What it is\n\n")[0]

    assert (unit.kind, unit.level, unit.title) == ("heading", 3, "What it is")


def test_whole_sentences_are_kept_and_the_first_in_any_case() -> None:
    text = "Runs a file, e.g. a.py (if it can). Then stops! And so on."

    assert first_sentences(text, 50) == "Runs a file, e.g. a.py (if it can). Then stops!"
    assert first_sentences("No end at all", 3) == "No end at all"
    assert first_sentences("One two three. Four.", 3) == "One two three."


@given(st.text(alphabet="ab .!?\n", max_size=60), st.integers(0, 40))
def test_the_sentences_are_a_prefix_of_the_text_and_do_not_change_when_shortened_again(text: str, limit: int) -> None:
    once = first_sentences(text, limit)

    assert text.startswith(once)
    assert first_sentences(once, limit) == once
