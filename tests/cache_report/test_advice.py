"""Every finding has a sentence that says what would have avoided it."""

from typing import get_args

import pytest
from msgspec.structs import replace
from tests.cache_report.test_report import FINDING, RECORD

from anyclaude.cache_report.advice import NOTHING, advice_for
from anyclaude.cache_report.findings import Cause, DifferenceLocation, Finding, Hint
from anyclaude.exchange.record import RecordedSkip
from anyclaude.protocol.prompt import Change


@pytest.mark.parametrize("cause", get_args(Cause))
def test_every_cause_has_its_sentence(cause: Cause) -> None:
    assert advice_for(replace(FINDING, cause=cause), RECORD).endswith(".")


@pytest.mark.parametrize("change", get_args(Change))
def test_every_change_of_the_tools_has_its_sentence(change: Change) -> None:
    place = DifferenceLocation("tools", 2, "Grep", change, 10, 100)

    assert advice_for(replace(FINDING, cause="tools_changed", place=place), RECORD).endswith(".")


@pytest.mark.parametrize("hint", get_args(Hint))
def test_what_is_recognised_has_a_sentence_of_its_own(hint: Hint) -> None:
    usual = advice_for(replace(FINDING, hints=()), RECORD)

    assert advice_for(replace(FINDING, hints=(hint,)), RECORD) != usual


def test_new_text_cannot_be_avoided() -> None:
    place = DifferenceLocation("messages", 1, "user", "changed", 10, 100)

    assert advice_for(replace(FINDING, cause="first_turn", place=place), RECORD) == NOTHING
    assert advice_for(replace(FINDING, cause="nothing_lost", place=None), RECORD) == NOTHING


def lost(**more: object) -> Finding:
    return replace(FINDING, cause="engine_lost_it", place=None, **more)


def test_who_took_the_engines_place_decides_what_helps() -> None:
    embedded = replace(RECORD, route="embedded/m")
    taken = lost(answered_since=("req_x",))

    assert "ANYCLAUDE_PARALLEL_REQUESTS=2" in advice_for(taken, embedded)
    assert "--cache-ram 4096" in advice_for(taken, RECORD)
    assert "ANYCLAUDE_PARALLEL_REQUESTS=1" in advice_for(taken, RECORD)
    assert "by itself" in advice_for(lost(), RECORD)
    assert "started anew" in advice_for(lost(is_from_an_earlier_run=True), embedded)
    assert "If the server was restarted" in advice_for(lost(is_from_an_earlier_run=True), RECORD)


def test_a_fallback_that_answered_is_told_with_the_reason() -> None:
    changed = replace(FINDING, cause="model_changed")
    fallen_back = replace(RECORD, skipped_backends=(RecordedSkip("vllm", "nobody answers there"),))

    assert "nobody answers there" in advice_for(changed, fallen_back)
    assert "--haiku-model" in advice_for(changed, RECORD)


def test_words_of_the_model_that_came_back_otherwise_are_told_from_an_edited_history() -> None:
    echoed = replace(
        FINDING, cause="messages_changed", place=DifferenceLocation("messages", 2, "assistant", "changed", 10, 100)
    )
    edited = replace(
        FINDING, cause="messages_changed", place=DifferenceLocation("messages", 2, "user", "changed", 10, 100)
    )

    assert "the model's own words" in advice_for(echoed, RECORD)
    assert "edited or rewound" in advice_for(edited, RECORD)
    assert "compacted" in advice_for(replace(edited, hints=("compaction",)), RECORD)
