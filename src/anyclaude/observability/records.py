"""What is kept of an exchange."""

from typing import Literal, TypeAlias

from msgspec import Struct

from anyclaude.dialects import Dropped
from anyclaude.protocol.characters import content_characters
from anyclaude.protocol.messages_request import MessagesRequest
from anyclaude.transforms import Step

RequestClass: TypeAlias = Literal["main", "subagent", "workflow", "auxiliary", "compaction", "unknown", "warm_up"]
"""Which part of the client speaks; `warm_up` is nobody: the gateway itself had a prompt evaluated in advance."""

Outcome: TypeAlias = Literal["completed", "failed", "refused", "client_left", "pre_empted"]
"""`completed`: the reply reached the client whole.  `failed`: the backend let us down, before or during the reply.
`refused`: the request itself was turned away.  `client_left`: the client closed the connection first.
`pre_empted`: a warm-up gave way to a request."""

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


class Durations(Struct, frozen=True):
    """Seconds; `None` where the exchange did not get that far."""

    total: float
    queue: float | None = None
    first_token: float | None = None


class RecordedUsage(Struct, frozen=True):
    """What the engine counted; `None` where it did not say."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    prefill_seconds: float | None = None
    generation_seconds: float | None = None


class RecordedError(Struct, frozen=True):
    """Why it did not go well."""

    type: str
    message: str


class RecordedPassing(Struct, frozen=True):
    """A backend that was asked in vain, before another one answered or failed in its place."""

    backend: str
    reason: str


class ExchangeRecord(Struct, frozen=True, kw_only=True):
    """One request and its reply, as the journal keeps it; no prompt or reply text is in it."""

    time: str
    """When the request arrived: ISO 8601, UTC."""
    request_id: str
    message_id: str | None = None
    """The id that the reply has, or would have had."""
    outcome: Outcome
    status: int | None
    """The HTTP status the client saw, 200 too where the reply failed later; `None` if it left before there was one."""
    path: str
    session: str | None = None
    agent: str | None = None
    request_class: RequestClass = "unknown"
    model: str | None = None
    """The name the client asked for."""
    route: str | None = None
    """Backend and model that were asked, as `llamacpp/qwen3-coder`."""
    attempts: int = 0
    passed_over: tuple[RecordedPassing, ...] = ()
    """Backends that were to answer first and could not."""
    was_adopted: bool = False
    """Whether it took over the reply that an abandoned, identical request had waited for; the attempts are shared."""
    continuations: int = 0
    """How often a reply that broke off was taken up again."""
    streaming: bool = False
    size: PromptSize | None = None
    durations: Durations
    usage: RecordedUsage = RecordedUsage()
    stop_reason: str | None = None
    steps: tuple[Step, ...] = ()
    """What the preparation of the prompt took out of it or put into it, in characters."""
    dropped: tuple[Dropped, ...] = ()
    error: RecordedError | None = None


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
