"""
The first prompt of a session, without the user's own words, from which the next session's is predicted.

The user's words are left out because they will be different next time, and because text without a use should not be
stored.
"""

import re
from collections.abc import Callable, Sequence
from datetime import date

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from anyclaude.claude_code import REMINDER_START
from anyclaude.errors import InvalidRequest
from anyclaude.protocol.content import Content, ContentBlock, TextBlock, blocks_of
from anyclaude.protocol.messages_request import MessagesRequest, Tool, Turn, decode_request, encode_request
from anyclaude.protocol.prompt_size import prompt_characters

from .launches import LaunchKey, difference_between
from .shared_beginning import PLACEHOLDER, shared_beginning

DATE = re.compile(r"(Today's date is )\d{4}-\d{2}-\d{2}")
"""How Claude Code 2.1.112 and 2.1.330 state the date."""

STATEMENT = "You are powered by the model {}."
"""How Claude Code 2.1.332 states the model."""


class FirstPrompt(Struct, frozen=True):
    """A recorded prompt; `request` is a body of the Messages API."""

    launch_key: LaunchKey = msgspec.field(name="place")
    request: msgspec.Raw
    tokens: int | None = None
    """The engine's count of the recorded prompt, with the user's words; files of earlier versions have none."""

    def rendered(
        self, wanted: LaunchKey | None, today: date, others: Sequence["FirstPrompt"] = ()
    ) -> MessagesRequest | None:
        """
        Return what the prompt of a launch is expected to begin with today; `None` if nothing is, or if it is unusable.

        Without `wanted` it is a launch with the recorded key.  `others` show which tools other projects have too.
        """
        request = self._decoded()
        if request is None:
            return None
        key = wanted or self.launch_key
        difference = difference_between(self.launch_key, key)
        if difference is None:
            return None
        predicted: MessagesRequest | None = request
        if difference.is_beginning_shared:
            predicted = shared_beginning(request, self.launch_key, key, self._tools_elsewhere(key, others))
        if predicted is not None and difference.is_other_model and key.traits:
            predicted = _of_model(predicted, key.traits.model)
        return None if predicted is None else _dated(predicted, today)

    def expected_tokens(self, wanted: LaunchKey, today: date, others: Sequence["FirstPrompt"] = ()) -> int | None:
        """Return about how many tokens `rendered` has, by its share of the characters; `None` if that is unknown."""
        recorded, rendered = self._decoded(), self.rendered(wanted, today, others)
        if self.tokens is None or recorded is None or rendered is None:
            return None
        return round(self.tokens * prompt_characters(rendered) / max(1, prompt_characters(recorded)))

    def _tools_elsewhere(self, wanted: LaunchKey, others: Sequence["FirstPrompt"]) -> tuple[Tool, ...]:
        """Return the tools of the nearest prompt of a third project."""
        folders = ("", self.launch_key.folder, wanted.folder)
        third = next((other for other in others if other.launch_key.folder not in folders), None)
        request = None if third is None else third._decoded()
        return () if request is None else request.tools

    def _decoded(self) -> MessagesRequest | None:
        try:
            return decode_request(bytes(self.request))
        except InvalidRequest:
            return None


def first_prompt_of(request: MessagesRequest, launch_key: LaunchKey, tokens: int | None = None) -> FirstPrompt | None:
    """Return the part of a request that is recorded, `None` if it does not begin a conversation with tools."""
    if not request.tools or any(turn.role == "assistant" for turn in request.messages):
        return None
    turns = tuple(_without_words(turn) if turn.role == "user" else turn for turn in request.messages)
    kept = replace(request, messages=turns, metadata=None, stream=False)
    return FirstPrompt(launch_key, msgspec.Raw(encode_request(kept)), tokens)


def _without_words(turn: Turn) -> Turn:
    """Return the reminders of the client with which a user message begins."""
    return replace(turn, content=_leading(turn.content, lambda text: text.startswith(REMINDER_START)))


def _of_model(request: MessagesRequest, model: str) -> MessagesRequest:
    """Return the prompt with the name of another model, which the server is asked for, and which the text states."""
    stated, statement = STATEMENT.format(request.model), STATEMENT.format(model)
    renamed = _with_texts(request, lambda text: text.replace(stated, statement))
    return replace(renamed, model=model)


def _dated(request: MessagesRequest, today: date) -> MessagesRequest:
    return _with_texts(request, lambda text: DATE.sub(rf"\g<1>{today.isoformat()}", text))


def _with_texts(request: MessagesRequest, rewrite: Callable[[str], str]) -> MessagesRequest:
    turns = tuple(replace(turn, content=_rewritten(turn.content, rewrite)) for turn in request.messages)
    return replace(request, system=_rewritten(request.system, rewrite), messages=turns)


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
