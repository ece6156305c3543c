"""
Read the prompt in a Chat Completions request.

The prompt is read from the bytes that were sent, so it has everything the encoder does: fields that it drops are not
compared, and turns that it joins are one message.
"""

import hashlib

from anyclaude.protocol.json_values import JsonObject, JsonValue, decode_json, encode_json
from anyclaude.protocol.prompt import Prompt, PromptPart

SETTINGS = ("tool_choice", "response_format", "reasoning_effort", "chat_template_kwargs", "continue_final_message")
"""Fields besides the messages and the tools that may change a prompt's text."""


def read_prompt(body: bytes) -> Prompt:
    """Return the prompt in the body of an encoded request."""
    raw = _object(decode_json(body))
    messages = [_object(message) for message in _items(raw.get("messages"))]
    begins_with_system = bool(messages) and messages[0].get("role") == "system"
    system = [PromptPart("system", "", _text(messages[0]))] if begins_with_system else []
    tools = [_tool(_object(_object(tool).get("function"))) for tool in _items(raw.get("tools"))]
    turns = [PromptPart("messages", str(message.get("role")), _text(message)) for message in messages[len(system) :]]
    settings: dict[str, JsonValue] = {name: raw[name] for name in SETTINGS if name in raw}
    return Prompt(str(raw.get("model")), (*tools, *system, *turns), encode_json(settings).decode() if settings else "")


def _tool(function: JsonObject) -> PromptPart:
    name = str(function.get("name"))
    parts = (name, str(function.get("description", "")), _json(function.get("parameters")))
    return PromptPart("tools", name, "\n".join(part for part in parts if part))


def _text(message: JsonObject) -> str:
    """Return a message's reasoning, text and calls; the ids of calls are ours, and follow from their positions."""
    content = message.get("content")
    parts = [str(message["reasoning_content"])] if "reasoning_content" in message else []
    parts += [content] if isinstance(content, str) else [_part_text(_object(part)) for part in _items(content)]
    for call in _items(message.get("tool_calls")):
        function = _object(_object(call).get("function"))
        parts.append(f"{function.get('name')} {function.get('arguments')}")
    return "\n\n".join(parts)


def _part_text(part: JsonObject) -> str:
    """Return the text of a message's part; a picture is represented by its hash, because its data is long."""
    if "text" in part:
        return str(part["text"])
    return f"[{part.get('type')} {hashlib.sha256(encode_json(part)).hexdigest()[:16]}]"


def _json(value: JsonValue) -> str:
    return "" if value is None else encode_json(value).decode()


def _object(value: JsonValue) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _items(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []
