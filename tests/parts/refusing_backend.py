"""
A server in memory that refuses some of what Chat Completions can say, each in the words of a real server.

`REFUSALS` are the things that servers were seen to refuse.  A backend that refuses some of them answers a request that
contains one with its words, and any other request with a reply.
"""

import json
import re
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import TypeAlias

from msgspec import Struct
from tests.parts.fake_backend import FakeReply, Replay

from anyclaude.backends import BackendReply, BackendTarget
from anyclaude.dialects import WireRequest
from anyclaude.protocol.json_values import JsonObject, JsonValue, decode_json

Predicate: TypeAlias = Callable[[JsonObject], bool]

MAX_TOKENS = 8_192
MAX_DESCRIPTION = 1_024


class Refused(Struct, frozen=True):
    """One thing that a server refuses: whether a body contains it, and the server's words."""

    is_in: Predicate
    words: str
    status: int = 400


def _messages(body: JsonObject) -> list[JsonObject]:
    messages = body["messages"]
    assert isinstance(messages, list)
    return [message for message in messages if isinstance(message, dict)]


def _roles(body: JsonObject) -> list[JsonValue]:
    return [message["role"] for message in _messages(body)]


def _has(field: str) -> Predicate:
    return lambda body: body.get(field) is not None


def _follows(role: str, other: str) -> Predicate:
    return lambda body: (role, other) in zip(_roles(body), _roles(body)[1:], strict=False)


def _functions(body: JsonObject) -> list[JsonObject]:
    tools = body.get("tools") or []
    assert isinstance(tools, list)
    return [tool["function"] for tool in tools if isinstance(tool, dict) and isinstance(tool["function"], dict)]


def _calls(message: JsonObject) -> list[JsonValue]:
    calls = message.get("tool_calls", [])
    assert isinstance(calls, list)
    return calls


def _has_calls(message: JsonObject) -> bool:
    return "tool_calls" in message


