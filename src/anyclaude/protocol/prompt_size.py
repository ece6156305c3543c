"""The size of a prompt by section: in characters, and in tokens, counted by the engine or estimated."""

from typing import Literal

from msgspec import Struct

from .characters import content_characters
from .messages_request import MessagesRequest

CHARACTERS_PER_TOKEN = 4.0
"""Only for prompts that no engine has counted.  Claude Code's prompts have 4.3 characters per token (cl100k, measured
on the tools section: 31.1k characters, 7.0k tokens); 4 errs on the safe side."""


class SectionSize(Struct, frozen=True):
    """
    One section of a prompt.

    `tokens` is the section's share, by characters, of the prompt tokens that the engine counted; without
    an engine's count it is an estimate at `CHARACTERS_PER_TOKEN`.
    """

    characters: int
    tokens: int


class PromptSize(Struct, frozen=True):
    """The sections of a prompt as it was sent to the backend; `tokens_from` is the source of the token figures."""

    system: SectionSize
    tools: SectionSize
    messages: SectionSize
    tool_count: int
    message_count: int
    tokens_from: Literal["engine", "estimate"]


class SectionCharacters(Struct, frozen=True):
    """The number of characters in each section of a request."""

    system: int
    tools: int
    messages: int
    tool_count: int
    message_count: int


def section_characters(request: MessagesRequest) -> SectionCharacters:
    """Count the characters that the model reads: texts, and the JSON of tools and inputs; images count as none."""
    return SectionCharacters(
        system=content_characters(request.system),
        tools=sum(tool.characters for tool in request.tools),
        messages=sum(turn.characters for turn in request.messages),
        tool_count=len(request.tools),
        message_count=len(request.messages),
    )


def prompt_characters(request: MessagesRequest) -> int:
    """Count the characters of all sections together."""
    sections = section_characters(request)
    return sections.system + sections.tools + sections.messages


def prompt_size(characters: SectionCharacters, counted_tokens: int | None) -> PromptSize:
    """Divide the engine's count among the sections, or estimate where there is none."""
    total = characters.system + characters.tools + characters.messages
    rate = counted_tokens / total if counted_tokens is not None and total else 1 / CHARACTERS_PER_TOKEN
    sections = (characters.system, characters.tools, characters.messages)
    system, tools, messages = (SectionSize(count, round(count * rate)) for count in sections)
    counted_by: Literal["engine", "estimate"] = "estimate" if counted_tokens is None else "engine"
    return PromptSize(system, tools, messages, characters.tool_count, characters.message_count, counted_by)
