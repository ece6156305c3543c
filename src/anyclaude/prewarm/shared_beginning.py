"""
The beginning of a recorded prompt that another launch sends too.

The rest is not evaluated in advance.  It would delay a request that arrives meanwhile, and a model with a sliding
window may then lose the beginning as well.  It may also contain the recorded project's own text, which is never sent
for another project: its CLAUDE.md, its git status, the tools of its MCP servers.

A template shows either the tools or the system prompt first, so the beginning of both is kept.  What differs was read
from the requests of Claude Code 2.1.332, `-p` and interactive, in two projects, under every diet.
"""

import re
from collections.abc import Sequence
from itertools import takewhile

from msgspec import Struct
from msgspec.structs import replace

from anyclaude.protocol.content import TextBlock, blocks_of
from anyclaude.protocol.json_values import encode_json
from anyclaude.protocol.messages_request import MessagesRequest, Tool, Turn
from anyclaude.transforms import PromptContext, StableToolOrder
from anyclaude.transforms.tool_order import MCP_PREFIX

from .launches import Difference, LaunchKey, LaunchTraits, difference_between

PLACEHOLDER = "."
"""The text of a message that would be empty, which servers refuse."""

PRINT_IDENTITY = "You are a Claude agent, built on Anthropic's Claude Agent SDK."
INTERACTIVE_IDENTITY = "You are Claude Code, Anthropic's official CLI for Claude."
"""The first words of the system prompt with and without `-p`."""

OF_EVERY_DIET = frozenset({"Read", "WebFetch", "Skill"})
OF_FEWEST_TOOLS = frozenset({"Read"})
FEW_TOOLS = frozenset({"minimal", "bare"})
"""The tools that begin the prompts of both `full` and `lean`, and the one that begins those of every diet."""

BY_KIND = frozenset({"Bash", "Monitor", "Agent"})
"""The tools whose text on background work, if they have any, depends on whether the client answers once."""

INTERACTIVE_ONLY = frozenset({"AskUserQuestion", "EnterPlanMode", "ExitPlanMode"})

NOTES = "/projects/{}/"
"""Part of the path of the client's notes on a project (diet `full`)."""

OF_PROJECT = re.compile(
    r"^(gitStatus:|[ -]*(Primary w|W)orking directory:|#+ (Output Style|MEMORY\.md))"
    r"|/projects/-",
    re.MULTILINE,
)
"""What begins texts that are about a project, or may be, in whatever way its folder is written: the state of git, the
environment, an output style, and notes."""

AGENT_LIST = "Available agent types"
OWN_AGENT = re.compile(
    r"^- (?!(claude|claude-code-guide|Explore|general-purpose|Plan|statusline-setup): )[^\s:]\S*: ", re.MULTILINE
)
"""An agent of the user's in the list that the tool `Agent` of 2.1.112 contains, up to an empty line: it may be the
project's."""

HEADING = re.compile(r"^# ", re.MULTILINE)
"""The first section says how the client works; what the later ones say depends on the kind and the diet."""


def shared_beginning(
    request: MessagesRequest, recorded: LaunchKey, wanted: LaunchKey, elsewhere: Sequence[Tool] = ()
) -> MessagesRequest | None:
    """
    Return how a prompt recorded under one key begins under another, `None` if no tool is known to be shared.

    `elsewhere` are the tools of a third project; one that is the same there does not belong to the recorded project.
    """
    difference = difference_between(recorded, wanted)
    if difference is None:
        return None
    has_few_tools = _has_few_tools(recorded) or _has_few_tools(wanted)
    extent = _Extent(difference, recorded.folder, wanted.folder, elsewhere, has_few_tools)
    tools = tuple(takewhile(extent.has_tool, StableToolOrder()(request, PromptContext()).tools))
    if not tools:
        return None
    texts = [block.text for block in blocks_of(request.system) if isinstance(block, TextBlock)]
    if difference.is_other_kind and wanted.traits:
        texts = [_identified(text, is_print=wanted.traits.is_print) for text in texts]
    system = tuple(TextBlock(text) for text in extent.beginning_of(texts))
    return replace(request, tools=tools, system=system, messages=(Turn("user", (TextBlock(PLACEHOLDER),)),))


