"""
The arguments of Claude Code: the user's, in their order, after the few that a gateway needs.

Ours come first, so that the user's prompt stays the last word.  Measured with Claude Code 2.1.330:

- `env` in the user's own settings files wins over the process's environment, so an address or a key written there
  would send every request past the gateway; `env` in `--settings` wins over both.
- of two `--settings` the client reads only the last one, so ours and the user's are merged.
- `apiKeyHelper` adds its key beside our token; an empty one in `--settings` switches it off, null is refused.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import msgspec
from msgspec import Struct

from anyclaude.claude_code import SUBCOMMANDS

from .environment import CREDENTIALS, DUMMY_TOKEN, PROVIDERS

JsonObject: TypeAlias = dict[str, object]

PERMISSION_FLAGS = frozenset({"--permission-mode", "--dangerously-skip-permissions"})


class SettingsNeeded(Struct, frozen=True):
    """What the client's settings must contain; with `keeps_credentials` (mode `claude`), its credentials stay."""

    base_url: str
    keeps_credentials: bool = False


def client_arguments(
    user: Sequence[str], needed: SettingsNeeded, permission_mode: str | None, diet: Sequence[str]
) -> tuple[str, ...]:
    """Return the client's arguments, ours first; `permission_mode` is `None` if the user has chosen one."""
    if user and user[0] in SUBCOMMANDS:
        return tuple(user)
    merged = merged_settings(user, needed)
    permissions = () if permission_mode is None else ("--permission-mode", permission_mode)
    if merged is None:
        return (*diet, *permissions, *user)
    settings = ("--settings", msgspec.json.encode(merged).decode())
    return (*diet, *permissions, *settings, *without_flag(user, "--settings"))


def merged_settings(user: Sequence[str], needed: SettingsNeeded) -> JsonObject | None:
    """
    Return the user's `--settings` with ours; `None` if theirs cannot be read, which the client then reports itself.

    Theirs win in everything but the address, the credentials and the choice of provider.
    """
    given = flag_value(user, "--settings")
    theirs = {} if given is None else read_settings(given)
    if theirs is None:
        return None
    environment = theirs.get("env")
    ours: JsonObject = {} if needed.keeps_credentials else {"skipWebFetchPreflight": True}
    forced: JsonObject = {} if needed.keeps_credentials else {"apiKeyHelper": ""}
    return {**ours, **theirs, **forced, "env": {**_object(environment), **_forced_environment(needed)}}


def has_chosen_permissions(user: Sequence[str], settings_files: Sequence[Path]) -> bool:
    """Return whether the user has chosen how permissions are requested, by a flag or in a settings file."""
    if any(argument.partition("=")[0] in PERMISSION_FLAGS for argument in before_separator(user)):
        return True
    given = flag_value(user, "--settings")
    documents = [read_settings(given) if given else None, *(_read_object(file) for file in settings_files)]
    return any("defaultMode" in _object(_object(document).get("permissions")) for document in documents)


def settings_files(environment: Mapping[str, str], home: Path, folder: Path) -> tuple[Path, ...]:
    """Return the settings files that Claude Code reads for a session in `folder`."""
    own = Path(environment.get("CLAUDE_CONFIG_DIR") or home / ".claude")
    return (own / "settings.json", folder / ".claude" / "settings.json", folder / ".claude" / "settings.local.json")


def read_settings(given: str) -> JsonObject | None:
    """Return the value of `--settings`: JSON, or the name of a file that contains it."""
    if given.lstrip().startswith("{"):
        return _decoded(given.encode())
    return _read_object(Path(given).expanduser())


def flag_value(arguments: Sequence[str], flag: str) -> str | None:
    """Return the last value of a flag."""
    found = None
    for index, argument in enumerate(before_separator(arguments)):
        if argument.startswith(f"{flag}="):
            found = argument.removeprefix(f"{flag}=")
        elif argument == flag and index + 1 < len(arguments):
            found = arguments[index + 1]
    return found


def without_flag(arguments: Sequence[str], flag: str) -> tuple[str, ...]:
    """Return the arguments without a flag and its value."""
    kept: list[str] = []
    options = before_separator(arguments)
    skip = False
    for argument in options:
        if skip:
            skip = False
        elif argument == flag:
            skip = True
        elif not argument.startswith(f"{flag}="):
            kept.append(argument)
    return (*kept, *arguments[len(options) :])


def before_separator(arguments: Sequence[str]) -> tuple[str, ...]:
    """Return the arguments before `--`, after which nothing is a flag."""
    return tuple(arguments[: arguments.index("--")] if "--" in arguments else arguments)


def _forced_environment(needed: SettingsNeeded) -> dict[str, str]:
    address = {"ANTHROPIC_BASE_URL": needed.base_url}
    if needed.keeps_credentials:
        return address
    return {**dict.fromkeys((*CREDENTIALS, *PROVIDERS), ""), **address, "ANTHROPIC_AUTH_TOKEN": DUMMY_TOKEN}


def _read_object(file: Path) -> JsonObject | None:
    try:
        return _decoded(file.read_bytes())
    except OSError:
        return None


def _decoded(text: bytes) -> JsonObject | None:
    try:
        return msgspec.json.decode(text, type=dict[str, object])
    except msgspec.DecodeError:
        return None


def _object(value: object) -> JsonObject:
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}
