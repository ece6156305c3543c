"""The record of one exchange, as the journal stores it."""

from typing import Literal, TypeAlias

from msgspec import Struct, field

from anyclaude.dialects import DroppedField
from anyclaude.filters import CallNote, EndlessReply
from anyclaude.profiles import Amendment, ThinkingSwitch
from anyclaude.protocol.prompt_size import PromptSize
from anyclaude.transforms import RepeatedCalls, Step

RequestClass: TypeAlias = Literal["main", "subagent", "workflow", "auxiliary", "compaction", "unknown", "warm_up"]
"""The part of the client that sends the request; `warm_up`: the gateway itself evaluates a prompt in advance."""

Outcome: TypeAlias = Literal["completed", "failed", "refused", "client_left", "pre_empted"]
"""`completed`: the client received the whole reply.  `failed`: the backend failed, before or during the reply.
`refused`: the request itself was refused.  `client_left`: the client closed the connection first.
`pre_empted`: a request cancelled an evaluation in advance."""


class Durations(Struct, frozen=True):
    """Seconds since the request arrived; `None` if the exchange did not get that far."""

    total: float
    queue: float | None = None
    first_token: float | None = None
    abandoned_work: float | None = None
    """Of these, the seconds in which the server continued an earlier reply whose client had left."""


class RecordedUsage(Struct, frozen=True):
    """The engine's figures; `None` for those that it did not report."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    prefill_seconds: float | None = None
    generation_seconds: float | None = None
    drafted_tokens: int | None = None
    """Tokens that were proposed by speculation; `accepted_tokens` of them are in the output."""
    accepted_tokens: int | None = None


class RecordedError(Struct, frozen=True):
    """The error that ended the exchange."""

    type: str
    message: str


class RecordedSkip(Struct, frozen=True):
    """A backend that failed before the next one was tried."""

    backend: str
    reason: str


class RecordedThinking(Struct, frozen=True):
    """What the client asked for, and the model's own means to switch its thinking."""

    asked: bool | None
    """`None` if the client left it to the server."""
    effort: str | None
    switch: ThinkingSwitch


class RecordedToolRun(Struct, frozen=True, omit_defaults=True):
    """A search or a fetch that the gateway ran for the model; `error` is the protocol's code, `reason` says why."""

    tool: str
    results: int | None = None
    error: str | None = None
    reason: str = ""


class RecordedDocument(Struct, frozen=True, omit_defaults=True):
    """What was read of a document: its pages, without their text, and what could not be read, and why."""

    pages: int
    characters: int
    note: str = ""


class ExchangeRecord(Struct, frozen=True, kw_only=True):
    """One request and its reply, without the text of either."""

    time: str
    """The arrival of the request: ISO 8601, UTC."""
    request_id: str
    message_id: str | None = None
    """The id of the reply, also if none was sent."""
    outcome: Outcome
    status: int | None
    """The HTTP status sent to the client, 200 also if the reply failed later; `None` if the client left before."""
    path: str
    session: str | None = None
    agent: str | None = None
    request_class: RequestClass = "unknown"
    model: str | None = None
    """The name in the client's request."""
    route: str | None = None
    """Backend and model that the request was sent to, as `llamacpp/qwen3-coder`."""
    attempts: int = 0
    skipped_backends: tuple[RecordedSkip, ...] = field(default=(), name="passed_over")
    """The backends that failed before the next one was tried."""
    was_reattached: bool = field(default=False, name="was_adopted")
    """Whether the request re-attached to the pending reply of an identical one, whose attempts it shares."""
    continuations: int = 0
    """How often the rest of a reply that broke off, or one of its calls, was requested again."""
    streaming: bool = False
    size: PromptSize | None = None
    durations: Durations
    usage: RecordedUsage = RecordedUsage()
    stop_reason: str | None = None
    steps: tuple[Step, ...] = ()
    """How each preparation step changed the length of the prompt, in characters."""
    dropped: tuple[DroppedField, ...] = ()
    amendments: tuple[Amendment, ...] = ()
    """What the server's refusals of this request taught; the request was sent again with each."""
    tool_calls: tuple[CallNote, ...] = ()
    """What was recognised, repaired or found invalid among the reply's tool calls."""
    tool_runs: tuple[RecordedToolRun, ...] = ()
    """The searches and fetches that the gateway ran, without what was looked for."""
    documents: tuple[RecordedDocument, ...] = ()
    """The documents of the conversation that were read for the model."""
    repeated_calls: RepeatedCalls | None = None
    """The calls that the conversation repeats, if something was done about it."""
    endless_reply: EndlessReply | None = None
    """How the reply repeated itself, if it was ended for that."""
    thinking: RecordedThinking | None = None
    """`None` if no request was sent."""
    error: RecordedError | None = None