class _Extent(Struct, frozen=True):
    """How far the prompt of a launch in `folder` begins like the one that was recorded in `origin`."""

    difference: Difference
    origin: str
    folder: str
    elsewhere: Sequence[Tool]
    has_few_tools: bool

    def has_tool(self, tool: Tool) -> bool:
        """Return whether the other launch has this tool with the same text."""
        difference = self.difference
        text = tool.description + encode_json(tool.input_schema or {}).decode()
        may_be_projects = _is_users(tool) or self._is_of_project(text)
        if difference.is_other_project and may_be_projects and tool not in self.elsewhere:
            return False
        if difference.is_other_diet and tool.name not in (OF_FEWEST_TOOLS if self.has_few_tools else OF_EVERY_DIET):
            return False
        is_by_kind = tool.name in INTERACTIVE_ONLY or (tool.name in BY_KIND and "background" in text)
        return not (difference.is_other_kind and is_by_kind)

    def beginning_of(self, texts: list[str]) -> list[str]:
        """Return the texts of the system prompt up to the first that may differ; the place of notes is known."""
        shared: list[str] = []
        for text in (self._with_own_notes(text) for text in texts):
            end = self._end_in(text)
            shared.append(text[:end])
            if end < len(text):
                break
        return [text for text in shared if text.strip()]

    def _with_own_notes(self, text: str) -> str:
        """Return a text that states where the client keeps its notes on the project, for the other project."""
        if not self.difference.is_other_project:
            return text
        return text.replace(NOTES.format(_dashed(self.origin)), NOTES.format(_dashed(self.folder)))

    def _end_in(self, text: str) -> int:
        difference, end = self.difference, len(text)
        if difference.is_other_diet or difference.is_other_kind:
            headings = [found.start() for found in HEADING.finditer(text)]
            end = headings[1] if len(headings) > 1 else end
        if difference.is_other_project:
            end = min(end, self._first_of_project(text))
        return end

    def _first_of_project(self, text: str) -> int:
        """Return where the first line that is about the project begins, or the end."""
        at = 0
        for line in text.splitlines(keepends=True):
            if self._is_of_project(line):
                return at
            at += len(line)
        return at

    def _is_of_project(self, text: str) -> bool:
        """Return whether a text names the recorded project's folder, or may be about that project."""
        rest = text.replace(NOTES.format(_dashed(self.folder)), "")
        named = bool(self.origin) and (self.origin in rest or _dashed(self.origin) in rest)
        return named or OF_PROJECT.search(rest) is not None


def _dashed(folder: str) -> str:
    """Return a folder's path as it is written in the name of the client's own folder for the project."""
    return re.sub(r"[^A-Za-z0-9]", "-", folder)


def _is_users(tool: Tool) -> bool:
    """Return whether a tool is not the client's own, or describes what is not."""
    agents = tool.description.partition(AGENT_LIST)[2].partition("\n\n")[0]
    return tool.name.startswith(MCP_PREFIX) or OWN_AGENT.search(agents) is not None


def _has_few_tools(key: LaunchKey) -> bool:
    return isinstance(key.traits, LaunchTraits) and key.traits.diet in FEW_TOOLS


def _identified(text: str, *, is_print: bool) -> str:
    """Return a text of the system prompt with the first words of the other kind."""
    ours, theirs = (PRINT_IDENTITY, INTERACTIVE_IDENTITY) if is_print else (INTERACTIVE_IDENTITY, PRINT_IDENTITY)
    return ours + text.removeprefix(theirs) if text.startswith(theirs) else text
