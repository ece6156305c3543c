"""
The content of a backend's reply, in the one vocabulary that every dialect decodes to.

A delta carries content only.  It knows nothing of block indexes, of the deltas
before it, or of the server that sent it; `MessageStream` adds all of that.
"""

from typing import Literal, TypeAlias

from msgspec import Struct

from .json_values import JsonObject
from .provider_fields import ProviderFields

StopReason: TypeAlias = Literal[
    "end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal", "model_context_window_exceeded"
]


MAX_COUNT = 2**40
"""A larger count is none: damage, or an unsigned number that was negative."""

MAX_SECONDS = 10_000_000.0
"""A longer time is none: it is a third of a year."""


class TextDelta(Struct, frozen=True, gc=False):
    """A piece of visible text."""

    text: str


class CitedTextDelta(Struct, frozen=True, gc=False):
    """A whole piece of visible text that sources bear out, and where; servers send none, a filter makes them."""

    text: str
    citations: tuple[JsonObject, ...]


class ThinkingDelta(Struct, frozen=True, gc=False):
    """A piece of reasoning text; `signature` is the backend's proof of it, where the backend gives one."""

    text: str
    signature: str = ""


class ToolCallDelta(Struct, frozen=True, gc=False):
    """
    A fragment of one tool call.

    `slot` distinguishes parallel calls and is the same in every fragment of a call.
    `name` counts the first time it is not empty: some servers repeat it in every
    fragment, some send "".  `arguments` is a piece of JSON text, in order.

    `written` is a piece of the text the model wrote for the call, in order, where that text is not
    its JSON arguments: a call written into the reply's text, with tags around it.  It is never sent
    to the client, and is independent of how the arguments are divided into fragments.

    `raw_arguments` is a piece of the JSON text the model wrote, in order, where `arguments` is another
    one that was made of it: arguments that a filter has repaired.  It is never sent to the client.

    `provider_fields` is what the server wants back with the call; it comes whole, and the last counts.
    """

    slot: int
    name: str = ""
    arguments: str = ""
    written: str = ""
    raw_arguments: str = ""
    provider_fields: ProviderFields | None = None


class UsageReported(Struct, frozen=True, gc=False):
    """
    The engine's counts; of several reports the latest wins, field by field.

    `input_tokens` is the whole prompt, including what was read from the cache and what was written to it.
    `None` means that the engine did not report the count, which is different from zero.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    prefill_seconds: float | None = None
    generation_seconds: float | None = None
    cache_written_tokens: int | None = None
    drafted_tokens: int | None = None
    """Tokens that were proposed by speculation; `accepted_tokens` of them are in the output."""
    accepted_tokens: int | None = None


class Finished(Struct, frozen=True, gc=False):
    """The end of the reply and its reason; `stop_sequence` is the text that stopped it, if the backend reports it."""

    reason: StopReason
    stop_sequence: str | None = None


def reported_count(tokens: int | None) -> int | None:
    """Return a count that a server reported, `None` for one that cannot be."""
    return None if tokens is None or not 0 <= tokens < MAX_COUNT else tokens


def reported_seconds(seconds: float | None) -> float | None:
    """Return a time that a server reported, `None` for one that cannot be, which includes NaN."""
    return None if seconds is None or not 0 <= seconds < MAX_SECONDS else seconds


Delta: TypeAlias = TextDelta | CitedTextDelta | ThinkingDelta | ToolCallDelta | UsageReported | Finished
