"""
Tool calls of earlier turns, sent to the model as it wrote them.

The client rewrites a call's arguments before it returns them (key order, defaults, numbers for
strings, trailing spaces), so the history differs from the engine's cache from the first call on.
Where the two are equivalent, the model's own text is sent.
"""

from collections.abc import Mapping

from msgspec.structs import replace

from anyclaude.protocol.content import ToolUseBlock, blocks_of
from anyclaude.protocol.json_values import JsonError, JsonObject, JsonValue, decode_json
from anyclaude.protocol.messages_request import MessagesRequest, Turn

from .base import PromptContext
from .identity_cache import IdentityCache


class RawArguments:
    """Gives each call of an earlier turn the argument text that the model wrote, where that is known."""

    name = "spoken arguments"  # as journals already have it

    def __init__(self) -> None:
        self._restored_turn = IdentityCache(_restored_turn)

    def __call__(self, request: MessagesRequest, context: PromptContext, /) -> MessagesRequest:
        """Return the request with `raw_arguments` set on the calls for which they are known."""
        if not context.raw_arguments:
            return request
        turns = tuple(self._turn(turn, context.raw_arguments) for turn in request.messages)
        return request if turns == request.messages else replace(request, messages=turns)

    def _turn(self, turn: Turn, raw_arguments: Mapping[str, str]) -> Turn:
        if turn.role != "assistant" or isinstance(turn.content, str):
            return turn
        texts = tuple(raw_arguments.get(block.id) for block in turn.content if isinstance(block, ToolUseBlock))
        return self._restored_turn(turn, texts) if any(texts) else turn


def _restored_turn(turn: Turn, texts: tuple[str | None, ...]) -> Turn:
    """Return the turn with the text for each of its calls, where there is one and it is equivalent."""
    remaining = iter(texts)
    return replace(
        turn,
        content=tuple(
            _restored_block(block, next(remaining)) if isinstance(block, ToolUseBlock) else block
            for block in blocks_of(turn.content)
        ),
    )


def _restored_block(block: ToolUseBlock, text: str | None) -> ToolUseBlock:
    return replace(block, raw_arguments=text) if text is not None and is_equivalent(text, block.input) else block


def is_equivalent(text: str, returned: JsonValue) -> bool:
    """Return whether `returned` is the client's rewriting of the arguments `text`, and not a call that was changed."""
    try:
        raw = decode_json(text.encode())
    except JsonError:
        return False
    return isinstance(raw, dict) and isinstance(returned, dict) and _is_rewriting(raw, returned)


def _is_rewriting(raw: JsonObject, returned: JsonObject) -> bool:
    """Return whether every raw field was returned, and every added field is a default without a meaning."""
    return all(name in returned and _is_converted(value, returned[name]) for name, value in raw.items()) and all(
        name in raw or value is False or value is None for name, value in returned.items()
    )


def _is_converted(raw: JsonValue, returned: JsonValue) -> bool:
    """
    Compare values as the client converts them.

    It reads `5000.0` and `"5000"` as 5000 and `"false"` as false, and removes trailing spaces from lines
    (Bash, Edit and Write of Claude Code 2.1.112 and 2.1.330).
    """
    match raw, returned:
        case dict(), dict():
            return raw.keys() == returned.keys() and all(_is_converted(raw[name], returned[name]) for name in raw)
        case list(), list():
            return len(raw) == len(returned) and all(map(_is_converted, raw, returned))
        case str(), str():
            return raw == returned or _trimmed(raw) == _trimmed(returned)
        case str(), bool():
            return raw == ("true" if returned else "false")
        case str(), int() | float():
            return raw == str(returned)
        case bool(), _:
            return raw is returned
        case _, bool():
            return False
        case _:
            return raw == returned


def _trimmed(text: str) -> list[str]:
    return [line.rstrip() for line in text.split("\n")]
