"""
The chunks and whole completions that servers send, as typed values: what is read of them, and in which fields.

A field that is declared as null has no regular use; a chunk that has something in it is read by `chunks` a second time.
"""

from typing import Any, TypeAlias

from msgspec import Struct

CALL_FIELDS = ("extra_content", "thought_signature", "thoughtSignature", "signature", "provider_specific_fields")
FUNCTION_FIELDS = ("thought_signature", "thoughtSignature", "provider_specific_fields")
MESSAGE_FIELDS = (
    "reasoning_details", "reasoning_opaque", "reasoning_signature", "signature", "thought_signature", "thinking_blocks",
    "extra_content",
)  # fmt: skip
"""
The fields that servers want back as they sent them.

`extra_content` holds Gemini's signature of a thought (ai.google.dev, OpenAI compatibility), which proxies put into a
field of its own, LiteLLM into `provider_specific_fields` and `thinking_blocks`; `reasoning_details` are OpenRouter's
(Preserving reasoning), `reasoning_opaque` GitHub Copilot's.
"""


class FunctionPart(Struct, gc=False):
    """
    The name of a called function and its arguments, whole or in part; for the other fields see `CALL_FIELDS`.

    A character of the arguments may be cut in two.
    """

    name: str | None = None
    arguments: str | None = None
    parameters: None = None
    """The arguments under another name, and so is the next."""
    input: None = None
    thought_signature: Any = None
    thoughtSignature: Any = None
    provider_specific_fields: Any = None


class CallPart(Struct, gc=False):
    """One tool call, whole or in part."""

    index: int | None = None
    id: str | None = None
    function: FunctionPart | None = None
    name: None = None
    """For a call without `function` around its parts."""
    arguments: None = None
    extra_content: Any = None
    thought_signature: Any = None
    thoughtSignature: Any = None
    signature: Any = None
    provider_specific_fields: Any = None


class ChatMessage(Struct, gc=False):
    """A `delta`, or a whole `message`."""

    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    thinking: str | None = None
    refusal: str | None = None
    tool_calls: list[CallPart] | None = None
    function_call: FunctionPart | None = None
    reasoning_details: Any = None
    reasoning_opaque: Any = None
    reasoning_signature: Any = None
    signature: Any = None
    thought_signature: Any = None
    thinking_blocks: Any = None
    extra_content: Any = None


class Choice(Struct, gc=False):
    """
    The reply; a request asks for one only, so its `index` is not read, and calls in another one are a part of it.

    `stop_reason` (vLLM) and `matched_stop` (SGLang) hold the stop sequence that matched, or the number of a token.
    `usage` is Moonshot's place for it, `error` OpenRouter's for that of a whole completion, `text` that of the older
    Completions API.
    """

    delta: ChatMessage | None = None
    message: ChatMessage | None = None
    finish_reason: str | None = None
    stop_reason: str | int | None = None
    matched_stop: str | int | None = None
    usage: "WireUsage | None" = None
    error: None = None
    text: None = None
    tool_calls: None = None


class PromptDetails(Struct, gc=False):
    """The parts of `prompt_tokens`; tokens written to the cache have one name with vLLM, another with OpenRouter."""

    cached_tokens: int | None = None
    created_cache_tokens: int | None = None
    cache_write_tokens: int | None = None


class WireUsage(Struct, gc=False):
    """
    The token counts; `prompt_tokens` includes the cached ones.

    `input_tokens` and `output_tokens` are the names of the Responses API; the cached ones have a field of their own
    with DeepSeek (docs: context caching).
    """

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: PromptDetails | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    prompt_cache_hit_tokens: int | None = None


class Timings(Struct, gc=False):
    """
    llama.cpp's own numbers: `prompt_n` tokens were evaluated, `cache_n` were found in the cache.

    Of the `predicted_n` tokens of the reply, `draft_n_accepted` had been drafted, among `draft_n` in all.
    """

    cache_n: int | None = None
    prompt_n: int | None = None
    prompt_ms: float | None = None
    predicted_n: int | None = None
    predicted_ms: float | None = None
    draft_n: int | None = None
    draft_n_accepted: int | None = None


class PromptProgress(Struct, gc=False):
    """How much of the prompt llama.cpp has evaluated (`return_progress`); `processed` includes `cache`."""

    total: int | None = None
    cache: int | None = None
    processed: int | None = None


ReplyId: TypeAlias = str | int | None
"""What identifies a reply; servers send text, a number, or nothing."""


class Chunk(Struct, gc=False):
    """One chunk, or one whole completion."""

    choices: list[Choice]
    usage: WireUsage | None = None
    timings: Timings | None = None
    error: None = None
    id: ReplyId = None
    prompt_progress: PromptProgress | None = None
