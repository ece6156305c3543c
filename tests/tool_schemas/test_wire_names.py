"""A tool has one name for the model, which Chat Completions can carry and which belongs to no other tool."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.profiles import ToolNames
from anyclaude.protocol.messages_request import Tool
from anyclaude.tool_schemas import names_by_wire_name, wire_name

NAMES = st.text(st.characters(codec="utf-8") | st.sampled_from("ab_-."), max_size=90)


ALLOWED: dict[ToolNames, str] = {
    "chat_completions": r"[a-zA-Z_][a-zA-Z0-9_-]{0,63}",
    "plain": r"[a-zA-Z_][a-zA-Z0-9_]{0,31}",
}
KINDS = st.sampled_from(sorted(ALLOWED))


@given(NAMES, KINDS)
def test_every_name_on_the_wire_is_allowed_there(name: str, kind: ToolNames) -> None:
    assert re.fullmatch(ALLOWED[kind], wire_name(name, kind))


@given(st.data(), KINDS)
def test_a_name_that_is_allowed_is_not_changed(data: st.DataObject, kind: ToolNames) -> None:
    name = data.draw(st.from_regex(rf"\A{ALLOWED[kind]}\Z"))

    assert wire_name(name, kind) == name
    assert wire_name(name, kind) not in names_by_wire_name([Tool(name)])


@given(st.sets(NAMES.filter(bool), max_size=9), KINDS)
def test_names_on_the_wire_are_different_and_lead_back_to_the_tools(names: set[str], kind: ToolNames) -> None:
    back = names_by_wire_name(Tool(name) for name in names)

    assert {back.get(wire_name(name, kind), wire_name(name, kind)) for name in names} == names


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("server.tool", "server_tool_"),
        ("3d.view", "_3d_view_"),
        ("mcp__" + "s" * 80 + "__list_items", "s" * 42 + "__list_items_"),
    ],
)
def test_a_renamed_tool_can_be_recognised(name: str, begins: str) -> None:
    assert wire_name(name).startswith(begins)
