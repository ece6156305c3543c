"""Which tools a window gets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.launcher.environment import reply_cap, room_tokens
from anyclaude.launcher.tool_set import (
    SHARE_OF_ROOM,
    TOOL_SETS,
    ToolSet,
    has_chosen_tools,
    tool_set_for,
    tool_set_variables,
)


def set_at(window: int) -> ToolSet:
    return tool_set_for(room_tokens(window, reply_cap(window, None)))


@given(st.integers(min_value=1_024, max_value=2_000_000))
def test_the_prompt_leaves_room_for_work_unless_it_is_the_smallest_there_is(window: int) -> None:
    tools = set_at(window)

    room = room_tokens(window, reply_cap(window, None))
    assert tools == TOOL_SETS[-1] or tools.prompt_tokens <= room * SHARE_OF_ROOM


@given(st.integers(min_value=1_024, max_value=2_000_000), st.integers(min_value=1_024, max_value=2_000_000))
def test_a_larger_window_never_has_fewer_tools(one: int, other: int) -> None:
    small, large = sorted((one, other))

    assert TOOL_SETS.index(set_at(large)) <= TOOL_SETS.index(set_at(small))


@pytest.mark.parametrize(
    ("window", "name"),
    [(8_192, "bare"), (16_384, "files"), (32_768, "files and search"), (65_536, "everything"), (131_072, "everything")],
)
def test_the_usual_windows(window: int, name: str) -> None:
    assert set_at(window).name == name


def test_whoever_loses_tools_is_told() -> None:
    assert all(bool(tools.loss) == bool(tools.arguments) for tools in TOOL_SETS)


def test_every_variable_of_a_set_is_switched_on() -> None:
    variables = tool_set_variables(TOOL_SETS[2])

    assert {variable.name for variable in variables} == set(TOOL_SETS[2].variables)
    assert {variable.value for variable in variables} == {"1"}


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [
        (("--tools", "Bash"), {}, True),
        (("--tools=Bash",), {}, True),
        (("--bare",), {}, True),
        (("--system-prompt", "x"), {}, True),
        ((), {"CLAUDE_CODE_SIMPLE": "1"}, True),
        (("-p", "--append-system-prompt", "x"), {"CLAUDE_CODE_SIMPLE": ""}, False),
    ],
)
def test_the_users_own_choice_is_seen(arguments: tuple[str, ...], environment: dict[str, str], expected: bool) -> None:
    assert has_chosen_tools(arguments, environment) is expected
