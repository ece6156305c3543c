"""
The client's part of a diet: its own supported options, as data, with a reason for each.

Text that the client never writes needs no editing and no prefill, so these options come before all that the gateway
does.  `docs/diets.md` has what each diet sends, and the command that measures it.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from anyclaude.diet import DEFAULT_DIET, Diet

from .environment import Variable
from .flags import before_separator

SHARE_OF_ROOM = 0.5
"""The share of the room before compaction that a prompt may take; the rest is for the user's CLAUDE.md and the work."""


class ClientDiet(Struct, frozen=True, kw_only=True):
    """
    The options of one diet.

    `prompt_tokens` are the tokens of the first turn of `-p "Say hello"` with Claude Code 2.1.330, after the gateway's
    part, by SmolLM2's template and tokenizer; `javascript_prompt_tokens` are those of 2.1.112
    (`uv run python -m benchmarks.diets`).  `loss` is what the user does without.
    """

    name: str
    gateway: Diet
    prompt_tokens: int
    javascript_prompt_tokens: int
    arguments: tuple[str, ...] = ()
    variables: tuple[Variable, ...] = ()
    loss: str = ""


_SHORT = Variable("CLAUDE_CODE_SIMPLE_SYSTEM_PROMPT", "1", "the short system prompt, whatever the model is called")
_LEAN = (
    _SHORT,
    Variable("CLAUDE_CODE_DISABLE_AUTO_MEMORY", "1", "2,100 characters on how to keep notes between sessions"),
    Variable("CLAUDE_CODE_DISABLE_BUNDLED_SKILLS", "1", "5,800 characters of skills; your own stay"),
    Variable("CLAUDE_CODE_DISABLE_CRON", "1", "three tools for timers, 5,300 characters"),
    Variable("CLAUDE_CODE_DISABLE_GIT_INSTRUCTIONS", "1", "2,000 characters; the model can ask git itself"),
    Variable("CLAUDE_CODE_DISABLE_WORKFLOWS", "1", "a tool that runs many agents at once, 5,600 characters"),
)
_MINIMAL = (
    *_LEAN,
    Variable("CLAUDE_CODE_DISABLE_BACKGROUND_TASKS", "1", "600 characters; commands run to their end"),
)

LEFT_OUT = (
    "EnterWorktree",
    "ExitWorktree",
    "ListAgents",
    "Monitor",
    "ReportFindings",
    "ScheduleWakeup",
    "SendMessage",
)
"""Tools for other sessions, background agents, timers and worktrees: 29,000 of the 58,000 characters of the tools of
2.1.330.  A release without one of them ignores its name (tested with 2.1.112)."""

FULL = ClientDiet(name="full", gateway="full", prompt_tokens=20_500, javascript_prompt_tokens=25_300)
LEAN = ClientDiet(
    name="lean",
    gateway="lean",
    prompt_tokens=4_900,
    javascript_prompt_tokens=10_900,
    # With `=`, because the flag takes every word that follows, and the prompt would be one of them.
    arguments=(f"--disallowedTools={','.join(LEFT_OUT)}",),
    variables=_LEAN,
    loss="no timers, workflows, worktrees, bundled skills or memory",
)
MINIMAL = ClientDiet(
    name="minimal",
    gateway="minimal",
    prompt_tokens=2_300,
    javascript_prompt_tokens=2_300,
    arguments=("--tools=Bash,Read,Edit,Write",),
    variables=_MINIMAL,
    loss="the tools are Bash, Read, Edit and Write; no sub-agents, no web, no skills, no memory",
)
BARE = ClientDiet(
    name="bare",
    gateway="minimal",
    prompt_tokens=800,
    javascript_prompt_tokens=1_400,
    arguments=("--bare",),
    loss="Claude Code runs with --bare: Bash, Read and Edit; no CLAUDE.md, no hooks, no plugins",
)
CLIENT_DIETS = (FULL, LEAN, MINIMAL, BARE)
"""From the largest to the smallest; `bare` is for windows with no room for the others, and cannot be chosen."""

_CHOICES = frozenset({"--tools", "--bare", "--system-prompt", "--system-prompt-file", "--restricted", "--safe-mode"})
_CHOICE_VARIABLES = ("CLAUDE_CODE_SIMPLE", "CLAUDE_CODE_SAFE_MODE")


def diet_for(room_tokens: int, chosen: Diet | None, *, is_native: bool) -> ClientDiet:
    """Return the chosen diet; else the default, or the largest below it whose prompt leaves room to work."""
    start = next(diet for diet in CLIENT_DIETS if diet.name == (chosen or DEFAULT_DIET))
    if chosen is not None:
        return start
    smaller = CLIENT_DIETS[CLIENT_DIETS.index(start) :]
    return next((diet for diet in smaller if fits(diet, room_tokens, is_native=is_native)), smaller[-1])


def fits(diet: ClientDiet, room_tokens: int, *, is_native: bool) -> bool:
    """Return whether a diet's prompt leaves room to work; releases in JavaScript write longer ones."""
    prompt_tokens = diet.prompt_tokens if is_native else diet.javascript_prompt_tokens
    return prompt_tokens <= room_tokens * SHARE_OF_ROOM


def has_chosen_tools(arguments: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Return whether the user has chosen tools or a system prompt; such a choice is never changed."""
    names = {argument.partition("=")[0] for argument in before_separator(arguments)}
    return bool(names & _CHOICES) or any(environment.get(name) for name in _CHOICE_VARIABLES)
