"""
The request of the Anthropic Messages API, as typed values.

What the gateway acts on is a field; everything else is kept in `extra`.  Decoding is one
pass of msgspec to plain JSON and a shallow typing of the result: tool schemas and tool inputs
stay JSON, because nothing here needs more of them.
"""

from functools import cached_property
from typing import Literal

from msgspec import Struct

from anyclaude.errors import InvalidRequest

from .characters import content_characters, json_characters
from .content import NOTHING, Content, Fields, decode_content, encode_content, kind_of
from .detached_data import NO_DATA, DetachedData
from .json_values import JsonError, JsonObject, JsonValue, decode_json, encode_json


class Turn(Struct, frozen=True, dict=True, weakref=True):
    """
    One message of the conversation.

    `role` is `user` or `assistant`; the client also sends `system` in mid-conversation, and unknown
    roles are kept.
    """

    role: str
    content: Content
    extra: JsonObject = NOTHING

    @cached_property
    def characters(self) -> int:
        """The number of characters in it that the model reads."""
        return content_characters(self.content)


class Tool(Struct, frozen=True, dict=True, weakref=True):
    """
    A tool the model may call.

    A client tool has an `input_schema`.  A server tool has a dated `type` (`web_search_20250305`)
    and no schema: Anthropic's servers run it, local ones cannot.  A set of server tools (`mcp_toolset`)
    has no name either.
    """

    name: str
    description: str = ""
    input_schema: JsonObject | None = None
    type: str | None = None
    defer_loading: bool = False
    extra: JsonObject = NOTHING

    @property
    def is_server_tool(self) -> bool:
        """Whether the tool runs on Anthropic's servers."""
        return self.input_schema is None

    @cached_property
    def characters(self) -> int:
        """The number of characters in it that the model reads: name, description, and the JSON of its schema."""
        return len(self.name) + len(self.description) + json_characters(self.input_schema)


class ToolChoice(Struct, frozen=True):
    """How the model must choose among the tools; `name` is set for `tool` only."""

    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool = False
    extra: JsonObject = NOTHING


class DiagnosticsRequest(Struct, frozen=True):
    """Requests cache diagnostics relative to an earlier reply; there is none to compare with on a first turn."""

    previous_message_id: str | None = None
    extra: JsonObject = NOTHING


class MessagesRequest(Struct, frozen=True, kw_only=True):
    """A request for a message; `max_tokens` may be 0, which requests a prefill: the prompt is evaluated, no more."""

    model: str
    max_tokens: int
    messages: tuple[Turn, ...]
    system: Content = ""
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    stop_sequences: tuple[str, ...] = ()
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stream: bool = False
    metadata: JsonObject | None = None
    thinking: JsonObject | None = None
    output_config: JsonObject | None = None
    context_management: JsonObject | None = None
    service_tier: str | None = None
    diagnostics: DiagnosticsRequest | None = None
    extra: JsonObject = NOTHING
    detached: DetachedData = NO_DATA
    """The data that marks stand for in it."""

    @property
    def wants_thinking(self) -> bool | None:
        """Whether the model is to think, `None` if that is left to the server; `adaptive` leaves it to the model."""
        match (self.thinking or {}).get("type"):
            case "enabled" | "adaptive":
                return True
            case "disabled":
                return False
            case _:
                return None


def decode_request(body: bytes, max_tokens: int | None = None) -> MessagesRequest:
    """
    Parse a request body; `max_tokens` is the default where the body may omit it (token counting).

    Raises:
        InvalidRequest: when it is not valid JSON.  Also raised for an invalid field, which the error names.
    """
    try:
        raw = decode_json(body)
    except JsonError as error:
        raise InvalidRequest(f"the request body is not valid JSON: {error}") from error
    return request_from(raw, max_tokens)


def request_from(raw: JsonValue, max_tokens: int | None = None) -> MessagesRequest:
    """
    Type a decoded body; `max_tokens` is the default where the body may omit it (token counting).

    Raises `InvalidRequest`, which names the field and what is wrong with it.
    """
    fields = Fields(raw, "")
    return MessagesRequest(
        model=fields.required("model", str),
        max_tokens=_max_tokens(fields, max_tokens),
        messages=_turns(fields),
        system=_system(fields),
        tools=_tools(fields),
        tool_choice=_tool_choice(fields.take("tool_choice")),
        stop_sequences=_stop_sequences(fields),
        temperature=fields.optional("temperature", float),
        top_p=fields.optional("top_p", float),
        top_k=fields.optional("top_k", int),
        stream=fields.optional("stream", bool) or False,
        metadata=fields.optional("metadata", dict),
        thinking=fields.optional("thinking", dict),
        output_config=fields.optional("output_config", dict),
        context_management=fields.optional("context_management", dict),
        service_tier=fields.optional("service_tier", str),
        diagnostics=_diagnostics(fields.take("diagnostics")),
        extra=fields.rest,
    )