REFUSALS: Mapping[str, Refused] = {
    "stream_options": Refused(_has("stream_options"), "body.stream_options: Extra inputs are not permitted", 422),
    "parallel_tool_calls": Refused(
        _has("parallel_tool_calls"), "Unsupported parameter: 'parallel_tool_calls' is not supported with this model."
    ),
    "temperature": Refused(_has("temperature"), "invalid temperature: only 1 is allowed for this model"),
    "top_p": Refused(_has("top_p"), "This model does not support the top_p parameter"),
    "top_k": Refused(_has("top_k"), "Unrecognized request argument supplied: top_k"),
    "stop": Refused(_has("stop"), "Argument not supported on this model: stop"),
    "reasoning_effort": Refused(_has("reasoning_effort"), "`reasoning_effort` is not supported with this model"),
    "high effort": Refused(
        lambda body: body.get("reasoning_effort") == "high",
        "Unsupported value: 'reasoning_effort' does not support 'high' with this model. Supported values are: 'low' "
        "and 'medium'.",
    ),
    "parallel calls": Refused(
        lambda body: any(len(_calls(message)) > 1 for message in _messages(body)),
        "\n---\nWhile executing CallExpression at line 12, column 32 in source:\n{{- raise_exception('\n ^\n"
        "Error: Jinja Exception: This model only supports single tool-calls at once!",
        500,
    ),
    "chat_template_kwargs": Refused(_has("chat_template_kwargs"), "Unknown parameter: 'chat_template_kwargs'."),
    "session_id": Refused(_has("session_id"), "property 'session_id' is unsupported, did you mean 'user'?"),
    "max_tokens": Refused(
        _has("max_tokens"),
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
    ),
    "many tokens": Refused(
        lambda body: any(_above(body.get(name)) for name in ("max_tokens", "max_completion_tokens")),
        f"Invalid max_tokens value, the valid range of max_tokens is [1, {MAX_TOKENS}]",
    ),
    "stream": Refused(lambda body: body.get("stream") is True, "Streaming is not supported for this model"),
    "named tool_choice": Refused(
        lambda body: isinstance(body.get("tool_choice"), dict),
        "Invalid tool_choice type: 'object'. Supported string values: none, auto, required",
    ),
    "forced tool_choice": Refused(
        lambda body: body.get("tool_choice") not in (None, "auto", "none"),
        "The tool_choice parameter does not support being set to required or object in thinking mode",
    ),
    "tool_choice": Refused(_has("tool_choice"), "Unsupported parameter: 'tool_choice'"),
    "json_schema": Refused(
        lambda body: "json_schema" in json.dumps(body.get("response_format")),
        "This response_format type is unavailable now: json_schema is not supported",
    ),
    "response_format": Refused(_has("response_format"), "Unknown parameter: 'response_format'"),
    "system role": Refused(lambda body: _roles(body)[0] == "system", "System role not supported", 500),
    "late instructions": Refused(
        lambda body: "system" in _roles(body)[1:], "System message must be at the beginning.", 500
    ),
    "user after tool": Refused(_follows("tool", "user"), "Unexpected role 'user' after role 'tool'"),
    "prefill": Refused(
        lambda body: _roles(body)[-1] == "assistant",
        "Assistant response prefill is incompatible with enable_thinking.",
    ),
    "no reasoning": Refused(
        lambda body: any(_has_calls(message) and "reasoning_content" not in message for message in _messages(body)),
        "thinking is enabled but reasoning_content is missing in assistant tool call message at index 1",
    ),
    "no signature": Refused(
        lambda body: any(
            _has_calls(message) and "signature" not in json.dumps(message["tool_calls"]) for message in _messages(body)
        ),
        "Function call is missing a thought_signature in functionCall parts. This is required for tools to work "
        "correctly, and missing thought_signature may lead to degraded model performance.",
    ),
    "null content": Refused(
        lambda body: any(message.get("content") is None for message in _messages(body)),
        "Invalid value for 'content': expected a string, got null.",
    ),
    "schema keywords": Refused(
        lambda body: any(
            word in json.dumps(function.get("parameters"))
            for function in _functions(body)
            for word in ('"additionalProperties": ', '"$schema": ', '"pattern": "')
        ),
        'Invalid JSON payload received. Unknown name "additionalProperties" at '
        "'tools[0].function_declarations[0].parameters': Cannot find field.",
    ),
    "long names": Refused(
        lambda body: any(
            not re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]{0,31}", str(function["name"])) for function in _functions(body)
        ),
        "Invalid 'tools[0].function.name': string does not match pattern '^[a-zA-Z_][a-zA-Z0-9_]{0,31}$'.",
    ),
    "long descriptions": Refused(
        lambda body: any(len(str(function.get("description", ""))) > MAX_DESCRIPTION for function in _functions(body)),
        "Invalid 'tools[0].function.description': string too long. Expected a string with maximum length "
        f"{MAX_DESCRIPTION}, but got a string with length 1803 instead.",
    ),
    "nameless results": Refused(
        lambda body: any(message["role"] == "tool" and not message.get("name") for message in _messages(body)),
        "GenerateContentRequest.contents[2].parts[0].function_response.name: Name cannot be empty.",
    ),
    "tools": Refused(
        lambda body: "tools" in body or "tool" in _roles(body), "registry.ollama.ai/library/m does not support tools"
    ),
}

REPLY = (
    b'data: {"choices": [{"delta": {"content": "Hello"}}]}\n\n'
    b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\n'
    b"data: [DONE]\n\n"
)


class RefusingBackend:
    """A `Backend` that refuses the things named `refused`, one at a time, and records what it gets."""

    def __init__(self, target: BackendTarget, refused: Iterable[str]) -> None:
        self._target = target
        self._refused = [REFUSALS[name] for name in refused]
        self.accepted: list[JsonObject] = []
        self.refusals = 0

    @property
    def target(self) -> BackendTarget:
        """The server that this stands for."""
        return self._target

    @asynccontextmanager
    async def stream(self, request: WireRequest, within_seconds: float) -> AsyncGenerator[BackendReply, None]:
        """Refuse the request, or answer it."""
        body = decode_json(request.body)
        assert isinstance(body, dict)
        refused = next((refused for refused in self._refused if refused.is_in(body)), None)
        if refused is None:
            self.accepted.append(body)
            yield Replay(FakeReply(chunks=(REPLY,)))
        else:
            self.refusals += 1
            words = json.dumps({"error": {"message": refused.words}}).encode()
            yield Replay(FakeReply(chunks=(words,), status=refused.status, content_type="application/json"))


def _above(value: JsonValue) -> bool:
    return isinstance(value, int) and value > MAX_TOKENS
