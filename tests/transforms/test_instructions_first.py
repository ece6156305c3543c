"""The instructions that open a conversation come before the user's first message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.transforms import InstructionsFirst, PromptContext

REQUEST = MessagesRequest(model="m", max_tokens=1, messages=(Turn("user", "x"),))
ROLES = st.lists(st.sampled_from(["user", "assistant", "system"]), max_size=6)


def moved(roles: list[str]) -> list[tuple[str, str]]:
    """Return the turns after the step; a turn's content is its position before the step."""
    turns = tuple(Turn(role, str(place)) for place, role in enumerate(roles))
    request = InstructionsFirst()(replace(REQUEST, messages=turns), PromptContext())
    return [(turn.role, str(turn.content)) for turn in request.messages]


def test_instructions_after_the_first_prompt_are_moved_before_it() -> None:
    assert moved(["user", "system", "assistant", "user"]) == [
        ("system", "1"),
        ("user", "0"),
        ("assistant", "2"),
        ("user", "3"),
    ]


@pytest.mark.parametrize("roles", [["user"], ["system", "user"], ["user", "assistant", "system"], []])
def test_nothing_else_is_moved(roles: list[str]) -> None:
    assert moved(roles) == [(role, str(place)) for place, role in enumerate(roles)]


@given(ROLES)
def test_no_turn_is_added_or_lost(roles: list[str]) -> None:
    assert sorted(place for _, place in moved(roles)) == sorted(str(place) for place in range(len(roles)))


@given(ROLES)
def test_it_is_idempotent(roles: list[str]) -> None:
    turns = tuple(Turn(role, str(place)) for place, role in enumerate(roles))
    once = InstructionsFirst()(replace(REQUEST, messages=turns), PromptContext())

    assert InstructionsFirst()(once, PromptContext()) == once


@given(ROLES, ROLES)
def test_the_first_request_is_a_prefix_of_the_later_ones(later: list[str], latest: list[str]) -> None:
    """The model answers the user's first message, with or without instructions after it."""
    for first in (["user"], ["user", "system"]):
        answered = [*first, "assistant"]

        assert moved([*answered, *later, *latest])[: len(first)] == moved(first)
