"""Conversations of tool calls and their results."""

from itertools import count
from typing import TypeAlias

from anyclaude.protocol.content import ContentBlock, ToolResultBlock, ToolUseBlock
from anyclaude.protocol.json_values import JsonValue
from anyclaude.protocol.messages_request import MessagesRequest, Turn

Answered: TypeAlias = tuple[str, JsonValue, str | tuple[ContentBlock, ...]]
"""A tool, its input, and its result."""


class Round:
    """The calls of one assistant turn, with their results."""

    def __init__(self, *calls: Answered, is_error: bool = False) -> None:
        self.calls = calls
        self.is_error = is_error


READ = Round(("Read", {"file_path": "/missing"}, "File does not exist."))
"""A call that a loop repeats."""


def turns_of(one: Round, number: int) -> tuple[Turn, Turn]:
    """Return the two turns of a round; `number` makes the ids of its calls unique."""
    ids = [f"toolu_{number}_{place}" for place, _ in enumerate(one.calls)]
    calls = [ToolUseBlock(id, name, value) for id, (name, value, _) in zip(ids, one.calls, strict=True)]
    results = [ToolResultBlock(id, result, one.is_error) for id, (_, _, result) in zip(ids, one.calls, strict=True)]
    return Turn("assistant", tuple(calls)), Turn("user", tuple(results))


def conversation(*rounds: Round) -> tuple[Turn, ...]:
    """Return a conversation in which the model makes these calls, after one prompt."""
    numbers = count(100)
    return Turn("user", "Fix it."), *(turn for one in rounds for turn in turns_of(one, next(numbers)))


def request_of(*turns: Turn, temperature: float | None = None) -> MessagesRequest:
    """Return a request for the next reply."""
    return MessagesRequest(model="m", max_tokens=9, messages=turns, temperature=temperature)
