"""
A stable order of tools: those that all agents have come first, and those that are added later come last.

Where a template shows the tools before anything else, a sub-agent's prompt then begins like the main one.  The client
sorts its tools by name, so the two lists already differ at the first tool: `Agent`.  It also inserts the tools that a
search has loaded, which moves all tools after them.
"""

from collections.abc import Mapping
from types import MappingProxyType

from msgspec.structs import replace

from anyclaude.protocol.content import ToolReferenceBlock, ToolResultBlock, blocks_of
from anyclaude.protocol.messages_request import MessagesRequest, Tool

from .base import PromptContext

OF_EVERY_AGENT = (
    "Read",
    "Glob",
    "Grep",
    "WebFetch",
    "Skill",
    "TodoWrite",
    "WebSearch",
    "CronCreate",
    "CronDelete",
    "CronList",
    "EnterWorktree",
    "ExitWorktree",
    "ListAgents",
    "ReportFindings",
    "SendMessage",
)
"""The tools of Explore and Plan, sub-agents that must not change anything.  `Read` is first, as the only one of them
that statusline-setup has, and `WebSearch` behind those that `lean` has too."""

BY_KIND = ("Bash", "Monitor")
"""Two more tools of every agent.  With `-p` they say other things about background work than in an interactive session
(2.1.332), so the tools before them are what the prompts of the two have in common."""

OF_WORKING_AGENTS = ("Edit", "Write", "NotebookEdit")
"""The tools that general-purpose agents have in addition."""

OF_SOME_RELEASES = ("TaskStop", "Agent", "ScheduleWakeup")
"""`TaskStop` and `Agent` are tools of sub-agents in 2.1.330 and of the main conversation only in 2.1.112; with
`ScheduleWakeup` it is the reverse.  After all shared tools, they shorten the common prefix least."""

MCP_PREFIX = "mcp__"
"""Sub-agents always have the tools of MCP servers too."""

_ORDER = (*OF_EVERY_AGENT, MCP_PREFIX, *BY_KIND, *OF_WORKING_AGENTS, *OF_SOME_RELEASES)

PLACES: Mapping[str, int] = MappingProxyType({name: place for place, name in enumerate(_ORDER)})
"""Taken from the requests of 2.1.330 and 2.1.112 and their sub-agents under `full` and `lean`.  A name that is not
listed belongs to the main conversation, as far as is known, and comes last."""


class StableToolOrder:
    """Puts the tools that the model has already read first, in the order it read them; then the others by place."""

    name = "tool order"

    def __call__(self, request: MessagesRequest, context: PromptContext, /) -> MessagesRequest:
        """Return the request with its tools in order; no tool is added or lost."""
        read = {name: place for place, name in enumerate(context.tool_order)}
        loaded = _loaded(request) if any(tool.defer_loading for tool in request.tools) else {}

        def place(tool: Tool) -> tuple[int, int, int]:
            """Return the sort key: when the model read the tool, when a search loaded it, and which agents have it."""
            loaded_at = loaded.get(tool.name, len(loaded)) + 1 if tool.defer_loading else 0
            return read.get(tool.name, len(read)), loaded_at, _place(tool.name)

        ordered = tuple(sorted(request.tools, key=place))
        return request if ordered == request.tools else replace(request, tools=ordered)


def _place(name: str) -> int:
    return PLACES.get(MCP_PREFIX if name.startswith(MCP_PREFIX) else name, len(PLACES))


def _loaded(request: MessagesRequest) -> dict[str, int]:
    """Return the tools that the conversation's searches have found, numbered in that order."""
    references = (
        found.tool_name
        for turn in request.messages
        for block in blocks_of(turn.content)
        if isinstance(block, ToolResultBlock)
        for found in blocks_of(block.content or ())
        if isinstance(found, ToolReferenceBlock)
    )
    return {name: place for place, name in enumerate(dict.fromkeys(references))}
