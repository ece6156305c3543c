"""
Which of Claude Code's tools fit a context window.

Claude Code 2.1.330, `-p "Say hello"` in a small git repository: characters of the request's tools, system blocks and
messages, and their tokens as SmolLM2's template and tokenizer have them (`uv run python -m benchmarks.prompt_sizes`):

    tool set           tools  characters   tokens
    everything            21      78,060   20,358
    files and search       6      21,090    5,489
    files                  4      12,286    3,144
    bare                   3       3,688    1,094

With SmolLM2-135M on two cores 1,158 prompt tokens take 6 s, 6,830 take 80 s.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from .environment import Variable

SHARE_OF_ROOM = 0.6
"""What a prompt may take of the room before compaction; the rest is for the work.  With a window of 65,536 tokens
everything fits just so."""


class ToolSet(Struct, frozen=True):
    """Tools, what their prompt takes, and how the client is told; `loss` says what the user does without."""

    name: str
    prompt_tokens: int
    arguments: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    loss: str = ""


_LEAN = (
    "CLAUDE_CODE_DISABLE_AUTO_MEMORY",
    "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS",
    "CLAUDE_CODE_DISABLE_BUNDLED_SKILLS",
    "CLAUDE_CODE_DISABLE_CRON",
    "CLAUDE_CODE_DISABLE_GIT_INSTRUCTIONS",
    "CLAUDE_CODE_DISABLE_WORKFLOWS",
)

TOOL_SETS = (
    ToolSet("everything", 20_400),
    ToolSet(
        "files and search",
        5_500,
        ("--tools", "Bash,Read,Edit,Write,Glob,Grep"),
        loss="the tools are Bash, Read, Edit, Write, Glob and Grep; no sub-agents, no web",
    ),
    ToolSet(
        "files",
        3_200,
        ("--tools", "Bash,Read,Edit,Write"),
        _LEAN,
        loss="the tools are Bash, Read, Edit and Write; no sub-agents, no web, no memory",
    ),
    ToolSet(
        "bare",
        1_100,
        ("--bare",),
        loss="Claude Code runs with --bare: Bash, Read and Edit; no CLAUDE.md, no hooks, no plugins",
    ),
)
"""From the largest to the smallest."""

_CHOICES = frozenset({"--tools", "--bare", "--system-prompt", "--system-prompt-file", "--restricted", "--safe-mode"})
_CHOICE_VARIABLES = ("CLAUDE_CODE_SIMPLE", "CLAUDE_CODE_SAFE_MODE")


def tool_set_for(room_tokens: int) -> ToolSet:
    """Return the largest set whose prompt leaves room to work; the smallest one if none does."""
    fitting = (tools for tools in TOOL_SETS if tools.prompt_tokens <= room_tokens * SHARE_OF_ROOM)
    return next(fitting, TOOL_SETS[-1])


def has_chosen_tools(arguments: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Tell whether the user has chosen tools or a prompt; such a choice is never changed."""
    names = {argument.partition("=")[0] for argument in arguments}
    return bool(names & _CHOICES) or any(environment.get(name) for name in _CHOICE_VARIABLES)


def tool_set_variables(tools: ToolSet) -> tuple[Variable, ...]:
    """Return the variables that make a set's prompt smaller."""
    return tuple(Variable(name, "1", f"a smaller prompt: {tools.name}") for name in tools.variables)
