"""What is kept of an exchange."""

from typing import Literal, TypeAlias

from msgspec import Struct, field

from anyclaude.dialects import DroppedField
from anyclaude.protocol.prompt_size import PromptSize
from anyclaude.transforms import Step

RequestClass: TypeAlias = Literal["main", "subagent", "workflow", "auxiliary", "compaction", "unknown", "warm_up"]
"""Which part of the client speaks; `warm_up` is nobody: the gateway itself had a prompt evaluated in advance."""

Outcome: TypeAlias = Literal["completed", "failed", "refused", "client_left", "pre_empted"]
"""`completed`: the reply reached the client whole.  `failed`: the backend let us down, before or during the reply.
`refused`: the request itself was turned away.  `client_left`: the client closed the connection first.
`pre_empted`: a warm-up gave way to a request."""


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


class RecordedSkip(Struct, frozen=True):
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
    skipped_backends: tuple[RecordedSkip, ...] = field(default=(), name="passed_over")
    """Backends that were to answer first and could not."""
    was_reattached: bool = field(default=False, name="was_adopted")
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
    dropped: tuple[DroppedField, ...] = ()
    error: RecordedError | None = None
