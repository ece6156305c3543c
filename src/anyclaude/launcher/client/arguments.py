"""The arguments of Claude Code: the user's, in their order, after the few that a gateway needs."""

from collections.abc import Sequence
from pathlib import Path

from anyclaude.claude_code import SUBCOMMANDS, PermissionMode

from .flags import before_separator, flag_value, prints, without_flag
from .user_settings import UserSettings

PERMISSION_FLAGS = frozenset({"--permission-mode", "--dangerously-skip-permissions"})

ASKING: PermissionMode = "default"
"""The mode that asks before each edit and command; releases after 2.1.112 also call it `manual`."""

AUTO: PermissionMode = "auto"
"""The client's own default in a terminal.  It has a server of Anthropic's check each call, which a gateway cannot."""


def client_arguments(user: Sequence[str], ours: Sequence[str], settings_file: Path) -> tuple[str, ...]:
    """Return the client's arguments, ours first, so that the user's prompt stays the last word."""
    if user and user[0] in SUBCOMMANDS:
        return tuple(user)
    return (*ours, "--settings", str(settings_file), *without_flag(user, "--settings"))


def permission_mode(
    arguments: Sequence[str], user: UserSettings, chosen: PermissionMode | None
) -> PermissionMode | None:
    """
    Return the mode for `--permission-mode`: `chosen`, or `None` if the user has chosen one for the client.

    `auto` in a settings file, where the client keeps a choice made for Anthropic's API, does not count as one if there
    is another.
    """
    is_theirs = user.permission_mode is not None and (chosen is None or user.permission_mode != AUTO)
    return None if is_theirs or has_permission_flag(arguments) else chosen


def mode_in_effect(arguments: Sequence[str], user: UserSettings, ours: PermissionMode | None) -> str | None:
    """Return the mode that the client will have, as far as it is known; `ours` is the one that it gets from us."""
    if "--dangerously-skip-permissions" in before_separator(arguments):
        return "bypassPermissions"
    return flag_value(arguments, "--permission-mode") or ours or user.permission_mode


def permission_note(arguments: Sequence[str], user: UserSettings, chosen: PermissionMode | None) -> str | None:
    """Return what the user has to know of a permission mode that cannot work."""
    if AUTO in {flag_value(arguments, "--permission-mode"), chosen}:
        return "Permission mode auto needs a check by Anthropic's servers: through a gateway, calls end in a question"
    if user.permission_mode == AUTO and not has_permission_flag(arguments):
        mode = permission_mode(arguments, user, chosen)
        return f"Permission mode auto in your settings needs a check by Anthropic's servers; the mode is {mode}"
    return None


def prints_text(arguments: Sequence[str]) -> bool:
    """Return whether the client answers one prompt in text and ends; one that begins with `/` may be a command."""
    formats = {flag_value(arguments, flag) or "text" for flag in ("--output-format", "--input-format")}
    is_command = any(argument.startswith("/") for argument in arguments)
    return prints(arguments) and formats == {"text"} and not is_command


def has_permission_flag(arguments: Sequence[str]) -> bool:
    """Return whether a flag chooses how permissions are requested."""
    return any(argument.partition("=")[0] in PERMISSION_FLAGS for argument in before_separator(arguments))
