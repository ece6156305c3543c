"""Tools keep their places."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from anyclaude.protocol.messages_request import MessagesRequest, Tool, Turn
from anyclaude.transforms import PromptContext, StableToolOrder

NAMES = st.lists(st.sampled_from("ABCDEFGH"), unique=True)
REQUEST = MessagesRequest(model="m", max_tokens=1, messages=(Turn("user", "x"),))


def ordered(names: list[str], known: list[str]) -> list[str]:
    request = replace(REQUEST, tools=tuple(Tool(name) for name in names))
    return [tool.name for tool in StableToolOrder()(request, PromptContext(tool_order=tuple(known))).tools]


def test_a_tool_that_joins_later_is_appended() -> None:
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
def test_what_was_read_before_is_a_prefix_of_what_is_read_now(first: list[str], joined: list[str]) -> None:
    assert ordered(sorted({*first, *joined}), first)[: len(first)] == first
