"""
The parts of Claude Code's own instructions that a diet removes, identified by their opening words.

Only what is listed here is ever removed.  Whatever a release, a user or a plugin adds stays, because it is not listed:
an outdated entry costs tokens, never an instruction.  Nothing about safety, permissions, the use of tools or the
environment is listed; four passages of that kind are shortened to the rule they begin with.

Read from the prompts of 2.1.112 and 2.1.330, both its short and its long one, and from the `system` messages that
2.1.330 sends in the conversation.
"""

from msgspec import Struct

from anyclaude.diet import Diet


class Passage(Struct, frozen=True):
    """A paragraph or list item that a diet removes; with `until`, only the text after those words is removed."""

    opening: str
    removed_by: Diet
    until: str | None = None


class Section(Struct, frozen=True):
    """
    A section that a diet removes with its heading, identified by its title and its first words.

    `keeps` are the opening words of units that stay, under the heading.  Sections inside it are removed only if `inner`
    names them.
    """

    title: str
    opening: str
    removed_by: Diet
    keeps: tuple[str, ...] = ()
    inner: tuple[str, ...] = ()


SECTIONS = (
    Section(
        "Doing tasks",
        "The user will primarily request you to perform software engineering tasks.",
        "minimal",
        keeps=("Be careful not to introduce security vulnerabilities",),
    ),
    Section("Tone and style", "Only use emojis if the user explicitly requests it.", "minimal"),
    Section("Text output (does not apply to tool calls)", "Assume users can't see most tool calls", "minimal"),
    Section("Memory", "You have a persistent file-based memory at", "minimal"),
    Section(
        "auto memory",
        "You have a persistent, file-based memory system at",
        "minimal",
        inner=(
            "Types of memory",
            "What NOT to save in memory",
            "How to save memories",
            "When to access memories",
            "Before recommending from memory",
            "Memory and other forms of persistence",
        ),
    ),
)

PASSAGES = (
    # About Anthropic's models and products, which are not in use here.
    Passage("This iteration of Claude is Claude", "lean"),
    Passage("The most recent Claude model family is", "lean"),
    Passage("The most recent Claude models are", "lean"),
    Passage("Claude Code is available as a CLI in the terminal", "lean"),
    Passage("Fast mode for Claude Code ", "lean"),
    Passage("If the user asks for help or wants to give feedback inform them", "lean"),
    # Style, and how the terminal shows things.
    Passage("When you use a pronoun for someone", "lean"),
    Passage("When you have enough information to act, act.", "minimal"),
    Passage("When the conversation grows long, some or all of the current context", "lean"),
    Passage("All text you output outside of tool use is displayed to the user.", "minimal"),
    Passage("Text you output outside of tool use is displayed to the user", "minimal"),
    Passage("Reference code as `file_path:line_number`", "minimal"),
    Passage("The system will automatically compress prior messages", "minimal"),
    Passage("Users may configure 'hooks', shell commands that execute", "minimal"),
    Passage("When working with tool results, write down any important information", "minimal"),
    Passage("Length limits: keep text between tool calls to", "minimal"),
    Passage("Use TodoWrite to plan and track work.", "minimal"),
    Passage("Use the Agent tool with specialized agents when the task at hand", "minimal"),
    Passage("For broad codebase exploration or research that'll take more than", "minimal"),
    Passage('Calling Agent with subagent_type: "fork" creates a fork', "minimal"),
    # The rule stays; its reasons and examples are removed.
    Passage(
        "Tool results and user messages may include <system-reminder>",
        "minimal",
        until="Tags contain information from the system.",
    ),
    Passage(
        "Carefully consider the reversibility and blast radius of actions.",
        "minimal",
        until="check with the user before proceeding.",
    ),
    Passage("Examples of the kind of risky actions that warrant user confirmation:", "minimal"),
    Passage("Destructive operations: deleting files/branches, dropping database tables", "minimal"),
    Passage("Hard-to-reverse operations: force-pushing", "minimal"),
    Passage("Actions visible to others or that affect shared state: pushing code", "minimal"),
    Passage("Uploading content to third-party web tools (diagram renderers", "minimal"),
    Passage(
        "When you encounter an obstacle, do not use destructive actions",
        "minimal",
        until="to simply make it go away.",
    ),
    Passage(
        "You can call multiple tools in a single response.",
        "minimal",
        until="make all independent tool calls in parallel.",
    ),
)

REMINDERS = (
    # Every sub-agent gets this list again with its second turn.  Each agent keeps its name and its purpose.
    Passage("claude: Catch-all for any task that doesn't fit", "lean", until="a more specific agent."),
    Passage("Explore: Read-only search agent for broad fan-out searches", "lean", until="not the file dumps."),
    Passage("general-purpose: General-purpose agent for researching", "lean", until="executing multi-step tasks."),
    Passage("Plan: Software architect agent for designing", "lean", until="designing implementation plans."),
    # The one bundled skill that remains when the others are turned off, as they are in `lean`.
    Passage("plugin-authoring: Make a mod: a change to Claude's own", "lean", until="interface or behaviour"),
)
"""Long passages of `system` messages in the conversation, which are shortened to the words up to `until`."""
