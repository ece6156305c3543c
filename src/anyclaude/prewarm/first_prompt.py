"""
The first prompt of a session, without the user's own words, from which the next session's is predicted.

The user's words are left out because they will be different next time, and because text without a use should not be
stored.
"""

import re
from collections.abc import Callable
from datetime import date

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from anyclaude.claude_code import REMINDER_START
from anyclaude.errors import InvalidRequest
from anyclaude.protocol.content import Content, ContentBlock, TextBlock, blocks_of
from anyclaude.protocol.messages_request import MessagesRequest, Turn, decode_request, encode_request

PLACEHOLDER = "."
"""The text of a message that would be empty, which servers refuse."""

DATE = re.compile(r"(Today's date is )\d{4}-\d{2}-\d{2}")
"""How Claude Code 2.1.112 and 2.1.330 state the date."""


class LaunchKey(Struct, frozen=True):
    """The launches that share a prompt: the project's folder, and a fingerprint of how the client was started."""

    folder: str
    fingerprint: str = msgspec.field(default="", name="manner")


class FirstPrompt(Struct, frozen=True):
    """A recorded prompt; `request` is a body of the Messages API."""

    launch_key: LaunchKey = msgspec.field(name="place")
    request: msgspec.Raw

    def rendered(self, folder: str, today: date) -> MessagesRequest | None:
        """
        Return the prompt that a session in `folder` would begin with today, `None` if the record is unusable.

        An empty folder, here or in the record, is an unknown one: both sessions are then taken to be in one project.
        """
        try:
            request = decode_request(bytes(self.request))
        except InvalidRequest:
            return None
        return _dated(_moved(request, self.launch_key.folder, folder), today)


def first_prompt_of(request: MessagesRequest, launch_key: LaunchKey) -> FirstPrompt | None:
    """Return the part of a request that is recorded, `None` if it does not begin a conversation with tools."""
    if not request.tools or any(turn.role == "assistant" for turn in request.messages):
        return None
    turns = tuple(_without_words(turn) if turn.role == "user" else turn for turn in request.messages)
    kept = replace(request, messages=turns, metadata=None, stream=False)
    return FirstPrompt(launch_key, msgspec.Raw(encode_request(kept)))


def _without_words(turn: Turn) -> Turn:
    """Return the reminders of the client with which a user message begins."""
    return replace(turn, content=_leading(turn.content, lambda text: text.startswith(REMINDER_START)))


def _moved(request: MessagesRequest, origin: str, folder: str) -> MessagesRequest:
    """
    Return the prompt of the project in `origin` as that of the project in `folder`.

    Texts of user messages from the first that names `origin` on are left out: they are about its files and its state.
    """
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
        return DATE.sub(rf"\g<1>{today.isoformat()}", text)

    turns = tuple(replace(turn, content=_rewritten(turn.content, dated)) for turn in request.messages)
    return replace(request, system=_rewritten(request.system, dated), messages=turns)


def _leading(content: Content, is_kept: Callable[[str], bool]) -> Content:
    """Return the text blocks before the first block that is not kept."""
    kept: list[ContentBlock] = []
    for block in blocks_of(content):
        if not isinstance(block, TextBlock) or not is_kept(block.text):
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
    """Return a folder's path as it is written in the name of the client's own folder for the project."""
    return re.sub(r"[^A-Za-z0-9]", "-", folder)
