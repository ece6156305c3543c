"""Encode the tools that the model may call, and how it must choose among them."""

from msgspec import Struct

from anyclaude.profiles import BackendProfile
from anyclaude.protocol.identity_cache import IdentityFacts
from anyclaude.protocol.json_values import JsonObject, JsonValue
from anyclaude.protocol.messages_request import MessagesRequest, Tool, ToolChoice
from anyclaude.tool_schemas import call_schema, for_grammar, wire_name, with_properties

from .dropped_fields import DroppedFields

PLACEHOLDER = "DeferredToolPlaceholder"
"""A tool that cannot be called; the client sends it while its tool search holds back the schemas of others."""


class ToolFields(Struct, frozen=True):
    """The fields of the body that concern tools, and the schema of a call if one is forced by it; no `None` is sent."""

    tools: list[JsonObject] | None = None
    tool_choice: JsonValue = None
    parallel_tool_calls: bool | None = None
    call: JsonObject | None = None


def encode_tools(
    request: MessagesRequest, profile: BackendProfile, dropped: DroppedFields, *, avoids_repetition: bool = False
) -> ToolFields:
    """Return the tools in the client's order, which is part of the prompt, and the choice among them."""
    tools = [tool for tool in request.tools if _is_callable(tool, dropped)]
    choice = request.tool_choice
    if not tools:
        if choice is not None:
            dropped.note("tool_choice", "there is no tool to choose")
        return ToolFields()
    encoded = [_encode_tool(tool, profile, dropped) for tool in tools]
    if choice is None:
        return ToolFields(encoded)
    dropped.note_fields("tool_choice.", choice.extra)
    if profile.forces_calls_by == "json_schema" and (forced := _forced(choice, tools)):
        call = call_schema(forced, avoids_repetition=avoids_repetition)
        return ToolFields(encoded, call=call)  # all tools stay: they are at the front of the prompt
    position = next((at for at, tool in enumerate(tools) if tool.name == choice.name), None)
    if choice.type == "tool" and position is not None and not profile.accepts_named_tool_choice:
        dropped.note("tool_choice.name", "this server does not accept a tool's name, so only that tool was sent")
        encoded = [encoded[position]]
    return ToolFields(
        encoded, _encode_choice(choice, position is not None, profile, dropped), _parallel(choice, profile, dropped)
    )


def is_call_forced(choice: ToolChoice | None) -> bool:
    """Return whether the model must call a tool."""
    return choice is not None and choice.type in {"any", "tool"}


def _forced(choice: ToolChoice, tools: list[Tool]) -> list[Tool]:
    """Return the tools of which the model must call one."""
    if not is_call_forced(choice):
        return []
    return [tool for tool in tools if choice.type == "any" or tool.name == choice.name]


def _is_callable(tool: Tool, dropped: DroppedFields) -> bool:
    if tool.is_server_tool:
        dropped.note(f"tools.{tool.type or tool.name}", "it runs on Anthropic's servers")
        return False
    if tool.name == PLACEHOLDER:
        dropped.note(f"tools.{PLACEHOLDER}", "it stands for tools that were not sent")
        return False
    return True


def _encode_tool(tool: Tool, profile: BackendProfile, dropped: DroppedFields) -> JsonObject:
    dropped.note_fields("tools.", tool.extra)
    if tool.defer_loading:
        dropped.note("tools.defer_loading", "a tool is sent whole or not at all")
    function: dict[str, JsonValue] = {"name": wire_name(tool.name)}
    if tool.description:
        function["description"] = tool.description
    function["parameters"] = _grammar_parameters(tool) if profile.compiles_tool_schemas else _parameters(tool)
    return {"type": "function", "function": function}


def _parameters(tool: Tool) -> JsonObject:
    return with_properties(tool.input_schema or {})


_grammar_parameters = IdentityFacts[Tool, JsonObject](lambda tool: for_grammar(_parameters(tool)))
"""The parameters as a grammar compiler takes them: 0.4 ms for twenty tools, and every turn repeats them."""


def _encode_choice(choice: ToolChoice, is_offered: bool, profile: BackendProfile, dropped: DroppedFields) -> JsonValue:
    match choice.type:
        case "auto":
            return "auto"
        case "any":
            return "required"
        case "none":
            return "none"  # the tools stay: they are at the front of the prompt, which the engine has cached
        case "tool" if not is_offered:
            dropped.note("tool_choice.name", "there is no such tool")
            return "auto"
        case "tool" if profile.accepts_named_tool_choice:
            return {"type": "function", "function": {"name": wire_name(choice.name or "")}}
        case "tool":
            return "required"


def _parallel(choice: ToolChoice, profile: BackendProfile, dropped: DroppedFields) -> bool | None:
    if not choice.disable_parallel_tool_use:
        return None
    if not profile.accepts_parallel_tool_calls:
        dropped.note("tool_choice.disable_parallel_tool_use", "this server has no such switch")
        return None
    return False
