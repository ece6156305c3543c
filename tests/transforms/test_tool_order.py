"""Tools keep their positions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from anyclaude.protocol.content import ToolReferenceBlock, ToolResultBlock
from anyclaude.protocol.messages_request import MessagesRequest, Tool, Turn
from anyclaude.transforms import PromptContext, StableToolOrder

KNOWN = ("Agent", "Bash", "Edit", "Monitor", "Read", "TaskStop", "Write", "mcp__notes__add", "mcp__notes__list", "New")
NAMES = st.lists(st.sampled_from(KNOWN), unique=True)
REQUEST = MessagesRequest(model="m", max_tokens=1, messages=(Turn("user", "x"),))


def ordered(names: list[str], known: list[str]) -> list[str]:
    request = replace(REQUEST, tools=tuple(Tool(name) for name in names))
    return [tool.name for tool in StableToolOrder()(request, PromptContext(tool_order=tuple(known))).tools]


MAIN = {
    "2.1.330": "Agent Bash Edit NotebookEdit Read Skill TaskStop WebFetch WebSearch Write mcp__notes__add",
    "2.1.112": "Agent AskUserQuestion Bash Edit EnterPlanMode ExitPlanMode Glob Grep NotebookEdit Read Skill "
    "TaskOutput TaskStop TodoWrite WebFetch WebSearch Write mcp__notes__add",
}
"""The tools of a main conversation under `lean`, as the client sorts them."""

SUBAGENTS = [
    ("2.1.330", "general-purpose", MAIN["2.1.330"], 11),
    ("2.1.330", "Explore", "Bash Read Skill TaskStop WebFetch WebSearch mcp__notes__add", 6),
    ("2.1.330", "statusline-setup", "Read Edit", 1),
    (
        "2.1.112",
        "general-purpose",
        "Bash Edit Glob Grep NotebookEdit Read Skill TodoWrite WebFetch WebSearch Write mcp__notes__add",
        12,
    ),
    ("2.1.112", "Plan", "Bash Glob Grep Read Skill TodoWrite WebFetch WebSearch mcp__notes__add", 9),
]
"""Release, kind, its tools as the client sorts them, and the number of them with which the main conversation begins."""


@pytest.mark.parametrize(("release", "kind", "tools", "in_common"), SUBAGENTS)
def test_the_tools_of_a_sub_agent_begin_like_those_of_the_main_conversation(
    release: str, kind: str, tools: str, in_common: int
) -> None:
    main, own = ordered(MAIN[release].split(), []), ordered(tools.split(), [])

    assert own[:in_common] == main[:in_common]
    assert own[in_common:][:1] != main[in_common:][:1] or own == main


def test_the_tools_that_differ_between_print_and_interactive_launches_follow_all_others_of_every_agent() -> None:
    names = ["Agent", "AskUserQuestion", "Bash", "Edit", "Monitor", "Read", "Skill", "WebFetch", "mcp__notes__add"]

    assert ordered(names, [])[:4] == ["Read", "WebFetch", "Skill", "mcp__notes__add"]
    assert ordered(names, [])[4:6] == ["Bash", "Monitor"]
    assert ordered(names, [])[-1] == "AskUserQuestion"


def test_unknown_tools_come_after_the_known_ones_in_the_order_received() -> None:
    assert ordered(["Zebra", "Edit", "Apple", "Bash"], []) == ["Bash", "Edit", "Zebra", "Apple"]


def test_tools_that_a_search_has_loaded_come_last_in_the_order_found() -> None:
    """After a restart too, when the order that the model read is not known."""
    found = [
        ToolResultBlock("a", (ToolReferenceBlock("WebFetch"),)),
        ToolResultBlock("b", (ToolReferenceBlock("Bash"),)),
    ]
    turns = tuple(Turn("user", (result,)) for result in found)
    tools = (
        Tool("Bash", defer_loading=True),
        Tool("Monitor", defer_loading=True),
        Tool("New"),
        Tool("WebFetch", defer_loading=True),
    )

    request = replace(REQUEST, messages=turns, tools=tools)

    assert [tool.name for tool in StableToolOrder()(request, PromptContext()).tools] == [
        "New",
        "WebFetch",
        "Bash",
        "Monitor",
    ]


def test_a_tool_that_is_added_later_is_appended() -> None:
    assert ordered(["Bash", "Read", "WebFetch", "Write"], ["Bash", "Read", "Write"]) == [
        "Bash",
        "Read",
        "Write",
        "WebFetch",
    ]


@given(NAMES, NAMES)
def test_no_tool_is_added_or_lost(names: list[str], known: list[str]) -> None:
    assert sorted(ordered(names, known)) == sorted(names)


@given(NAMES, NAMES)
def test_it_is_idempotent(names: list[str], known: list[str]) -> None:
    once = ordered(names, known)

    assert ordered(once, known) == once


@given(NAMES, NAMES)
def test_the_tools_read_before_are_a_prefix_of_the_tools_read_now(first: list[str], added: list[str]) -> None:
    assert ordered(sorted({*first, *added}), first)[: len(first)] == first
