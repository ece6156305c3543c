"""Encode the tools that the model may call, and how it must choose among them."""

from msgspec import Struct
from msgspec.structs import replace

from anyclaude.profiles import BackendProfile
from anyclaude.protocol.identity_cache import IdentityFacts
from anyclaude.protocol.json_values import JsonObject, JsonValue
from anyclaude.protocol.messages_request import MessagesRequest, Tool, ToolChoice
from anyclaude.tool_schemas import call_schema, for_grammar, portable_schema, wire_name, with_properties

from .dropped_fields import DroppedFields
from .in_words import CALL_ANY, CALL_NONE, CALL_THIS, long_descriptions, shortened, tools_in_words

PLACEHOLDER = "DeferredToolPlaceholder"
"""A tool that cannot be called; the client sends it while its tool search holds back the schemas of others."""

PARALLEL = "tool_choice.disable_parallel_tool_use"


class ToolFields(Struct, frozen=True):
    """
    The fields of the body that concern tools; no `None` is sent.

    `call` is the schema of a call if one is forced by it.  `section` is what the system prompt says about tools, and
    `instruction` what the end of the prompt says about the choice; both may be empty.
    """

    tools: list[JsonObject] | None = None
    tool_choice: JsonValue = None
    parallel_tool_calls: bool | None = None
    call: JsonObject | None = None
    section: str = ""
    instruction: str = ""


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
    if choice is not None:
        dropped.note_fields("tool_choice.", choice.extra)
        choice = _possible(choice, tools, dropped)
    forced = _forced(choice, tools) if profile.forces_calls_by == "json_schema" else []
    call = call_schema(forced, avoids_repetition=avoids_repetition) if forced else None
    instruction = _instruction(choice, profile, dropped) if choice is not None and call is None else ""
    if profile.tools_sent_as == "words":
        if choice is not None and choice.disable_parallel_tool_use:
            dropped.note(PARALLEL, "tools are sent in words")
        section = tools_in_words(_function(tool, profile, dropped) for tool in tools)
        return ToolFields(call=call, section=section, instruction=instruction)
    if call is not None:  # all tools stay: they are at the front of the prompt
        return ToolFields(_encoded(tools, profile, dropped), call=call, section=_long_descriptions(tools, profile))
    return ToolFields(
        _encoded(_choosable(choice, tools, profile, dropped), profile, dropped),
        _encode_choice(choice, profile),
        None if choice is None else _parallel(choice, profile, dropped),
        section=_long_descriptions(tools, profile),
        instruction=instruction,
    )


def is_call_forced(choice: ToolChoice | None) -> bool:
    """Return whether the model must call a tool."""
    return choice is not None and choice.type in {"any", "tool"}


def _possible(choice: ToolChoice, tools: list[Tool], dropped: DroppedFields) -> ToolChoice:
    """Return the choice, left to the model if it names a tool that is not there."""
    if choice.type != "tool" or any(tool.name == choice.name for tool in tools):
        return choice
    dropped.note("tool_choice.name", "there is no such tool")
    return replace(choice, type="auto", name=None)


def _forced(choice: ToolChoice | None, tools: list[Tool]) -> list[Tool]:
    """Return the tools of which the model must call one."""
    if choice is None or not is_call_forced(choice):
        return []
    return [tool for tool in tools if choice.type == "any" or tool.name == choice.name]


def _choosable(
    choice: ToolChoice | None, tools: list[Tool], profile: BackendProfile, dropped: DroppedFields
) -> list[Tool]:
    """Return the tools to send: only the named one, if the server can be made to call a tool but not a certain one."""
    by_field = profile.forces_calls_by == "tool_choice" and not profile.accepts_named_tool_choice
    if choice is None or choice.type != "tool" or not by_field:
        return tools
    dropped.note("tool_choice.name", "this server does not accept a tool's name, so only that tool was sent")
    return _forced(choice, tools)


def _is_callable(tool: Tool, dropped: DroppedFields) -> bool:
    if tool.is_server_tool:
        dropped.note(f"tools.{tool.type or tool.name}", "it runs on Anthropic's servers")
        return False
    if tool.name == PLACEHOLDER:
        dropped.note(f"tools.{PLACEHOLDER}", "it stands for tools that were not sent")
        return False
    return True


def _encoded(tools: list[Tool], profile: BackendProfile, dropped: DroppedFields) -> list[JsonObject]:
    return [{"type": "function", "function": _function(tool, profile, dropped)} for tool in tools]


def _function(tool: Tool, profile: BackendProfile, dropped: DroppedFields) -> JsonObject:
    dropped.note_fields("tools.", tool.extra)
    if tool.defer_loading:
        dropped.note("tools.defer_loading", "a tool is sent whole or not at all")
    function: dict[str, JsonValue] = {"name": wire_name(tool.name, profile.tool_names)}
    if tool.description:
        function["description"] = shortened(tool.description, profile)
    function["parameters"] = _parameters_for(tool, profile)
    return function


def _long_descriptions(tools: list[Tool], profile: BackendProfile) -> str:
    return long_descriptions([(wire_name(tool.name, profile.tool_names), tool.description) for tool in tools], profile)


def _parameters_for(tool: Tool, profile: BackendProfile) -> JsonObject:
    if profile.plain_tool_schemas:
        return _portable_parameters(tool)
    return _grammar_parameters(tool) if profile.compiles_tool_schemas else _parameters(tool)


def _parameters(tool: Tool) -> JsonObject:
    return with_properties(tool.input_schema or {})


_portable_parameters = IdentityFacts[Tool, JsonObject](lambda tool: portable_schema(_parameters(tool)))

_grammar_parameters = IdentityFacts[Tool, JsonObject](lambda tool: for_grammar(_parameters(tool)))
"""The parameters as a grammar compiler takes them: 0.4 ms for twenty tools, and every turn repeats them."""


def _encode_choice(choice: ToolChoice | None, profile: BackendProfile) -> JsonValue:
    """Return the value of `tool_choice`, `None` if it is not sent."""
    left_to_the_model = "none" if profile.auto_tool_choice == "none" else None
    if choice is None:
        return left_to_the_model
    match choice.type:
        case "auto":
            return profile.auto_tool_choice
        case "none":
            return "none"  # the tools stay: they are at the front of the prompt, which the engine has cached
        case "any" | "tool" if profile.forces_calls_by == "words":
            return left_to_the_model
        case "tool" if profile.accepts_named_tool_choice:
            return {"type": "function", "function": {"name": wire_name(choice.name or "", profile.tool_names)}}
        case "any" | "tool":
            return "required"


def _instruction(choice: ToolChoice, profile: BackendProfile, dropped: DroppedFields) -> str:
    """Return the choice in words, if no field of the request carries it."""
    match choice.type:
        case "any" | "tool" if profile.forces_calls_by == "words":
            dropped.note("tool_choice", "a call is asked for in words, which the server does not enforce")
            name = wire_name(choice.name or "", profile.tool_names)
            return CALL_ANY if choice.type == "any" else CALL_THIS.format(name=name)
        case "none" if profile.tools_sent_as == "words" or "tool_choice" in profile.omitted_fields:
            return CALL_NONE
        case _:
            return ""


def _parallel(choice: ToolChoice, profile: BackendProfile, dropped: DroppedFields) -> bool | None:
    if not choice.disable_parallel_tool_use:
        return None
    if not profile.accepts_parallel_tool_calls:
        dropped.note(PARALLEL, "this server has no such switch")
        return None
    return False
