"""
The messages of gpt-oss: a header with a channel, and the content.

The analysis channel is a thought, a message with a recipient a call, and all others are text (openai/harmony,
`docs/format.md`).
"""

import re

from .calls import NotACall, OfferedCalls
from .form import Found
from .json_calls import NAME, STRAY, read_arguments_of
from .source import SPACE, Reading, Source

MESSAGE = "<|message|>"
STARTS = ("<|channel|>", "<|start|>")
ENDS = ("<|end|>", "<|return|>", "<|call|>")
STRIPPED = "commentary to=functions."

_ROLES = frozenset({"assistant", "user", "system", "developer"})
_RECIPIENT = re.compile(r"(?:\bto=|<\|channel\|>(?=functions\.))([\w.\-]+)")
"""A recipient; gpt-oss also names itself, and the tool in place of a second channel (llama.cpp, issue 27720)."""

_HEADER = re.compile(
    r"""(?:\s*(?:
        <\|(?:start|channel|constrain)\|> | to=[\w.\-]+ | functions\.[\w.\-]+
        | (?:assistant|user|system|developer|tool|analysis|commentary|final|json|code|text)[?]*
        | (?<=<\|constrain\|>)[\w./+\-]+
    ))*+\s*""",
    re.VERBOSE,
)
_SAYS_SOMETHING = re.compile(r"\b(?:assistant|user|system|developer|tool|analysis|commentary|final|to=|functions\.)")
_HEADER_CHARACTERS = 200
"""Longer than any header; one has a role, a recipient, a channel and a content type."""


def read_harmony(source: Source, offered: OfferedCalls, opening: str) -> Reading[Found]:
    """
    Read the header of a message, and the arguments if the message is for a tool.

    Raises:
        NotACall: if it is no header, or the tool was not offered.
    """
    header, end = yield from source.until(MESSAGE, "\n")
    if end != MESSAGE or not _is_header(opening + header):
        raise NotACall("it is no header")
    recipient = next((it for it in _RECIPIENT.findall(opening + header) if it not in _ROLES), None)
    if recipient is None:
        return Found(thought_ends=(*ENDS, *STARTS) if "analysis" in header else ())
    name = offered.name(recipient.removeprefix("functions.").removeprefix("repo_browser."))
    yield from source.run(SPACE)
    if (yield from source.peek()) == "{":
        call = yield from read_arguments_of(source, offered, name, "<|call|>")
    else:
        call = offered.from_arguments(name, "", "")
    yield from _read_end(source)
    return Found((call,))


def read_stripped(source: Source, offered: OfferedCalls, _: str) -> Reading[Found]:
    """
    Read a call from whose header the server has stripped the tokens: `commentary to=functions.Read json {…}`.

    Raises:
        NotACall: if no arguments follow.
    """
    name = offered.name((yield from source.run(NAME)))
    yield from source.run(SPACE)
    for token in ("<|constrain|>", "json", "code", MESSAGE):
        yield from source.skip(token)
        yield from source.run(SPACE)
    call = yield from read_arguments_of(source, offered, name, "<|call|>")
    yield from _read_end(source)
    return Found((call,))


def _read_end(source: Source) -> Reading[None]:
    yield from source.run(STRAY)
    source.advance(len((yield from source.has_one_of(ENDS))))


def _is_header(text: str) -> bool:
    """Return whether a text consists of what headers hold; texts about harmony show its tokens around other words."""
    return len(text) <= _HEADER_CHARACTERS and bool(_HEADER.fullmatch(text) and _SAYS_SOMETHING.search(text))
