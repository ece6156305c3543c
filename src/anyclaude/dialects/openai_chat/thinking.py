"""Encode whether the model is to think, by the means that the model has."""

from anyclaude.profiles import BackendProfile
from anyclaude.protocol.json_values import JsonObject
from anyclaude.protocol.messages_request import MessagesRequest

from .dropped_fields import NO_SUCH_FIELD, DroppedFields


def encode_thinking(
    request: MessagesRequest, profile: BackendProfile, dropped: DroppedFields, *, is_call_forced: bool
) -> JsonObject:
    """Return the fields that switch thinking on or off; a forced call leaves no room for it."""
    wanted = False if is_call_forced else request.wants_thinking
    match profile.thinking_switch:
        case "enable_thinking" | "thinking" as variable if wanted is not None:
            _note_budget(request, dropped)
            return {"chat_template_kwargs": {variable: wanted}}
        case "reasoning_effort" if wanted is False:
            return {"reasoning_effort": "none"}
        case _:
            if request.thinking is not None:
                dropped.note("thinking", NO_SUCH_FIELD)
            return {}


def _note_budget(request: MessagesRequest, dropped: DroppedFields) -> None:
    if "budget_tokens" in (request.thinking or {}):
        dropped.note("thinking.budget_tokens", "this model's thinking is only switched on and off")
