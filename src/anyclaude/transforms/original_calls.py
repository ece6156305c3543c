"""
Tool calls of earlier turns, sent to the model as it wrote them.

The client rewrites a call's arguments before it returns them (key order, defaults, numbers for
strings, trailing spaces), and it received a repaired or recognised call in another form than the
model's in the first place, so the history differs from the engine's cache from the first call on.
Where the client returns what it received, the model's own text is sent.  What the server wants back with a call
belongs to the call's id, and goes with it in any case.
"""

from msgspec.structs import replace

from anyclaude.protocol.content import ToolUseBlock, blocks_of
from anyclaude.protocol.identity_cache import IdentityCache
from anyclaude.protocol.json_values import JsonError, JsonObject, JsonValue, decode_json
from anyclaude.protocol.messages_request import MessagesRequest, Turn

from .base import OriginalCall, PromptContext


class OriginalCalls:
    """Gives each call of an earlier turn the text that the model wrote, where that is known."""

    name = "spoken arguments"  # as journals already have it

    def __init__(self) -> None:
        self._restored_turn = IdentityCache(_restored_turn)

    def __call__(self, request: MessagesRequest, context: PromptContext, /) -> MessagesRequest:
        """Return the request with the gateway's own fields set on the calls for which they are known."""
        if not context.original_calls and not context.new_calls:
            return request
        turns = tuple(self._turn(turn, context) for turn in request.messages)
        return request if turns == request.messages else replace(request, messages=turns)

    def _turn(self, turn: Turn, context: PromptContext) -> Turn:
        if turn.role != "assistant" or isinstance(turn.content, str):
            return turn
        known = tuple(_original(block.id, context) for block in turn.content if isinstance(block, ToolUseBlock))
        return self._restored_turn(turn, known) if any(known) else turn


def _original(tool_use_id: str, context: PromptContext) -> OriginalCall | None:
    return context.new_calls.get(tool_use_id) or context.original_calls.get(tool_use_id)


def _restored_turn(turn: Turn, originals: tuple[OriginalCall | None, ...]) -> Turn:
    """Return the turn with the original of each of its calls, where there is one and the client returned it."""
    remaining = iter(originals)
    return replace(
        turn,
        content=tuple(
            _restored_block(block, next(remaining)) if isinstance(block, ToolUseBlock) else block
            for block in blocks_of(turn.content)
        ),
    )


def _restored_block(block: ToolUseBlock, original: OriginalCall | None) -> ToolUseBlock:
    if original is None:
        return block
    if original.provider_fields is not None:
        block = replace(block, provider_fields=original.provider_fields)
    if is_equivalent(original.received, block.input):
        # Servers parse the arguments of a structured call: broken JSON that was repaired cannot go back as it was.
        arguments = original.arguments if _is_object(original.arguments) else original.received
        return replace(block, raw_arguments=arguments, written=original.written)
    if original.written is not None and _is_unparsed(original.received, block.input):
        return replace(block, written=original.written)  # a text may hold arguments that are not JSON
    return block


def _is_unparsed(text: str, returned: JsonValue) -> bool:
    """Return whether the client could not parse the arguments `text`, and returned them so (Claude Code 2.1.330)."""
    match returned:
        case {"__unparsedToolInput": {"raw": str(raw)}}:
            return raw == text
        case _:
            return False


def is_equivalent(text: str, returned: JsonValue) -> bool:
    """Return whether `returned` is the client's rewriting of the arguments `text`, and not a call that was changed."""
    raw = _parsed(text)
    return isinstance(raw, dict) and isinstance(returned, dict) and _is_rewriting(raw, returned)


def _is_object(text: str) -> bool:
    return isinstance(_parsed(text), dict)


def _parsed(text: str) -> JsonValue:
    """Return the JSON value of a text, `None` if it has none."""
    try:
        return decode_json(text.encode())
    except JsonError:
        return None


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
