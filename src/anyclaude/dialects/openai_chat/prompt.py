"""
Read a Chat Completions request as the prompt it asks a model to read.

It is read from the bytes that were sent, so that nothing the encoder does can be overlooked: what it leaves out is
not compared, and turns that it joins are one message.
"""

import hashlib

from anyclaude.protocol.json_values import JsonObject, JsonValue, decode_json, encode_json
from anyclaude.protocol.prompt import Prompt, PromptPart

SETTINGS = ("tool_choice", "response_format", "reasoning_effort", "chat_template_kwargs", "continue_final_message")
"""Fields besides the messages and the tools that a server may write into the prompt."""


def read_prompt(body: bytes) -> Prompt:
    """Return the prompt in the body of a request of ours."""
    raw = _object(decode_json(body))
    messages = [_object(message) for message in _items(raw.get("messages"))]
    begins_with_system = bool(messages) and messages[0].get("role") == "system"
    system = [PromptPart("system", "", _said(messages[0]))] if begins_with_system else []
    tools = [_tool(_object(_object(tool).get("function"))) for tool in _items(raw.get("tools"))]
    said = [PromptPart("messages", str(message.get("role")), _said(message)) for message in messages[len(system) :]]
    settings: dict[str, JsonValue] = {name: raw[name] for name in SETTINGS if name in raw}
    return Prompt(str(raw.get("model")), (*tools, *system, *said), encode_json(settings).decode() if settings else "")


def _tool(function: JsonObject) -> PromptPart:
    name = str(function.get("name"))
    parts = (name, str(function.get("description", "")), _json(function.get("parameters")))
    return PromptPart("tools", name, "\n".join(part for part in parts if part))


def _said(message: JsonObject) -> str:
    """Return the text of a message, its reasoning and its calls; ids of calls are ours and the same every time."""
    content = message.get("content")
    parts = [str(message["reasoning_content"])] if "reasoning_content" in message else []
    parts += [content] if isinstance(content, str) else [_part(_object(part)) for part in _items(content)]
    for call in _items(message.get("tool_calls")):
        function = _object(_object(call).get("function"))
        parts.append(f"{function.get('name')} {function.get('arguments')}")
    return "\n\n".join(parts)


def _part(part: JsonObject) -> str:
    """Return a part of a message; a picture is told by its hash, for its data is long and says nothing to a reader."""
    if "text" in part:
        return str(part["text"])
    return f"[{part.get('type')} {hashlib.sha256(encode_json(part)).hexdigest()[:16]}]"


def _json(value: JsonValue) -> str:
    return "" if value is None else encode_json(value).decode()


def _object(value: JsonValue) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _items(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []
