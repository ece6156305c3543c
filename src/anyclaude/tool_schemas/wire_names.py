"""
The names under which a model reads its tools.

Chat Completions takes names of at most 64 letters, digits, underscores and hyphens (OpenAI's API reference,
`function.name`), and servers refuse a whole request for one other name.  Names of MCP tools are longer, or have a dot
(cline issue 11885).  Such a tool has another name for the model, which follows from its own name alone: it is the same
in every turn, whatever tools there are besides.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping

from anyclaude.protocol.messages_request import Tool

MAX_CHARACTERS = 64
DIGEST_CHARACTERS = 8
"""32 bits: among a thousand such names with the same ending, the chance that two are alike is 1 in 9,000."""

UNNAMED = "unnamed_tool"
"""The tool of a call without a name, which can only be in a malformed history."""

_ALLOWED = re.compile(rf"[a-zA-Z0-9_-]{{1,{MAX_CHARACTERS}}}")
_NOT_ALLOWED = re.compile(r"[^a-zA-Z0-9_-]")


def wire_name(name: str) -> str:
    """Return the name under which a model reads a tool: its own if Chat Completions can carry it."""
    if not name:
        return UNNAMED
    if _ALLOWED.fullmatch(name):
        return name
    digest = hashlib.sha256(name.encode(errors="replace")).hexdigest()[:DIGEST_CHARACTERS]
    # The end of a name says what the tool does, its beginning which server and plugin it is from.
    ending = _NOT_ALLOWED.sub("_", name)[-(MAX_CHARACTERS - DIGEST_CHARACTERS - 1) :]
    return f"{ending}_{digest}"


def names_by_wire_name(tools: Iterable[Tool]) -> Mapping[str, str]:
    """Return the own name of each tool that has another one for the model."""
    names = ((wire_name(tool.name), tool.name) for tool in tools)
    return {renamed: name for renamed, name in names if renamed != name}
