"""How long a prompt is, section by section: in characters, and in the engine's tokens where it has counted them."""

from typing import Literal

from msgspec import Struct

from .characters import content_characters
from .messages_request import MessagesRequest

CHARACTERS_PER_TOKEN = 4.0
"""Only for what no engine has counted.  Claude Code's prompts have 4.3 characters per token (cl100k, measured on the
tools section: 31.1k characters, 7.0k tokens); 4 errs on the careful side."""


class SectionSize(Struct, frozen=True):
    """
    One section of a prompt.

    `tokens` is the section's share, by characters, of the prompt tokens the engine counted; before an
    engine has counted it is an estimate at `CHARACTERS_PER_TOKEN`.
    """

    characters: int
    tokens: int


class PromptSize(Struct, frozen=True):
    """The sections of a prompt as the backend got it; `tokens_from` says whose count the token figures rest on."""

    system: SectionSize
    tools: SectionSize
    messages: SectionSize
    tool_count: int
    message_count: int
    tokens_from: Literal["engine", "estimate"]


class SectionCharacters(Struct, frozen=True):
    """How many characters each section of a request has."""

    system: int
    tools: int
    messages: int
    tool_count: int
    message_count: int


def section_characters(request: MessagesRequest) -> SectionCharacters:
    """Count the characters the model gets to read: texts, and the JSON of tools and inputs; images count nothing."""
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
    """Spread the engine's count over the sections, or estimate where there is none."""
    total = characters.system + characters.tools + characters.messages
    rate = counted_tokens / total if counted_tokens is not None and total else 1 / CHARACTERS_PER_TOKEN
    sections = (characters.system, characters.tools, characters.messages)
    system, tools, messages = (SectionSize(count, round(count * rate)) for count in sections)
    counted_by: Literal["engine", "estimate"] = "estimate" if counted_tokens is None else "engine"
    return PromptSize(system, tools, messages, characters.tool_count, characters.message_count, counted_by)


def estimated_tokens(characters: SectionCharacters) -> int:
    """Return a careful guess for servers that cannot count."""
    return round((characters.system + characters.tools + characters.messages) / CHARACTERS_PER_TOKEN)
