"""
The client's part of a diet: its own supported options, as data, with a reason for each.

Text that the client never writes needs no editing and no prefill, so these options come before all that the gateway
does.  `docs/diets.md` has what each diet sends, and the command that measures it.
"""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from anyclaude.diet import DEFAULT_DIET, Diet

from .environment import Variable
from .flags import before_separator

COLD_SECONDS = 15.0
"""The longest first prompt of a diet, if nothing of it is cached: as long as a user waits before anything is answered
without taking the machine for dead.  A longer one leads to a smaller diet."""

RETURN_SECONDS = 10.0
"""In a project in which a smaller diet is in use, a larger one has to be this fast: estimates vary with what else the
machine does, and each change makes what is kept of the project's prompts useless."""

SHARE_OF_ROOM = 0.43
"""The share of the room before compaction that a prompt may take; the rest is for what an interactive session adds to
it, for the user's CLAUDE.md and for the work.  Long sessions in 8,192 tokens were played with `bare` (`tests/trials`):
with this share, that window gets nothing larger."""


class ClientDiet(Struct, frozen=True, kw_only=True):
    """
    The options of one diet.

    `prompt_tokens` are the tokens of the first turn of `-p "Say hello"` with Claude Code 2.1.332, after the gateway's
    part, by SmolLM2's template and tokenizer; `javascript_prompt_tokens` are those of 2.1.112
    (`uv run python -m benchmarks.diets`), and `interactive_tokens` those of an interactive session of 2.1.332 if it has
    more tools.  `loss` is what the user does without.
    """

    name: str
    gateway: Diet
    prompt_tokens: int
    javascript_prompt_tokens: int
    interactive_tokens: int | None = None
    arguments: tuple[str, ...] = ()
    variables: tuple[Variable, ...] = ()
    loss: str = ""

    def tokens(self, *, is_native: bool) -> int:
        """Return the tokens of the first prompt; releases in JavaScript write longer ones."""
        return self.prompt_tokens if is_native else self.javascript_prompt_tokens

    def evaluated_tokens(self, *, is_native: bool, is_interactive: bool) -> int:
        """Return the tokens that an engine evaluates for the first prompt of a session, if it has nothing of it."""
        if is_interactive and is_native and self.interactive_tokens is not None:
            return self.interactive_tokens
        return self.tokens(is_native=is_native)


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

WEB_SEARCH = "WebSearch"

LEFT_OUT = (
    "EnterWorktree",
    "ExitWorktree",
    "ListAgents",
    "Monitor",
    "ReportFindings",
    "ScheduleWakeup",
    "SendMessage",
    WEB_SEARCH,
)
"""
Tools for other sessions, background agents, timers and worktrees: 29,000 of the 58,000 characters of the tools of
2.1.330; and the web search, unless the gateway has a provider for it (`with_web_search`).

A release without one of them ignores its name (tested with 2.1.112).
"""

_NO_SEARCH = "web search, "


def _without(tools: Iterable[str]) -> str:
    # With `=`, because the flag takes every word that follows, and the prompt would be one of them.
    return f"--disallowedTools={','.join(tools)}"


FULL = ClientDiet(name="full", gateway="full", prompt_tokens=20_400, javascript_prompt_tokens=25_300)
LEAN = ClientDiet(
    name="lean",
    gateway="lean",
    prompt_tokens=4_100,
    javascript_prompt_tokens=9_400,
    interactive_tokens=5_800,
    arguments=(_without(LEFT_OUT),),
    variables=_LEAN,
    loss=f"no timers, workflows, worktrees, {_NO_SEARCH}bundled skills or memory",
)
MINIMAL = ClientDiet(
    name="minimal",
    gateway="minimal",
    prompt_tokens=2_000,
    javascript_prompt_tokens=1_800,
    arguments=("--tools=Bash,Read,Edit,Write",),
    variables=_MINIMAL,
    loss="the tools are Bash, Read, Edit and Write; no sub-agents, no web, no skills, no memory",
)
BARE = ClientDiet(
    name="bare",
    gateway="minimal",
    prompt_tokens=700,
    javascript_prompt_tokens=1_100,
    arguments=("--bare",),
    loss="Claude Code runs with --bare: Bash, Read and Edit; no CLAUDE.md, no hooks, no plugins",
)
CLIENT_DIETS = (FULL, LEAN, MINIMAL, BARE)
"""From the largest to the smallest; `bare` is for windows with no room for the others, and cannot be chosen."""

