"""The table of capabilities: what anyclaude makes of a server, and what the tests show of each."""

from typing import Literal, TypeAlias

CapabilityName: TypeAlias = Literal[
    "found",
    "model",
    "window",
    "text",
    "native_call",
    "written_call",
    "choice_any",
    "choice_named",
    "stop_sequence",
    "images",
    "count_tokens",
    "cached_tokens",
    "overflow",
    "continuation",
    "loading",
    "cancel",
    "reasoning",
]

CAPABILITIES: dict[CapabilityName, str] = {
    "found": "found by its address alone",
    "model": "its model is chosen",
    "window": "its window is known",
    "text": "text is streamed",
    "native_call": "tool calls of its own",
    "written_call": "tool calls written as text",
    "choice_any": "a call is forced",
    "choice_named": "a call of one tool is forced",
    "stop_sequence": "the stop sequence is named",
    "images": "images, or a sentence instead",
    "count_tokens": "tokens are counted",
    "cached_tokens": "cached tokens are reported",
    "overflow": "a prompt that is too long",
    "continuation": "a reply that was cut is continued",
    "loading": "a server that is not ready is waited for",
    "cancel": "a client that leaves frees the engine",
    "reasoning": "reasoning",
}
"""What each capability is, in a few words; the order is that of the matrix."""
