"""
The messages of gpt-oss: a header with a channel, and the content.

The analysis channel is a thought, a message with a recipient a call, and all others are text (openai/harmony,
`docs/format.md`).
"""

import re

from .calls import NotACall, OfferedCalls
from .form import Found
from .json_calls import STRAY, read_arguments_of
from .source import SPACE, Reading, Source

MESSAGE = "<|message|>"
STARTS = ("<|channel|>", "<|start|>")
ENDS = ("<|end|>", "<|return|>", "<|call|>")
RECIPIENT = "to="

_RECIPIENT = re.compile(r"\bto=([\w.\-]+)")
_HEADER_CHARACTERS = 200
"""Longer than any header; one has a role, a recipient, a channel and a content type."""


def read_harmony(source: Source, offered: OfferedCalls, opening: str) -> Reading[Found]:
    """
    Read the header of a message, and the arguments if the message is for a tool.

    Raises:
        NotACall: if it is no header, or the tool was not offered.
    """
    header, end = yield from source.until(MESSAGE, "\n")
    if end != MESSAGE or len(header) > _HEADER_CHARACTERS:
        raise NotACall("it is no header")
    recipient = _RECIPIENT.search(opening + header)
    if recipient is None:
        return Found(thought_ends=(*ENDS, *STARTS) if "analysis" in header else ())
    name = offered.name(recipient[1].removeprefix("functions."))
    yield from source.run(SPACE)
    if (yield from source.peek()) == "{":
        call = yield from read_arguments_of(source, offered, name, "<|call|>")
    else:
        call = offered.from_arguments(name, "", "")
    yield from source.run(STRAY)
    if ending := (yield from source.has_one_of(ENDS)):
        source.advance(len(ending))
    return Found((call,))
