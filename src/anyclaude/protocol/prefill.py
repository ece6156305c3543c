"""
A request for no tokens at all: the prompt is evaluated, and nothing is said.

Anthropic's API answers `max_tokens: 0` with no content, the stop reason `max_tokens` and no output tokens, and refuses
it beside what asks for a reply (docs: Prompt caching, "Pre-warming the cache").
"""

from msgspec.structs import replace

from anyclaude.errors import InvalidRequest

from .events import Message
from .messages_request import MessagesRequest


def is_prefill(request: MessagesRequest) -> bool:
    """Tell whether only the prompt is to be evaluated."""
    return request.max_tokens == 0


def check_prefill(request: MessagesRequest) -> None:
    """Raise `InvalidRequest` where no tokens at all are asked for together with a reply of some kind."""
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
    """Return the answer to such a request: servers generate at least one token, which nobody asked for."""
    usage = replace(message.usage, output_tokens=0)
    return replace(message, content=(), stop_reason="max_tokens", stop_sequence=None, usage=usage)


def _contradiction(what: str) -> InvalidRequest:
    return InvalidRequest(
        f"request.max_tokens: 0 asks for the prompt to be evaluated and nothing more, which {what} contradicts"
    )
