"""
Tools that Anthropic's servers run, in a request that only they could answer: a web search, a page, a program.

A model that is asked to search, and has nothing to search with, writes down results that it has made up, and the client
takes them for facts.  So such a request is answered with the protocol's own error (docs: "Web search tool", "Errors").
"""

from collections.abc import Callable, Mapping

from msgspec import Struct

from anyclaude.protocol.deltas import TextDelta
from anyclaude.protocol.events import (
    CodeExecutionResultContent,
    ServerToolResult,
    ServerToolUseContent,
    ShellResultContent,
    WebFetchResultContent,
    WebSearchResultContent,
)
from anyclaude.protocol.json_values import JsonObject, JsonValue
from anyclaude.protocol.messages_request import MessagesRequest, Tool
from anyclaude.transforms import runnable_name

from .own_reply import ReplyPart, ServerToolRun
from .recognition import last_words, query_in


class ServerTool(Struct, frozen=True):
    """
    One tool of Anthropic's servers.

    `name` is the name of its calls, `argument` what the call has of the question; `explanation` says why it did not
    run.
    """

    name: str
    result: Callable[[str, JsonValue], ServerToolResult]
    explanation: str
    argument: str | None = None


_PROGRAM = "The program was not run: anyclaude runs none for a model. No output may be taken for that of a program."

SERVER_TOOLS: Mapping[str, ServerTool] = {
    "web_search_": ServerTool(
        "web_search",
        WebSearchResultContent,
        "The web search was not run: no search provider is configured in anyclaude (--web-search names one). Nothing "
        "was found, and nothing may be taken for a result.",
        "query",
    ),
    "web_fetch_": ServerTool(
        "web_fetch",
        WebFetchResultContent,
        "The page was not fetched: anyclaude fetches pages only with --web-fetch. Nothing is known of its text.",
        "url",
    ),
    "code_execution_20250522": ServerTool("code_execution", CodeExecutionResultContent, _PROGRAM),
    "code_execution_": ServerTool("bash_code_execution", ShellResultContent, _PROGRAM),
}
"""The tools by what their types begin with; the first that fits counts."""

LONGEST_QUESTION = 500
"""The characters of a question that are repeated in the call; more says nothing of what failed."""


def unavailable_tools_reply(
    request: MessagesRequest, new_id: Callable[[str], str], runnable: frozenset[str] = frozenset()
) -> tuple[ReplyPart, ...] | None:
    """
    Return the reply to a request that only tools of Anthropic's servers could answer, `None` for every other.

    `runnable` are the tools that the gateway runs itself.
    """
    wanted = _wanted(request, runnable)
    if not wanted:
        return None
    explanations = dict.fromkeys(tool.explanation for tool in wanted)
    return (_failed_run(wanted[0], request, new_id("srvtoolu")), TextDelta(" ".join(explanations)))


def _wanted(request: MessagesRequest, runnable: frozenset[str]) -> list[ServerTool]:
    """Return the tools of Anthropic's servers, if the model is offered no others, or is to call one of them."""
    choice = request.tool_choice
    if choice is not None and choice.type == "none":
        return []
    named = [
        tool for tool in request.tools if choice is not None and choice.type == "tool" and tool.name == choice.name
    ]
    found = [_server_tool(tool, runnable) for tool in named or request.tools]
    return [tool for tool in found if tool is not None] if None not in found else []


def _server_tool(tool: Tool, runnable: frozenset[str]) -> ServerTool | None:
    if not tool.is_server_tool or tool.type is None or runnable_name(tool) in runnable:
        return None
    kind = tool.type
    return next((known for beginning, known in SERVER_TOOLS.items() if kind.startswith(beginning)), None)


def _failed_run(tool: ServerTool, request: MessagesRequest, call_id: str) -> ServerToolRun:
    question = query_in(last_words(request))[:LONGEST_QUESTION]
    given: JsonObject = {} if tool.argument is None else {tool.argument: question}
    error: JsonObject = {"type": f"{tool.name}_tool_result_error", "error_code": "unavailable"}
    return ServerToolRun(ServerToolUseContent(call_id, tool.name, given), tool.result(call_id, error))
