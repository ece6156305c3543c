"""
Tools have their places: the ones that all agents have come first, and what joins a conversation later comes last.

Where a template shows the tools before anything else, a sub-agent's prompt then begins as the main one does.  The
client sorts its tools by name, so that the lists of the two part at the first tool: `Agent`.  And it inserts the ones
that a search has loaded, which moves all that stands behind them.
"""

from collections.abc import Mapping
from types import MappingProxyType

from msgspec.structs import replace

from anyclaude.protocol.content import ToolReferenceBlock, ToolResultBlock, blocks_of
from anyclaude.protocol.messages_request import MessagesRequest, Tool

from .base import PromptContext

OF_EVERY_AGENT = (
    "Read",
    "Bash",
    "Glob",
    "Grep",
    "WebFetch",
    "WebSearch",
    "Skill",
    "TodoWrite",
    "CronCreate",
    "CronDelete",
    "CronList",
    "EnterWorktree",
    "ExitWorktree",
    "ListAgents",
    "Monitor",
    "ReportFindings",
    "SendMessage",
)
"""What Explore and Plan have: sub-agents that must change nothing.  `Read` leads, the only one that statusline-setup
has."""

OF_WORKING_AGENTS = ("Edit", "Write", "NotebookEdit")
"""What general-purpose agents have besides."""

OF_SOME_RELEASES = ("TaskStop", "Agent", "ScheduleWakeup")
"""`TaskStop` and `Agent` are sub-agents' tools in 2.1.330 and the main conversation's own in 2.1.112; with
`ScheduleWakeup` it is the other way round.  Behind all that both have, they part as little as can be."""

MCP_PREFIX = "mcp__"
"""Sub-agents have the tools of MCP servers too, whatever else they have not."""

PLACES: Mapping[str, int] = MappingProxyType(
    {name: place for place, name in enumerate((*OF_EVERY_AGENT, MCP_PREFIX, *OF_WORKING_AGENTS, *OF_SOME_RELEASES))}
)
"""Read from the requests of 2.1.330 and 2.1.112 and their sub-agents under `full` and `lean`.  A name that is not here
belongs to the main conversation, as far as we know, and comes last."""


class StableToolOrder:
    """Puts the tools the model has read before first, in the order it has read them; then the others by their place."""

    name = "tool order"

    def __call__(self, request: MessagesRequest, context: PromptContext, /) -> MessagesRequest:
        """Return the request with its tools in order; no tool is added or lost."""
        read = {name: place for place, name in enumerate(context.tool_order)}
        loaded = _loaded(request) if any(tool.defer_loading for tool in request.tools) else {}

        def place(tool: Tool) -> tuple[int, int, int]:
            """Compare by when the model has read it, when a search has loaded it, and who has it."""
            joined = loaded.get(tool.name, len(loaded)) + 1 if tool.defer_loading else 0
            return read.get(tool.name, len(read)), joined, _place(tool.name)

        ordered = tuple(sorted(request.tools, key=place))
        return request if ordered == request.tools else replace(request, tools=ordered)


def _place(name: str) -> int:
    return PLACES.get(MCP_PREFIX if name.startswith(MCP_PREFIX) else name, len(PLACES))


def _loaded(request: MessagesRequest) -> dict[str, int]:
    """Return which tools the conversation's searches have found, numbered as they came."""
    references = (
        found.tool_name
        for turn in request.messages
        for block in blocks_of(turn.content)
        if isinstance(block, ToolResultBlock)
        for found in blocks_of(block.content or ())
        if isinstance(found, ToolReferenceBlock)
    )
    return {name: place for place, name in enumerate(dict.fromkeys(references))}
