"""
The first prompt of a session, less the user's own words: what the next session is going to begin with.

The words are left out because they will be others next time, and because what nobody reads again need not be kept.
"""

import re
from collections.abc import Callable
from datetime import date

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from anyclaude.errors import InvalidRequest
from anyclaude.protocol.content import Content, ContentBlock, TextBlock, blocks_of
from anyclaude.protocol.messages_request import MessagesRequest, Turn, decode_request, encode_request

REMINDER_START = "<system-reminder>"
"""How the client marks what it adds to the user's words: instructions, the state of git, skills."""

PLACEHOLDER = "."
"""Stands where a message would be empty, which servers refuse."""

TODAY = re.compile(r"(Today's date is )\d{4}-\d{2}-\d{2}")
"""How Claude Code 2.1.112 and 2.1.330 tell the date."""


class LaunchKey(Struct, frozen=True):
    """Where a prompt belongs: the project's folder, and the manner in which the client was started there."""

    folder: str
    fingerprint: str = msgspec.field(default="", name="manner")


class FirstPrompt(Struct, frozen=True):
    """A recorded one; `request` is its body in Anthropic form."""

    launch_key: LaunchKey = msgspec.field(name="place")
    request: msgspec.Raw

    def rendered(self, folder: str, today: date) -> MessagesRequest | None:
        """
        Return the prompt as a session in `folder` would begin with it today, `None` if the record is unusable.

        Where a folder is empty, nobody knows it, and the next session is taken to be in the same project.
        """
        try:
            request = decode_request(bytes(self.request))
        except InvalidRequest:
            return None
        return _dated(_moved(request, self.launch_key.folder, folder), today)


def first_prompt_of(request: MessagesRequest, launch_key: LaunchKey) -> FirstPrompt | None:
    """Return what is kept of a request, `None` where it does not begin a conversation with tools."""
    if not request.tools or any(turn.role == "assistant" for turn in request.messages):
        return None
    turns = tuple(_without_words(turn) if turn.role == "user" else turn for turn in request.messages)
    kept = replace(request, messages=turns, metadata=None, stream=False)
    return FirstPrompt(launch_key, msgspec.Raw(encode_request(kept)))


def _without_words(turn: Turn) -> Turn:
    """Return a message of the user down to the client's last reminder before the user's words."""
    return replace(turn, content=_leading(turn.content, lambda text: text.startswith(REMINDER_START)))


def _moved(request: MessagesRequest, origin: str, folder: str) -> MessagesRequest:
    """Return the prompt of another project as this one's: what is said of its files and its state is left out."""
    if not folder or not origin or origin == folder:
        return request

    def moved(text: str) -> str:
        return text.replace(origin, folder).replace(_dashed(origin), _dashed(folder))

    turns = [
        replace(turn, content=_leading(turn.content, lambda text: origin not in text))
        if turn.role == "user"
        else replace(turn, content=_rewritten(turn.content, moved))
        for turn in request.messages
    ]
    return replace(request, system=_rewritten(request.system, moved), messages=tuple(turns))


def _dated(request: MessagesRequest, today: date) -> MessagesRequest:
    def dated(text: str) -> str:
        return TODAY.sub(rf"\g<1>{today.isoformat()}", text)

    turns = tuple(replace(turn, content=_rewritten(turn.content, dated)) for turn in request.messages)
    return replace(request, system=_rewritten(request.system, dated), messages=turns)


def _leading(content: Content, stays: Callable[[str], bool]) -> Content:
    """Return the texts up to the first that does not stay."""
    kept: list[ContentBlock] = []
    for block in blocks_of(content):
        if not isinstance(block, TextBlock) or not stays(block.text):
            break
        kept.append(block)
    return tuple(kept) if kept else (TextBlock(PLACEHOLDER),)


def _rewritten(content: Content, rewrite: Callable[[str], str]) -> Content:
    if isinstance(content, str):
        return rewrite(content)
    return tuple(
        replace(block, text=rewrite(block.text)) if isinstance(block, TextBlock) else block for block in content
    )


def _dashed(folder: str) -> str:
    """Return a folder as the client writes it in the name of its own folder for the project."""
    return re.sub(r"[^A-Za-z0-9]", "-", folder)
