"""
Tools that Anthropic's servers run, in a request that offers nothing else: a web search, or the fetching of a page.

A model that is asked to search, and has nothing to search with, writes down results that it has made up, and the client
takes them for facts.  So such a request is answered with the protocol's own error (docs: "Web search tool", "Errors").
"""

from collections.abc import Callable

from anyclaude.protocol.content import Content, TextBlock, blocks_of
from anyclaude.protocol.deltas import TextDelta
from anyclaude.protocol.events import ServerToolUseContent, WebFetchResultContent, WebSearchResultContent
from anyclaude.protocol.json_values import JsonObject
from anyclaude.protocol.messages_request import MessagesRequest, Tool

from .own_reply import ReplyPart, ServerToolRun
from .recognition import SEARCH_PHRASE

SEARCH = "web_search"
FETCH = "web_fetch"

EXPLANATIONS = {
    SEARCH: "The web search was not run: no search provider is configured in anyclaude. Nothing was found, and nothing "
    "may be taken for a result.",
    FETCH: "The page was not fetched: anyclaude fetches none for a model. Nothing is known of what it contains.",
}

LONGEST_QUERY = 500
"""The characters of a question that are repeated in the call; more says nothing of what failed."""


def unavailable_tools_reply(request: MessagesRequest, new_id: Callable[[str], str]) -> tuple[ReplyPart, ...] | None:
    """Return the reply to a request that only tools of Anthropic's servers could answer, `None` for every other."""
    kinds = [_kind(tool) for tool in request.tools]
    is_forbidden = request.tool_choice is not None and request.tool_choice.type == "none"
    if not kinds or is_forbidden or any(kind is None for kind in kinds):
        return None
    kind = kinds[0] or SEARCH
    return (_failed_run(kind, request, new_id("srvtoolu")), TextDelta(EXPLANATIONS[kind]))


def _kind(tool: Tool) -> str | None:
    kind = tool.type or ""
    return next((name for name in (SEARCH, FETCH) if tool.is_server_tool and kind.startswith(f"{name}_")), None)


def _failed_run(kind: str, request: MessagesRequest, call_id: str) -> ServerToolRun:
    text = _question(request)
    error: JsonObject = {"type": f"{kind}_tool_result_error", "error_code": "unavailable"}
    if kind == FETCH:
        return ServerToolRun(ServerToolUseContent(call_id, FETCH, {"url": text}), WebFetchResultContent(call_id, error))
    return ServerToolRun(ServerToolUseContent(call_id, SEARCH, {"query": text}), WebSearchResultContent(call_id, error))


def _question(request: MessagesRequest) -> str:
    """Return what the user asks last, without the words that Claude Code puts before the query of its search."""
    last = next((turn.content for turn in reversed(request.messages) if turn.role == "user"), "")
    text = _text(last).strip()
    return text.removeprefix(SEARCH_PHRASE).removeprefix(":").strip()[:LONGEST_QUERY]


def _text(content: Content) -> str:
    return "\n".join(block.text for block in blocks_of(content) if isinstance(block, TextBlock))
