"""The edits of its context that a client asks for, as typed values; what is not understood is left out and named."""

import pytest
from hypothesis import given
from tests.parts.requests import json_objects

from anyclaude.protocol.context_management import (
    CLEAR_THINKING,
    CLEAR_TOOL_USES,
    ClearThinking,
    ClearToolUses,
    ContextEdits,
    Trigger,
    context_edits,
)
from anyclaude.protocol.json_values import JsonObject, JsonValue


def edits_of(*edits: JsonValue) -> ContextEdits:
    return context_edits({"edits": list(edits)})


def test_an_edit_without_fields_has_the_defaults_of_the_api() -> None:
    assert edits_of({"type": CLEAR_TOOL_USES}).clear_tool_uses == ClearToolUses(
        trigger=Trigger("input_tokens", 100_000), keep=3, clear_at_least=0, exclude_tools=frozenset()
    )


def test_every_documented_field_is_read() -> None:
    edit = edits_of(
        {
            "type": CLEAR_TOOL_USES,
            "trigger": {"type": "tool_uses", "value": 50},
            "keep": {"type": "tool_uses", "value": 5},
            "clear_at_least": {"type": "input_tokens", "value": 5000},
            "exclude_tools": ["web_search"],
            "clear_tool_inputs": True,
        }
    )

    assert edit == ContextEdits(ClearToolUses(Trigger("tool_uses", 50), 5, 5000, frozenset({"web_search"}), True))


@pytest.mark.parametrize(
    ("clear_tool_inputs", "read", "written"),
    [(None, False, False), (False, False, False), (True, True, True), (["Read"], True, False), ([], False, False)],
)
def test_inputs_are_cleared_for_all_tools_for_some_or_for_none(
    clear_tool_inputs: JsonValue, read: bool, written: bool
) -> None:
    edit = edits_of({"type": CLEAR_TOOL_USES, "clear_tool_inputs": clear_tool_inputs}).clear_tool_uses

    assert edit is not None
    assert (edit.clears_input_of("Read"), edit.clears_input_of("Write")) == (read, written)


@pytest.mark.parametrize(("keep", "turns"), [(None, 1), ({"type": "thinking_turns", "value": 2}, 2)])
def test_thinking_is_kept_of_the_last_turn_or_of_as_many_as_the_client_names(keep: JsonValue, turns: int) -> None:
    edit: JsonObject = {"type": CLEAR_THINKING} if keep is None else {"type": CLEAR_THINKING, "keep": keep}

    assert edits_of(edit) == ContextEdits(clear_thinking=ClearThinking(turns))


@pytest.mark.parametrize("keep", ["all", {"type": "all"}])
def test_keeping_all_thinking_needs_no_edit(keep: JsonValue) -> None:
    assert edits_of({"type": CLEAR_THINKING, "keep": keep}) == ContextEdits()


@pytest.mark.parametrize(
    "edit",
    [
        {"type": CLEAR_THINKING, "keep": "none"},
        {"type": CLEAR_THINKING, "keep": {"type": "thinking_turns", "value": 0}},
        {"type": CLEAR_THINKING, "keep": {"type": "tool_uses", "value": 2}},
        {"type": "compact_20260112"},
        {"type": CLEAR_TOOL_USES, "trigger": {"type": "share_of_the_window", "value": 1}},
        {"type": CLEAR_TOOL_USES, "trigger": {"type": "input_tokens", "value": -1}},
        {"type": CLEAR_TOOL_USES, "keep": 3},
        {"type": CLEAR_TOOL_USES, "keep": {"type": "input_tokens", "value": 3}},
        {"type": CLEAR_TOOL_USES, "keep": {"type": "tool_uses", "value": True}},
        {"type": CLEAR_TOOL_USES, "clear_at_least": {"type": "tool_uses", "value": 3}},
        {"type": CLEAR_TOOL_USES, "exclude_tools": ["Read", 1]},
        {"type": CLEAR_TOOL_USES, "clear_tool_inputs": 1},
    ],
)
def test_what_a_newer_client_asks_for_is_left_out_and_named(edit: JsonObject) -> None:
    assert edits_of(edit) == ContextEdits(unsupported=(str(edit["type"]),))


@pytest.mark.parametrize("edit", [None, [], "clear", {}, {"type": 1}])
def test_what_is_no_edit_is_left_out(edit: JsonValue) -> None:
    assert edits_of(edit) == ContextEdits(unsupported=("edit",))


@pytest.mark.parametrize("value", [None, {}, {"edits": None}, {"edits": {}}, {"edits": []}])
def test_without_edits_there_is_nothing_to_do(value: JsonObject | None) -> None:
    assert context_edits(value) == ContextEdits()


@given(json_objects, json_objects)
def test_no_value_is_refused(value: JsonObject, edit: JsonObject) -> None:
    for context_management in (value, {"edits": [edit, {**edit, "type": CLEAR_TOOL_USES}]}):
        assert isinstance(context_edits(context_management), ContextEdits)
