"""A written name means the one offered tool that it can mean, or none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.tool_schemas.tool_names import ToolNames

OFFERED = (
    "Read",
    "Bash",
    "Edit",
    "MultiEdit",
    "WebFetch",
    "WebSearch",
    "TaskList",
    "TaskStop",
    "Agent",
    "mcp__git__log",
)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Read", "Read"),
        ("read", "Read"),
        ("READ", "Read"),
        (" Read\n", "Read"),
        ("Read()", "Read"),
        ("functions.Read", "Read"),
        ("functions.bash", "Bash"),
        ("tool.Bash", "Bash"),
        ("default_api.web_fetch", "WebFetch"),
        ("multi_edit", "MultiEdit"),
        ("multi-edit", "MultiEdit"),
        ("Multi Edit", "MultiEdit"),
        ("multi.edit", "MultiEdit"),
        ("MultEdit", "MultiEdit"),
        ("WebSaerch", "WebSearch"),
        ("TaskLists", "TaskList"),
        ("TaskLast", "TaskList"),
        ("Task", "Agent"),
        ("KillShell", "TaskStop"),
        ("mcp__git__log", "mcp__git__log"),
        ("git_log", None),
        ("log", "mcp__git__log"),
        ("read_file", None),
        ("Write", None),
        ("Exit", None),
        ("Raed", None),
        ("Reading", None),
        ("", None),
        ("__", None),
        ("x" * 1_000_000, None),
    ],
)
def test_a_name_means_a_tool_or_none(written: str, meant: str | None) -> None:
    assert ToolNames(OFFERED).meant_by(written) == meant


@pytest.mark.parametrize(
    ("offered", "written"),
    [
        (["read", "Read"], "READ"),
        (["TaskGet", "TaskSet"], "TaskBet"),
        (["mcp__a__search", "mcp__b__search"], "search"),
        (["page_one1", "page_one2"], "page_one3"),
        (["list_item2"], "list_item3"),
    ],
)
def test_a_name_that_may_mean_several_tools_means_none(offered: list[str], written: str) -> None:
    assert ToolNames(offered).meant_by(written) is None


def test_the_exact_name_comes_first() -> None:
    assert ToolNames(["read", "Read"]).meant_by("Read") == "Read"


@given(st.lists(st.text(max_size=12), max_size=6), st.text(max_size=12))
def test_only_an_offered_tool_is_meant(offered: list[str], written: str) -> None:
    assert ToolNames(offered).meant_by(written) in {*offered, None}


@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=6))
def test_every_offered_tool_is_meant_by_its_own_name(offered: list[str]) -> None:
    names = ToolNames(offered)

    assert [names.meant_by(name) for name in offered] == offered
