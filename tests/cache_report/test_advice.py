"""Every finding has advice."""

from typing import get_args

import pytest
from msgspec.structs import replace
from tests.cache_report.test_report import FINDING, RECORD

from anyclaude.cache_report.advice import NOTHING, advice_for
from anyclaude.cache_report.findings import Cause, DifferenceLocation, Finding, Hint
from anyclaude.exchange_record import RecordedSkip
from anyclaude.protocol.prompt import Change


@pytest.mark.parametrize("cause", get_args(Cause))
def test_every_cause_has_advice(cause: Cause) -> None:
    assert advice_for(replace(FINDING, cause=cause), RECORD).endswith(".")


@pytest.mark.parametrize("change", get_args(Change))
def test_every_change_of_the_tools_has_advice(change: Change) -> None:
    location = DifferenceLocation("tools", 2, "Grep", change, 10, 100)

    assert advice_for(replace(FINDING, cause="tools_changed", location=location), RECORD).endswith(".")


@pytest.mark.parametrize("hint", get_args(Hint))
def test_every_hint_has_specific_advice(hint: Hint) -> None:
    usual = advice_for(replace(FINDING, hints=()), RECORD)

    assert advice_for(replace(FINDING, hints=(hint,)), RECORD) != usual


def test_new_text_cannot_be_avoided() -> None:
    location = DifferenceLocation("messages", 1, "user", "changed", 10, 100)

    assert advice_for(replace(FINDING, cause="first_turn", location=location), RECORD) == NOTHING
    assert advice_for(replace(FINDING, cause="nothing_lost", location=None), RECORD) == NOTHING


def lost(**more: object) -> Finding:
    return replace(FINDING, cause="engine_lost_it", location=None, **more)


def test_the_advice_depends_on_what_displaced_the_cache() -> None:
    embedded = replace(RECORD, route="embedded/m")
    taken = lost(answered_since=("req_x",))

    assert "ANYCLAUDE_PARALLEL_REQUESTS=2" in advice_for(taken, embedded)
    assert "--cache-ram 4096" in advice_for(taken, RECORD)
    assert "ANYCLAUDE_PARALLEL_REQUESTS=1" in advice_for(taken, RECORD)
    assert "The server dropped it" in advice_for(lost(), RECORD)
    assert "The engine was restarted" in advice_for(lost(is_from_an_earlier_run=True), embedded)
    assert "If the server was restarted" in advice_for(lost(is_from_an_earlier_run=True), RECORD)


def test_a_fallback_is_named_as_the_reason_for_another_model() -> None:
    changed = replace(FINDING, cause="model_changed")
    fallen_back = replace(RECORD, skipped_backends=(RecordedSkip("vllm", "connection refused"),))

    assert "connection refused" in advice_for(changed, fallen_back)
    assert "--haiku-model" in advice_for(changed, RECORD)


def test_changed_model_output_is_distinguished_from_an_edited_history() -> None:
    echoed = replace(
        FINDING, cause="messages_changed", location=DifferenceLocation("messages", 2, "assistant", "changed", 10, 100)
    )
    edited = replace(
        FINDING, cause="messages_changed", location=DifferenceLocation("messages", 2, "user", "changed", 10, 100)
    )

    assert "the model's own output" in advice_for(echoed, RECORD)
    assert "edited or rewound" in advice_for(edited, RECORD)
    assert "compacted" in advice_for(replace(edited, hints=("compaction",)), RECORD)
