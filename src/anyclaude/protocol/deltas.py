"""
What a backend said, in the one vocabulary every dialect decodes to.

A delta carries content only.  It knows nothing of block indexes, of what came
before it, or of which server it came from; `MessageStream` adds all of that.
"""

from typing import Literal, TypeAlias

from msgspec import Struct

StopReason: TypeAlias = Literal[
    "end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal", "model_context_window_exceeded"
]


class TextDelta(Struct, frozen=True, gc=False):
    """Some visible text."""

    text: str


class ThinkingDelta(Struct, frozen=True, gc=False):
    """Some reasoning text; `signature` is the backend's own proof of it, where it gives one."""

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
    """

    slot: int
    name: str = ""
    arguments: str = ""
    written: str = ""


class UsageReported(Struct, frozen=True, gc=False):
    """
    What the engine counted; the latest report wins, field by field.

    `input_tokens` is the whole prompt: what was found in the cache and what was written to it are parts of it.
    `None` means that the engine did not say, which is not the same as zero.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    prefill_seconds: float | None = None
    generation_seconds: float | None = None
    cache_written_tokens: int | None = None


class Finished(Struct, frozen=True, gc=False):
    """The model stopped, and says why; `stop_sequence` is the text that stopped it, if the backend tells."""

    reason: StopReason
    stop_sequence: str | None = None


Delta: TypeAlias = TextDelta | ThinkingDelta | ToolCallDelta | UsageReported | Finished
