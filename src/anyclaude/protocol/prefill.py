"""
Prefill requests: `max_tokens` is 0, so the prompt is evaluated and no reply is generated.

Anthropic's API answers `max_tokens: 0` with no content, the stop reason `max_tokens` and no output tokens, and rejects
it together with fields that require a reply (docs: Prompt caching, "Pre-warming the cache").
"""

from msgspec.structs import replace

from anyclaude.errors import InvalidRequest

from .events import Message
from .messages_request import MessagesRequest


def is_prefill(request: MessagesRequest) -> bool:
    """Return whether only the prompt is to be evaluated."""
    return request.max_tokens == 0


def check_prefill(request: MessagesRequest) -> None:
    """
    Check that a prefill request has no field that requires a reply.

    Raises `InvalidRequest`, which names the field.
    """
    if not is_prefill(request):
        return
    if request.stream:
        raise _contradiction("stream: true")
    if (request.thinking or {}).get("type") == "enabled":
        raise _contradiction("thinking.type: enabled")
    if (request.output_config or {}).get("format") is not None:
        raise _contradiction("output_config.format")
    if request.tool_choice is not None and request.tool_choice.type in {"any", "tool"}:
        raise _contradiction(f"tool_choice.type: {request.tool_choice.type}")


def prefilled(message: Message) -> Message:
    """Return the reply to a prefill request: servers generate at least one token, which the client did not request."""
    usage = replace(message.usage, output_tokens=0)
    return replace(message, content=(), stop_reason="max_tokens", stop_sequence=None, usage=usage)


def _contradiction(field: str) -> InvalidRequest:
    return InvalidRequest(f"max_tokens: 0 evaluates the prompt without a reply, which is incompatible with {field}")
