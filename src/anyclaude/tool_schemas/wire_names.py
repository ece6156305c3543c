"""
The names under which a model reads its tools.

Chat Completions takes names of at most 64 letters, digits, underscores and hyphens (OpenAI's API reference,
`function.name`), and servers refuse a whole request for one other name.  Names of MCP tools are longer, or have a dot
(cline issue 11885).  Some servers take fewer characters, and most want a letter or an underscore at the front (Gemini's
API, `FunctionDeclaration.name`).  A tool with another name has one for the model that follows from its own name alone:
it is the same in every turn, whatever tools there are besides.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping

from msgspec import Struct

from anyclaude.profiles import ToolNames
from anyclaude.protocol.messages_request import Tool

DIGEST_CHARACTERS = 8
"""32 bits: among a thousand such names with the same ending, the chance that two are alike is 1 in 9,000."""

UNNAMED = "unnamed_tool"
"""The tool of a call without a name, which can only be in a malformed history."""

_NOT_AT_THE_FRONT = "-0123456789"


class _Names(Struct, frozen=True):
    """The names that a server takes: their length, and the characters."""

    max_characters: int
    allowed: re.Pattern[str]
    not_allowed: re.Pattern[str]


_NAMES: Mapping[ToolNames, _Names] = {
    "chat_completions": _Names(64, re.compile(r"[a-zA-Z_][a-zA-Z0-9_-]{0,63}"), re.compile(r"[^a-zA-Z0-9_-]")),
    "plain": _Names(32, re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,31}"), re.compile(r"[^a-zA-Z0-9_]")),
}


def wire_name(name: str, names: ToolNames = "chat_completions") -> str:
    """Return the name under which a model reads a tool: its own if the server takes it."""
    if not name:
        return UNNAMED
    kind = _NAMES[names]
    if kind.allowed.fullmatch(name):
        return name
    digest = hashlib.sha256(name.encode(errors="replace")).hexdigest()[:DIGEST_CHARACTERS]
    # The end of a name says what the tool does, its beginning which server and plugin it is from.
    ending = kind.not_allowed.sub("_", name)[-(kind.max_characters - DIGEST_CHARACTERS - 2) :]
    front = "_" if ending[0] in _NOT_AT_THE_FRONT else ""
    return f"{front}{ending}_{digest}"


def names_by_wire_name(tools: Iterable[Tool]) -> Mapping[str, str]:
    """Return the own name of each tool that has another one for a model, by every name it may have there."""
    own = dict.fromkeys(tool.name for tool in tools)
    names = {wire_name(name, kind): name for kind in _NAMES for name in own}
    return {renamed: name for renamed, name in names.items() if renamed != name and renamed not in own}
