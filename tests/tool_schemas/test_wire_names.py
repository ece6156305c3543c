"""A tool has one name for the model, which Chat Completions can carry and which belongs to no other tool."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.protocol.messages_request import Tool
from anyclaude.tool_schemas import names_by_wire_name, wire_name

NAMES = st.text(st.characters(codec="utf-8") | st.sampled_from("ab_-."), max_size=90)


@given(NAMES)
def test_every_name_on_the_wire_is_allowed_there(name: str) -> None:
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", wire_name(name))


@given(st.from_regex(r"\A[a-zA-Z0-9_-]{1,64}\Z"))
def test_a_name_that_is_allowed_is_not_changed(name: str) -> None:
    assert wire_name(name) == name
    assert names_by_wire_name([Tool(name)]) == {}


@given(st.sets(NAMES.filter(bool), max_size=9))
def test_names_on_the_wire_are_different_and_lead_back_to_the_tools(names: set[str]) -> None:
    back = names_by_wire_name(Tool(name) for name in names)

    assert {back.get(wire_name(name), wire_name(name)) for name in names} == names


@pytest.mark.parametrize(
    ("name", "begins"),
    [("server.tool", "server_tool_"), ("mcp__" + "s" * 80 + "__list_items", "s" * 43 + "__list_items_")],
)
def test_a_renamed_tool_can_be_recognised(name: str, begins: str) -> None:
    assert wire_name(name).startswith(begins)
