"""
Searches, pages, and what else servers have run in earlier turns, as a call and its result.

In the client's conversation they are blocks of one assistant turn; a model reads a call, the result in a turn of its
own, and then what was written with it.  While a reply is under way, the gateway requests its next part with this same
form, so the conversation that the client returns extends the prompt that the engine has.
"""

from collections.abc import Iterable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from anyclaude.protocol.content import ContentBlock, ToolResultBlock, ToolUseBlock, blocks_of
from anyclaude.protocol.identity_cache import IdentityCache, IdentityFacts
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.protocol.remote_calls import remote_call, remote_result
from anyclaude.protocol.server_tools import ServerToolResult, server_tool_call, server_tool_result

from .base import PromptContext

NOT_RUN = "It was not run."


class SplitTurn(Struct, frozen=True):
    """An assistant turn in the form that a model reads; `results` belong to its last calls, before the user's next."""

    turns: tuple[Turn, ...]
    results: tuple[ContentBlock, ...]


class ServerToolTurns:
    """Divides each assistant turn that has calls in it which a server has run."""

    name = "server tools"

    def __init__(self) -> None:
        self._split = IdentityFacts(_split)
        self._with_results = IdentityCache(_with_results)

    def __call__(self, request: MessagesRequest, context: PromptContext, /) -> MessagesRequest:
        """Return the request with each call and each result in a turn of its own."""
        if not any(_has_calls(turn) for turn in request.messages):
            return request
        return replace(request, messages=tuple(self._turns(request.messages)))

    def _turns(self, turns: Iterable[Turn]) -> Iterator[Turn]:
        results: tuple[ContentBlock, ...] = ()
        for turn in turns:
            if results and turn.role == "user":
                yield self._with_results(turn, results)
                results = ()
                continue
            if results:
                yield Turn("user", results)
                results = ()
            if _has_calls(turn):
                split = self._split(turn)
                yield from split.turns
                results = split.results
            else:
                yield turn
        if results:
            yield Turn("user", results)


def _has_calls(turn: Turn) -> bool:
    return turn.role == "assistant" and not isinstance(turn.content, str) and any(map(_is_run, turn.content))


def _is_run(block: ContentBlock) -> bool:
    return _call(block) is not None or _orphan(block) is not None


def _call(block: ContentBlock) -> ToolUseBlock | None:
    return server_tool_call(block) or remote_call(block)


def _orphan(block: ContentBlock) -> ToolResultBlock | None:
    """Return a result whose call is not there, as one that the encoder writes as text; none of the web's."""
    found = None if server_tool_result(block) else remote_result(block)
    return None if found is None else ToolResultBlock(found.tool_use_id, found.text, found.is_error)


def _result(block: ContentBlock) -> ServerToolResult | None:
    return server_tool_result(block) or remote_result(block)


def _split(turn: Turn) -> SplitTurn:
    """Divide a turn: what was written after a result belongs to the next reply of the model."""
    turns: list[Turn] = []
    written: list[ContentBlock] = []
    open_calls: list[str] = []
    results: list[ContentBlock] = []
    for block in blocks_of(turn.content):
        found = _result(block)
        if found is not None and found.tool_use_id in open_calls:
            open_calls.remove(found.tool_use_id)
            results.append(ToolResultBlock(found.tool_use_id, found.text, found.is_error))
            continue
        if results:
            results += _not_run(open_calls)
            turns += (replace(turn, content=tuple(written)), Turn("user", tuple(results)))
            written, results, open_calls = [], [], []
        call = _call(block)
        if call is not None:
            open_calls.append(call.id)
        written.append(call or _orphan(block) or block)
    return SplitTurn((*turns, replace(turn, content=tuple(written))), (*results, *_not_run(open_calls)))


def _not_run(calls: Iterable[str]) -> list[ContentBlock]:
    return [ToolResultBlock(call_id, NOT_RUN, is_error=True) for call_id in calls]


def _with_results(turn: Turn, results: tuple[ContentBlock, ...]) -> Turn:
    return replace(turn, content=(*results, *blocks_of(turn.content)))
