"""Send the calls that a model made at once one after the other, each before its result."""

from anyclaude.profiles import BackendProfile
from anyclaude.protocol.json_values import JsonObject

from .received_fields import UNSIGNED
from .reply_message import without_calls


def in_order(messages: list[JsonObject], profile: BackendProfile) -> list[JsonObject]:
    """
    Return the messages as they are, or with one call in each and its result behind it, as the server takes them.

    Text, reasoning and provider fields stay with the first call.
    """
    if profile.calls_in_message == "all":
        return messages
    ordered: list[JsonObject] = []
    calls: dict[str, JsonObject] = {}
    for message in messages:
        made = message.get("tool_calls")
        if isinstance(made, list) and len(made) > 1:
            first, *others = (call for call in made if isinstance(call, dict))
            ordered.append({**message, "tool_calls": [first]})
            unsigned = UNSIGNED if profile.requires_signatures else {}  # the first of a message is to have a signature
            calls = {
                str(call["id"]): {**without_calls(profile), "tool_calls": [{**unsigned, **call}]} for call in others
            }
        else:
            if (call := calls.pop(str(message.get("tool_call_id")), None)) is not None:
                ordered.append(call)
            ordered.append(message)
    return ordered
