"""
Tool calls go back as the model wrote them.

The client rewrites a call's arguments before it echoes them (key order, defaults, numbers for
strings, trailing spaces), so the history differs from what the engine has in its cache from the
first call on.  Where the two mean the same, the model's own text is sent.
"""

from collections.abc import Mapping

from msgspec.structs import replace

from anyclaude.protocol.content import ToolUseBlock, blocks_of
from anyclaude.protocol.json_values import JsonError, JsonObject, JsonValue, decode_json
from anyclaude.protocol.messages_request import MessagesRequest, Turn

from .base import PromptContext
from .identity_cache import IdentityCache


class RawArguments:
    """Gives each echoed call the argument text it was made with, if the memory has it."""

    name = "spoken arguments"

    def __init__(self) -> None:
        self._restored_turn = IdentityCache(_restored_turn)

    def __call__(self, request: MessagesRequest, context: PromptContext, /) -> MessagesRequest:
        """Return the request with `spoken` set on the calls that are remembered."""
        if not context.raw_arguments:
            return request
        turns = tuple(self._turn(turn, context.raw_arguments) for turn in request.messages)
        return request if turns == request.messages else replace(request, messages=turns)

    def _turn(self, turn: Turn, remembered: Mapping[str, str]) -> Turn:
        if turn.role != "assistant" or isinstance(turn.content, str):
            return turn
        texts = tuple(remembered.get(block.id) for block in turn.content if isinstance(block, ToolUseBlock))
        return self._restored_turn(turn, texts) if any(texts) else turn


def _restored_turn(turn: Turn, texts: tuple[str | None, ...]) -> Turn:
    """Return the turn with a text for each of its calls, where there is one that means the same."""
    waiting = iter(texts)
    return replace(
        turn,
        content=tuple(
            _restored_block(block, next(waiting)) if isinstance(block, ToolUseBlock) else block
            for block in blocks_of(turn.content)
        ),
    )


def _restored_block(block: ToolUseBlock, text: str | None) -> ToolUseBlock:
    return replace(block, raw_arguments=text) if text is not None and means_the_same(text, block.input) else block


def means_the_same(text: str, echoed: JsonValue) -> bool:
    """Whether the client's echo is its own rewriting of the arguments `text`, and not a call that was changed."""
    try:
        spoken = decode_json(text.encode())
    except JsonError:
        return False
    return isinstance(spoken, dict) and isinstance(echoed, dict) and _is_rewriting(spoken, echoed)


def _is_rewriting(spoken: JsonObject, echoed: JsonObject) -> bool:
    """Every spoken field is there, and what was added is a default that says nothing."""
    return all(name in echoed and _same(value, echoed[name]) for name, value in spoken.items()) and all(
        name in spoken or value is False or value is None for name, value in echoed.items()
    )


def _same(spoken: JsonValue, echoed: JsonValue) -> bool:
    """
    Compare as the client converts: `5000.0` and `"5000"` for 5000, `"false"` for false, lines without
    their trailing spaces (Bash, Edit and Write of Claude Code 2.1.112 and 2.1.330).
    """
    match spoken, echoed:
        case dict(), dict():
            return spoken.keys() == echoed.keys() and all(_same(spoken[name], echoed[name]) for name in spoken)
        case list(), list():
            return len(spoken) == len(echoed) and all(map(_same, spoken, echoed))
        case str(), str():
            return spoken == echoed or _trimmed(spoken) == _trimmed(echoed)
        case str(), bool():
            return spoken == ("true" if echoed else "false")
        case str(), int() | float():
            return spoken == str(echoed)
        case bool(), _:
            return spoken is echoed
        case _, bool():
            return False
        case _:
            return spoken == echoed


def _trimmed(text: str) -> list[str]:
    return [line.rstrip() for line in text.split("\n")]
