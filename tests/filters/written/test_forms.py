"""The table of forms is consistent: an opening means one form, and what begins a thought has an end."""

from itertools import permutations

import pytest
from tests.parts.written_calls import offered, read

from anyclaude.filters.written.calls import NotACall
from anyclaude.filters.written.forms import (
    CALL_ENDS,
    CALL_TOKENS,
    FORM_BY_OPENING,
    MESSAGE_FORMS,
    OPENINGS,
    TAG_FORMS,
    THOUGHT_TAGS,
    TOKEN_FORMS,
    WORD_FORMS,
    WORD_OPENINGS,
    thought,
)
from anyclaude.filters.written.source import Literals

FORMS = (*TAG_FORMS, *TOKEN_FORMS, *MESSAGE_FORMS, *WORD_FORMS)


def test_each_opening_belongs_to_one_form() -> None:
    assert len(FORM_BY_OPENING) == sum(len(form.openings) for form in FORMS)


@pytest.mark.parametrize("literals", [OPENINGS, CALL_TOKENS, WORD_OPENINGS, CALL_ENDS])
def test_no_literal_begins_another(literals: Literals) -> None:
    assert [pair for pair in permutations(literals.all, 2) if pair[1].startswith(pair[0])] == []


def test_openings_within_a_line_begin_with_one_of_three_characters() -> None:
    assert {opening[0] for opening in OPENINGS.all} == set("<[◁")


def test_tokens_are_told_from_tags() -> None:
    assert all(form.is_token for form in TOKEN_FORMS)
    assert not any(form.is_token for form in TAG_FORMS)


def test_thoughts_between_tags_count_only_at_the_beginning_of_a_line() -> None:
    assert all(form.begins_line for form in TAG_FORMS if form.thought_ends)
    assert THOUGHT_TAGS["<think>"] == "</think>"


def test_the_form_of_a_thought_knows_its_end() -> None:
    form = thought("ponder tags", "<ponder>", "</ponder>")
    found, rest = read(lambda source: form.read(source, offered(), "<ponder>"), "Why?")

    assert (found.thought_ends, found.calls, rest) == (form.thought_ends, (), "Why?")


@pytest.mark.parametrize("opening", [opening for form in (*TAG_FORMS, *TOKEN_FORMS) for opening in form.openings])
def test_no_form_takes_prose_for_a_call(opening: str) -> None:
    form = FORM_BY_OPENING[opening]
    try:
        found, _ = read(lambda source: form.read(source, offered(), opening), " is a marker.\nRead it (twice).")
    except NotACall:
        return

    assert found.calls == ()