def encode_request(request: MessagesRequest) -> bytes:
    """Return the request in Anthropic's own wire form, with every field and block it was received with."""
    optional: dict[str, JsonValue] = {
        "system": encode_content(request.system) if request.system != "" else None,
        "tools": [_encode_tool(tool) for tool in request.tools] or None,
        "tool_choice": _encode_tool_choice(request.tool_choice),
        "stop_sequences": list(request.stop_sequences) or None,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_k": request.top_k,
        "stream": request.stream or None,
        "metadata": request.metadata,
        "thinking": request.thinking,
        "output_config": request.output_config,
        "context_management": request.context_management,
        "service_tier": request.service_tier,
        "diagnostics": _encode_diagnostics(request.diagnostics),
    }
    return encode_json(
        {
            "model": request.model,
            "max_tokens": request.max_tokens,
            "messages": [_encode_turn(turn) for turn in request.messages],
            **{name: value for name, value in optional.items() if value is not None},
            **request.extra,
        }
    )


def _max_tokens(fields: Fields, default: int | None) -> int:
    if default is not None:
        return fields.optional("max_tokens", int) or default
    value = fields.required("max_tokens", int)
    if value < 0:
        raise InvalidRequest(f"max_tokens: should be 0 or more, not {value}")
    return value


def _turns(fields: Fields) -> tuple[Turn, ...]:
    raw = fields.required("messages", list)
    if not raw:
        raise InvalidRequest("messages: at least one message is required")
    return tuple(decode_turn(item, f"messages.{position}") for position, item in enumerate(raw))


def decode_turn(raw: JsonValue, path: str) -> Turn:
    """
    Parse one message; `path` locates it in the request, for error messages.

    Raises:
        InvalidRequest: when it has no field `content`, which may be null.  Also raised for any other invalid field.
    """
    fields = Fields(raw, path)
    role = fields.required("role", str)
    if "content" not in fields.raw:
        raise InvalidRequest(f"{path}.content: field required")
    raw = fields.take("content")
    return Turn(role, "" if raw is None else decode_content(raw, f"{path}.content"), fields.rest)


def _encode_turn(turn: Turn) -> JsonObject:
    return {"role": turn.role, "content": encode_content(turn.content), **turn.extra}


def _system(fields: Fields) -> Content:
    raw = fields.take("system")
    return "" if raw is None else decode_content(raw, "system")


def _tools(fields: Fields) -> tuple[Tool, ...]:
    raw = fields.optional("tools", list) or []
    return tuple(decode_tool(item, f"tools.{position}") for position, item in enumerate(raw))


def decode_tool(raw: JsonValue, path: str) -> Tool:
    """Parse one tool; `path` locates it in the request, for error messages.  Raises `InvalidRequest`."""
    fields = Fields(raw, path)
    return Tool(
        name=(fields.optional if "type" in fields.raw else fields.required)("name", str) or "",
        description=fields.optional("description", str) or "",
        input_schema=fields.optional("input_schema", dict),
        type=fields.optional("type", str),
        defer_loading=fields.optional("defer_loading", bool) or False,
        extra=fields.rest,
    )


def _encode_tool(tool: Tool) -> JsonObject:
    optional: dict[str, JsonValue] = {
        "type": tool.type,
        "description": tool.description or None,
        "input_schema": tool.input_schema,
        "defer_loading": tool.defer_loading or None,
    }
    named: JsonObject = {"name": tool.name} if tool.name else {}
    return {**named, **{name: value for name, value in optional.items() if value is not None}, **tool.extra}


def _tool_choice(raw: JsonValue) -> ToolChoice | None:
    if raw is None:
        return None
    fields = Fields(raw, "tool_choice")
    parallel_off = fields.optional("disable_parallel_tool_use", bool) or False
    match fields.required("type", str):
        case "auto" | "any" | "none" as kind:
            return ToolChoice(kind, None, parallel_off, fields.rest)
        case "tool":
            return ToolChoice("tool", fields.required("name", str), parallel_off, fields.rest)
        case other:
            raise InvalidRequest(f"tool_choice.type: should be auto, any, tool or none, not {other!r}")


def _encode_tool_choice(choice: ToolChoice | None) -> JsonValue:
    if choice is None:
        return None
    encoded: dict[str, JsonValue] = {"type": choice.type}
    if choice.name is not None:
        encoded["name"] = choice.name
    if choice.disable_parallel_tool_use:
        encoded["disable_parallel_tool_use"] = True
    return {**encoded, **choice.extra}


def _diagnostics(raw: JsonValue) -> DiagnosticsRequest | None:
    if raw is None:
        return None
    fields = Fields(raw, "diagnostics")
    return DiagnosticsRequest(fields.optional("previous_message_id", str), fields.rest)


def _encode_diagnostics(request: DiagnosticsRequest | None) -> JsonValue:
    return None if request is None else {"previous_message_id": request.previous_message_id, **request.extra}


def _stop_sequences(fields: Fields) -> tuple[str, ...]:
    raw = fields.optional("stop_sequences", list) or []
    for position, item in enumerate(raw):
        if not isinstance(item, str):
            raise InvalidRequest(f"stop_sequences.{position}: should be a string, not {kind_of(item)}")
    return tuple(item for item in raw if isinstance(item, str))
