"""Encode a request in Chat Completions.  The same request always gives the same bytes."""

from collections.abc import Mapping

from anyclaude.dialects.base import Encoded, EnforcedContent, WireRequest
from anyclaude.profiles import BackendProfile, RepetitionSampling
from anyclaude.protocol.context_management import context_edits
from anyclaude.protocol.json_values import JsonObject, JsonValue, encode_json
from anyclaude.protocol.messages_request import MessagesRequest

from .conversation import Spoken, encode_conversation
from .dropped_fields import NO_SUCH_FIELD, DroppedFields
from .output_format import OLDER_FIELD, FormatFields, encode_format, encode_schema
from .refused_fields import accepted_body, with_substitutes
from .thinking import encode_thinking
from .tools import ToolFields, encode_tools

PATH = "/chat/completions"

EVENTS = "text/event-stream"
DOCUMENT = "application/json"

STREAM: JsonObject = {"stream": True, "stream_options": {"include_usage": True}}

PROGRESS: JsonObject = {"return_progress": True, "timings_per_token": True}
"""Has llama.cpp report how much of the prompt it has evaluated, after each batch, and its counts with each token."""

EFFORTS = {"low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}
"""The client's effort levels as values of `reasoning_effort`; every server with the field knows these."""


AGAINST_REPETITION: Mapping[RepetitionSampling, JsonObject] = {
    "frequency_penalty": {"frequency_penalty": 1.0},
    "dry": {"dry_multiplier": 0.8, "dry_allowed_length": 4, "dry_penalty_last_n": 128},
}
"""The body's fields with which servers keep a model from repeating itself."""


def encode_request(
    request: MessagesRequest,
    model: str,
    profile: BackendProfile,
    conversation_key: str | None = None,
    *,
    avoids_repetition: bool = False,
    origin: str = "",
) -> Encoded:
    """Return the request for `model`, for a stream if the server makes one, and the dropped fields."""
    dropped = DroppedFields()
    profile = with_substitutes(profile)
    tools = encode_tools(request, profile, dropped, avoids_repetition=avoids_repetition)
    reply_format = encode_format(request, profile, dropped)
    messages = encode_conversation(request, profile, dropped, _in_words(tools, reply_format), origin, model)
    body: dict[str, JsonValue] = {
        "model": model,
        "messages": messages,
        **_tool_fields(tools),
        **_sampling(request, profile, dropped),
        **_stop(request, profile, _enforced(tools, reply_format)),
        **(AGAINST_REPETITION[profile.repetition_sampling] if avoids_repetition else {}),
        **_response_format(tools, reply_format),
        **_output_config(request, profile, dropped),
        **encode_thinking(request, profile, dropped, is_call_forced=tools.call is not None),
        **_continuation(messages, profile, dropped),
        **(STREAM if profile.streams else {"stream": False}),
        **(PROGRESS if profile.streams and profile.reports_progress else {}),
    }
    if profile.conversation_field is not None and conversation_key is not None:
        body[profile.conversation_field] = conversation_key
    _note_unsent_fields(request, dropped)
    accepted = accepted_body(body, profile, dropped)
    accept = EVENTS if profile.streams else DOCUMENT
    wire = WireRequest(PATH, encode_json(accepted), accept, data=request.detached)
    return Encoded(wire, dropped.entries, _enforced(tools, reply_format))


def _in_words(tools: ToolFields, reply_format: FormatFields | None) -> Spoken:
    instructions = (tools.instruction, "" if reply_format is None else reply_format.instruction)
    return Spoken(tools.section, tuple(text for text in instructions if text))


def _enforced(tools: ToolFields, reply_format: FormatFields | None) -> EnforcedContent:
    if tools.call is not None:
        return "call"
    return "any" if reply_format is None else "format"


def _response_format(tools: ToolFields, reply_format: FormatFields | None) -> JsonObject:
    if tools.call is not None:
        return {"response_format": encode_schema("call", tools.call)}
    if reply_format is None or reply_format.response_format is None:
        return {}
    return {"response_format": reply_format.response_format}


def _tool_fields(fields: ToolFields) -> JsonObject:
    values: dict[str, JsonValue] = {
        "tools": fields.tools,
        "tool_choice": fields.tool_choice,
        "parallel_tool_calls": fields.parallel_tool_calls,
    }
    return {name: value for name, value in values.items() if value is not None}


def _sampling(request: MessagesRequest, profile: BackendProfile, dropped: DroppedFields) -> JsonObject:
    top_k = request.top_k
    if top_k is not None and not profile.accepts_top_k:
        dropped.note("top_k", "this server has no such field")
        top_k = None
    if request.max_tokens == 0:
        dropped.note("max_tokens", "a server generates at least one token; one was asked for instead of none")
    fields: dict[str, JsonValue] = {
        profile.max_tokens_field: max(request.max_tokens, 1),
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_k": top_k,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _stop(request: MessagesRequest, profile: BackendProfile, enforced: EnforcedContent) -> JsonObject:
    """
    Return the stop sequences, unless the gateway has to find them in the text to know which one it was.

    A server also matches them in the arguments of calls, which they must not end.
    """
    may_call = enforced == "call" or bool(request.tools)
    is_sent = enforced == "format" or (profile.names_stop_sequences and not may_call)
    return {"stop": list(request.stop_sequences)} if is_sent and request.stop_sequences else {}


def _output_config(request: MessagesRequest, profile: BackendProfile, dropped: DroppedFields) -> JsonObject:
    fields: dict[str, JsonValue] = {}
    for name, value in (request.output_config or {}).items():
        match name, value:
            case "format", _:
                pass
            case "effort", str(effort) if profile.accepts_reasoning_effort and effort in EFFORTS:
                fields["reasoning_effort"] = EFFORTS[effort]
            case "effort", _:
                dropped.note("output_config.effort", "this server has no such setting")
            case _:
                dropped.note(f"output_config.{name}", NO_SUCH_FIELD)
    return fields


def _continuation(messages: list[JsonObject], profile: BackendProfile, dropped: DroppedFields) -> JsonObject:
    """Return the fields that make the server continue the assistant's last message, if the conversation ends in one."""
    last = messages[-1] if messages else {}
    if last.get("role") != "assistant" or "tool_calls" in last:
        return {}
    match profile.continuation:
        case "assistant_prefill":
            return {}
        case "continue_final_message":
            return {"add_generation_prompt": False, "continue_final_message": True}
        case "none":
            dropped.note("messages.prefill", "this server begins a new reply instead of going on with the last one")
            return {}


def _note_unsent_fields(request: MessagesRequest, dropped: DroppedFields) -> None:
    unsent = {
        "metadata": request.metadata,
        "service_tier": request.service_tier,
    }
    for name, value in unsent.items():
        if value is not None:
            dropped.note(name, NO_SUCH_FIELD)
    for kind in context_edits(request.context_management).unsupported:
        dropped.note(f"context_management.{kind}", "the gateway does not make this edit")
    dropped.note_fields("", {name: value for name, value in request.extra.items() if name != OLDER_FIELD})
