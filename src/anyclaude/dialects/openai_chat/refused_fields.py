"""Keep to the fields, and to the ranges of values, that a server accepts."""

from msgspec.structs import replace

from anyclaude.profiles import BackendProfile, FieldRange
from anyclaude.protocol.json_values import JsonObject, JsonValue

from .dropped_fields import DroppedFields

REFUSED = "this server refuses the field"

NEVER_OMITTED = frozenset({"model", "messages"})

LIMITS_OF_THE_REPLY = frozenset({"max_tokens", "max_completion_tokens"})
"""Two names of one field; a server's refusal may use either."""

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""The values of `reasoning_effort` that servers know, in their order."""

OWN_NAMES = {"stop": "stop_sequences", "max_completion_tokens": "max_tokens", "response_format": "output_config.format"}
"""The client's names of fields that have another one in Chat Completions."""


def with_substitutes(profile: BackendProfile) -> BackendProfile:
    """Return the profile in which whatever needs a refused field is said in another way."""
    omitted = profile.omitted_fields
    if "tools" in omitted or profile.tools_sent_as == "words":
        profile = replace(profile, tools_sent_as="words", written_calls="as_text")
    if "response_format" in omitted:
        profile = replace(profile, reply_format="words")
    if "stream" in omitted:
        profile = replace(profile, streams=False)
    if profile.system_prompt == "first_user_message":
        profile = replace(profile, mid_conversation_system="user_reminder")
    return profile if _can_force_calls(profile) else replace(profile, forces_calls_by="words")


def _can_force_calls(profile: BackendProfile) -> bool:
    """Return whether the server takes the field by which it would be made to call a tool."""
    match profile.forces_calls_by:
        case "tool_choice":
            return profile.tools_sent_as == "tools" and "tool_choice" not in profile.omitted_fields
        case "json_schema":
            return profile.reply_format == "json_schema"
        case "words":
            return True


def accepted_body(body: JsonObject, profile: BackendProfile, dropped: DroppedFields) -> JsonObject:
    """Return the body without the fields that the server refuses, and with values in the ranges that it accepts."""
    for field_range in profile.field_ranges:
        for name in _names(field_range.name):
            if name in body:
                body = {**body, name: _in_range(body[name], name, field_range, dropped)}
    for path in profile.omitted_fields:
        first, *rest = path.split(".")
        for name in _names(first) - NEVER_OMITTED:
            body = _without(body, [name, *rest], path, dropped)
    return {name: value for name, value in body.items() if value is not None}


def _names(name: str) -> frozenset[str]:
    return LIMITS_OF_THE_REPLY if name in LIMITS_OF_THE_REPLY else frozenset({name})


def _in_range(value: JsonValue, name: str, limits: FieldRange, dropped: DroppedFields) -> JsonValue:
    """Return a number in the range, or as many items as it allows; `None` for none."""
    match value:
        case list() if limits.highest is not None and len(value) > limits.highest:
            _note(name, f"this server takes {limits.highest:g} at most", dropped, int(len(value) - limits.highest))
            return value[: int(limits.highest)] or None
        case bool():
            return value
        case int() | float():
            nearest = value if limits.lowest is None else max(value, limits.lowest)
            nearest = nearest if limits.highest is None else min(nearest, limits.highest)
            if nearest == value:
                return value
            _note(name, f"this server's limit is {nearest:g}", dropped)
            return int(nearest) if isinstance(value, int) and float(nearest).is_integer() else float(nearest)
        case str() if limits.values and value not in limits.values:
            nearest_word = _nearest_effort(value, limits.values)
            _note(name, f"this server takes {nearest_word or 'other values'}", dropped)
            return nearest_word
        case _:
            return value


def _nearest_effort(value: str, accepted: tuple[str, ...]) -> str | None:
    """Return the accepted effort that is nearest, the higher of two; `None`, the server's own, if it knows others."""
    known = [effort for effort in accepted if effort in EFFORTS and effort != "none"]
    if value == "none" or value not in EFFORTS or not known:
        return None
    return min(known, key=lambda effort: (abs(EFFORTS.index(effort) - EFFORTS.index(value)), -EFFORTS.index(effort)))


def _without(value: JsonObject, path: list[str], whole_path: str, dropped: DroppedFields) -> JsonObject:
    """Return an object without the field at a path, and without objects that are empty then."""
    name, *rest = path
    if name not in value:
        return value
    others = {key: item for key, item in value.items() if key != name}
    inside = value[name]
    if not rest:
        _note(whole_path, REFUSED, dropped)
        return others
    if isinstance(inside, list):
        items = [_without(item, rest, whole_path, dropped) if isinstance(item, dict) else item for item in inside]
        return {key: items if key == name else item for key, item in value.items()}
    if not isinstance(inside, dict):
        return value
    kept = _without(inside, rest, whole_path, dropped)
    return {key: kept if key == name else item for key, item in value.items()} if kept else others


def _note(name: str, why: str, dropped: DroppedFields, count: int = 1) -> None:
    dropped.note(OWN_NAMES.get(name, name), why, count)