_CHOICES = frozenset({"--tools", "--bare", "--system-prompt", "--system-prompt-file", "--restricted", "--safe-mode"})
_CHOICE_VARIABLES = ("CLAUDE_CODE_SIMPLE", "CLAUDE_CODE_SAFE_MODE")


def with_web_search(diet: ClientDiet) -> ClientDiet:
    """Return the diet with the client's web search, if it is one that leaves out single tools."""
    searching = _without(tool for tool in LEFT_OUT if tool != WEB_SEARCH)
    arguments = tuple(searching if argument == _without(LEFT_OUT) else argument for argument in diet.arguments)
    return replace(diet, arguments=arguments, loss=diet.loss.replace(_NO_SEARCH, ""))


class FirstPrompts(Struct, frozen=True, kw_only=True):
    """
    What is known of the first prompts of the diets, by name; by default nothing.

    `seconds` is how long each takes if nothing of it is cached.  `used` are the diets that the project has been started
    with, the latest first, and `warm` those whose prompt is kept, so that it is not evaluated again.
    """

    seconds: Mapping[str, float] = {}
    used: tuple[str, ...] = ()
    warm: frozenset[str] = frozenset()
    continues_session: bool = False


NOTHING_KNOWN = FirstPrompts()


class DietChoice(Struct, frozen=True):
    """A diet, and why it is smaller than the window allows; an empty reason if it is not."""

    diet: ClientDiet
    reason: str = ""


def diet_for(
    room_tokens: int, chosen: Diet | None, *, is_native: bool, known: FirstPrompts = NOTHING_KNOWN
) -> DietChoice:
    """
    Return the chosen diet; else the default, or the largest below it whose prompt leaves room to work and is not slow.

    A session that is continued keeps its diet, and a prompt that is kept is not slow.  No speed leads below `minimal`:
    a model that does not read CLAUDE.md does something else, only sooner.
    """
    start = CLIENT_DIETS.index(next(diet for diet in CLIENT_DIETS if diet.name == (chosen or DEFAULT_DIET)))
    if chosen is not None:
        return DietChoice(CLIENT_DIETS[start])
    smaller = CLIENT_DIETS[start:]
    largest = next((diet for diet in smaller if fits(diet, room_tokens, is_native=is_native)), smaller[-1])
    to_minimal = CLIENT_DIETS[CLIENT_DIETS.index(largest) : CLIENT_DIETS.index(MINIMAL) + 1]
    if known.continues_session and (same := [diet for diet in to_minimal if diet.name in known.used[:1]]):
        return DietChoice(same[0], "" if same[0] == largest else "the session that is continued has it")
    fast = (diet for diet in to_minimal if not _is_slow(diet, known))
    found = next(fast, to_minimal[-1] if to_minimal else largest)
    return DietChoice(found, "" if found == largest else _slowness(largest, known))


def _is_slow(diet: ClientDiet, known: FirstPrompts) -> bool:
    """Return whether a first prompt is known to take too long; one that would replace a smaller one has less time."""
    smaller = {other.name for other in CLIENT_DIETS[CLIENT_DIETS.index(diet) + 1 :]}
    limit = COLD_SECONDS if smaller.isdisjoint(known.used[:1]) else RETURN_SECONDS
    return diet.name not in known.warm and known.seconds.get(diet.name, 0.0) > limit


def _slowness(diet: ClientDiet, known: FirstPrompts) -> str:
    seconds = known.seconds[diet.name]
    return f"a first prompt of {diet.name} would take about {seconds:.0f} s here; --diet {diet.name} chooses it"


def fits(diet: ClientDiet, room_tokens: int, *, is_native: bool) -> bool:
    """Return whether a diet's prompt leaves room to work."""
    return diet.tokens(is_native=is_native) <= room_tokens * SHARE_OF_ROOM


def has_chosen_tools(arguments: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Return whether the user has chosen tools or a system prompt; such a choice is never changed."""
    names = {argument.partition("=")[0] for argument in before_separator(arguments)}
    return bool(names & _CHOICES) or any(environment.get(name) for name in _CHOICE_VARIABLES)
