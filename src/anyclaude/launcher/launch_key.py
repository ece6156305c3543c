"""
Identifies launches that begin alike: by the project, the way the client is started, and the session it continues.

A recorded prompt or a slot snapshot is of use only where the client will send the same prompt again.
"""

import hashlib
import os
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec

from anyclaude.prewarm import LaunchKey, LaunchTraits

from .client import Client, ClientDiet, Invocation
from .client.flags import before_separator, flag_value

SHAPING_FLAGS = frozenset(
    {
        "-p",
        "--print",
        "--add-dir",
        "--agent",
        "--agents",
        "--allowed-tools",
        "--allowedTools",
        "--append-system-prompt",
        "--append-system-prompt-file",
        "--bare",
        "--disable-slash-commands",
        "--disallowed-tools",
        "--disallowedTools",
        "--effort",
        "--mcp-config",
        "--model",
        "--plugin-dir",
        "--setting-sources",
        "--strict-mcp-config",
        "--system-prompt",
        "--system-prompt-file",
        "--tools",
    }
)
"""The client's flags that change its tools or its system prompt (`claude --help`, 2.1.330)."""

VALUELESS = frozenset({"-p", "--print", "--bare", "--strict-mcp-config", "--disable-slash-commands"})

OF_PROJECT = frozenset(
    {
        "--add-dir",
        "--agent",
        "--append-system-prompt-file",
        "--mcp-config",
        "--plugin-dir",
        "--setting-sources",
        "--system-prompt-file",
    }
)
"""The flags among them whose values may name something in the project, which another project has not."""

SESSION_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)


def launch_key_of(invocation: Invocation, client: Client, diet: ClientDiet, model: str) -> LaunchKey:
    """Return the key of a launch; the user's flags are in it as a digest only, because they may contain secrets."""
    folder = as_text(str(invocation.folder))
    program = [as_text(str(Path(word).resolve())) for word in client.command]  # a link leads to a release
    shaping = [*map(as_text, _shaping(invocation.arguments))]
    others = [flag for flag in shaping if flag != "-p"]
    traits = LaunchTraits(
        client=_digest(program),
        diet=diet.name,
        flags=_digest((others, folder if any(flag.partition("=")[0] in OF_PROJECT for flag in others) else "")),
        is_print="-p" in shaping,
        model=model,
    )
    return LaunchKey(folder, _digest((program, diet.name, model, shaping)), traits)


def as_text(word: str) -> str:
    """Return a file name or an argument as text: the system does not demand that it is any, and JSON does."""
    return os.fsencode(word).decode(errors="backslashreplace")


def continues_session(arguments: Sequence[str]) -> bool:
    """Return whether the client's arguments continue an earlier session."""
    return any(
        argument in {"-c", "--continue", "-r", "--resume"} or argument.startswith("--resume=")
        for argument in before_separator(arguments)
    )


def continued_session(arguments: Sequence[str]) -> str | None:
    """Return the session that the arguments continue, `None` if the client finds it or asks the user."""
    named = flag_value(arguments, "--resume") or flag_value(arguments, "-r")
    return named.lower() if named is not None and SESSION_ID.fullmatch(named) else None


def _shaping(arguments: Sequence[str]) -> list[str]:
    """Return the flags that shape the prompt, each with its values."""
    found: list[str] = []
    is_value = False
    for argument in before_separator(arguments):
        if argument.startswith("-"):
            name = argument.partition("=")[0]
            is_value = name in SHAPING_FLAGS - VALUELESS and "=" not in argument
            if name in SHAPING_FLAGS:
                found.append("-p" if name == "--print" else argument)
        elif is_value:
            found.append(argument)
    return found


def _digest(value: object) -> str:
    return hashlib.sha256(msgspec.json.encode(value)).hexdigest()[:16]
