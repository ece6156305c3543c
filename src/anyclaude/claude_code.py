"""Facts about the client, Claude Code; the command line and the settings need them before anything else is loaded."""

from typing import Literal, TypeAlias

CLIENT_VERSION = "2.1.332"
"""The release of Claude Code that anyclaude is tested with, and installs if there is none."""

OLDEST_VERSION = "2.1.112"
"""The oldest release that anyclaude is tested with, and the last one in JavaScript."""

REMINDER_START = "<system-reminder>"
"""Begins the texts that the client adds to the user's words: instructions, the state of git, skills."""

REMINDER_END = "</system-reminder>"

SUMMARY_START = "This session is being continued from a previous conversation"
"""Begins the user's text that has the summary of a conversation, after the client has compacted it."""

PermissionMode: TypeAlias = Literal["acceptEdits", "auto", "bypassPermissions", "default", "dontAsk", "manual", "plan"]
"""The values of Claude Code's `--permission-mode` (`default` in releases before `manual`)."""

SUBCOMMANDS = frozenset(
    {
        "agents",
        "attach",
        "auth",
        "auto-mode",
        "bridge",
        "daemon",
        "design-login",
        "doctor",
        "gateway",
        "import",
        "install",
        "kill",
        "logs",
        "mcp",
        "plugin",
        "plugins",
        "project",
        "purge",
        "rc",
        "remote-control",
        "respawn",
        "rm",
        "sandbox",
        "self-hosted-runner",
        "setup-token",
        "stop",
        "sync",
        "ultrareview",
        "update",
        "upgrade",
        "workspace-trust",
    }
)
"""Claude Code's own commands: those of `claude --help`, and some that are not listed but have their own help (2.1.332).
All words after one of them belong to the client, and none of the arguments that a session needs are added."""
