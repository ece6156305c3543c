"""
The edits of its context that a client asks for (docs: "Context editing", beta `context-management-2025-06-27`).

    {"edits": [{"type": "clear_tool_uses_20250919", "trigger": {"type": "input_tokens", "value": 100000},
                "keep": {"type": "tool_uses", "value": 3}, "clear_at_least": …, "exclude_tools": […],
                "clear_tool_inputs": false},
               {"type": "clear_thinking_20251015", "keep": {"type": "thinking_turns", "value": 1}}]}

An edit of another type, or with a field of another form, comes from a newer client.  It is left out and named, never
refused: a request without it has the whole prompt.
"""

from typing import Literal, TypeAlias

from msgspec import Struct

from .json_values import JsonObject, JsonValue

CLEAR_TOOL_USES = "clear_tool_uses_20250919"
CLEAR_THINKING = "clear_thinking_20251015"

Unit: TypeAlias = Literal["input_tokens", "tool_uses"]


class Trigger(Struct, frozen=True):
    """The size of a context above which it is edited."""

    unit: Unit = "input_tokens"
    value: int = 100_000


class ClearToolUses(Struct, frozen=True):
    """Clear the oldest tool results; the defaults are the API's."""

    trigger: Trigger = Trigger()
    keep: int = 3
    """The latest tool uses, which are never cleared."""
    clear_at_least: int = 0
    """Tokens; if fewer can be cleared, nothing is."""
    exclude_tools: frozenset[str] = frozenset()
    clear_tool_inputs: bool | frozenset[str] = False
    """Whether the inputs of the calls are cleared too, or the tools whose inputs are."""

    def clears_input_of(self, tool: str) -> bool:
        """Return whether the inputs of a tool's calls are cleared with their results."""
        cleared = self.clear_tool_inputs
        return cleared if isinstance(cleared, bool) else tool in cleared


class ClearThinking(Struct, frozen=True):
    """Clear the thinking of the oldest assistant turns; the default is the API's."""

    keep: int = 1
    """The latest turns, whose thinking is never cleared; a turn lasts until the user speaks, with all its calls."""


class ContextEdits(Struct, frozen=True):
    """The edits of one request."""

    clear_tool_uses: ClearToolUses | None = None
    clear_thinking: ClearThinking | None = None
    unsupported: tuple[str, ...] = ()
    """The types of the edits that are left out."""


NO_EDITS = ContextEdits()


def context_edits(context_management: JsonObject | None) -> ContextEdits:
    """Return the edits in a request's field `context_management`; of two edits of one type, the last one counts."""
    edits = (context_management or {}).get("edits")
    if not isinstance(edits, list):
        return NO_EDITS
    clear_tool_uses: ClearToolUses | None = None
    clear_thinking: ClearThinking | None = None
    unsupported: list[str] = []
    for edit in edits:
        fields = edit if isinstance(edit, dict) else {}
        match fields.get("type"):
            case kind if kind == CLEAR_TOOL_USES and (clearing := _clear_tool_uses(fields)) is not None:
                clear_tool_uses = clearing
            case kind if kind == CLEAR_THINKING and _keeps_all(fields.get("keep")):
                clear_thinking = None
            case kind if kind == CLEAR_THINKING and (keep := _turns(fields.get("keep"))) is not None:
                clear_thinking = ClearThinking(keep)
            case str(kind):
                unsupported.append(kind)
            case _:
                unsupported.append("edit")
    return ContextEdits(clear_tool_uses, clear_thinking, tuple(unsupported))


def _clear_tool_uses(fields: JsonObject) -> ClearToolUses | None:
    """Return the edit, `None` if one of its fields has another form than the documented one."""
    default = ClearToolUses()
    trigger = _trigger(fields.get("trigger"))
    keep = _amount(fields.get("keep"), "tool_uses", default.keep)
    clear_at_least = _amount(fields.get("clear_at_least"), "input_tokens", default.clear_at_least)
    exclude_tools = _names(fields.get("exclude_tools"))
    inputs = fields.get("clear_tool_inputs") or False
    clear_tool_inputs = inputs if isinstance(inputs, bool) else _names(inputs)
    if trigger is None or keep is None or clear_at_least is None or exclude_tools is None or clear_tool_inputs is None:
        return None
    return ClearToolUses(trigger, keep, clear_at_least, exclude_tools, clear_tool_inputs)


def _trigger(raw: JsonValue) -> Trigger | None:
    if raw is None:
        return Trigger()
    units: tuple[Unit, ...] = ("input_tokens", "tool_uses")
    for unit in units:
        if (value := _amount(raw, unit, 0)) is not None:
            return Trigger(unit, value)
    return None


def _amount(raw: JsonValue, unit: Unit | Literal["thinking_turns"], default: int) -> int | None:
    match raw:
        case None:
            return default
        case {"type": str(kind), "value": int(value)} if kind == unit and value >= 0 and not isinstance(value, bool):
            return value
        case _:
            return None


def _names(raw: JsonValue) -> frozenset[str] | None:
    if raw is None:
        return frozenset()
    values = raw if isinstance(raw, list) else [raw]
    names = [value for value in values if isinstance(value, str)]
    return frozenset(names) if len(names) == len(values) else None


def _turns(keep: JsonValue) -> int | None:
    """Return the turns that keep their thinking, at least one; `None` for a value of another form."""
    return _amount(keep, "thinking_turns", ClearThinking().keep) or None


def _keeps_all(keep: JsonValue) -> bool:
    match keep:
        case "all" | {"type": "all"}:
            return True
        case _:
            return False
