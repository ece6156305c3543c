"""Refusals of tools: the wordings of real servers, each with its source."""

# ruff: noqa: E501, RUF001  # the wordings of servers stand as they are

import pytest
from tests.dialects.openai_chat.refused import ALL, NAMED, TOOL, body, learned

from anyclaude.protocol.json_values import JsonObject, JsonValue

OFFERED = body(tools=[TOOL])
FORCED = body(tools=[TOOL], tool_choice="required")

NO_SUPPORT = [
    "tools param requires --jinja flag",  # llama.cpp
    "Unsupported param: tools",  # llama.cpp (issue 10920)
    "Unrecognized request argument supplied: tools",  # OpenAI
    "Tool calls are currently unsupported",
    "Tool use is not supported",
    "function_call/tools not implemented",
    "model features function calling not support",  # Volcengine
    "Function calling is not enabled for models/gemma-3-27b-it",  # AI Studio
    'Invalid JSON payload received. Unknown name "tools": Cannot find field.',  # Gemini
    "Prompt template 'chatml' does not support tool use",  # TabbyAPI
    "该模型不支持工具调用",
]

SCHEMAS = [
    "Unable to submit request because `Read` functionDeclaration `parameters.n` schema didn't specify the schema type field.",  # Vertex
    "failed to parse grammar",  # llama.cpp
    "Failed to initialize samplers: std::exception",  # llama.cpp
    "Pattern must start with '^' and end with '$'",  # llama.cpp
    'Grammar error: Unimplemented keys: ["pattern"]',  # vLLM, guidance
    "unsupported type in tool schema: [integer null]",
    "json: cannot unmarshal array into Go struct field ToolProperty.tools.function.parameters.properties.items of type string",  # Ollama
    "Invalid JSON payload received. Unknown name \"type\" at 'tools.function_declarations[25].parameters.properties[4].value': Proto field is not repeating, cannot start list.",  # Gemini (zerogravity issue 47)
    "tools.36.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf at the top level",  # Anthropic (claude-code-buddy issue 32)
    "body.tools.0.function.parameters.properties.content.type: Input should be a valid string",  # pydantic
    "Invalid request: tools.function.parameters is not a valid moonshot flavored json schema, details: <At path 'properties.source': type is not defined>",  # Moonshot (pi issue 4138)
    "工具参数 schema 不合法: 不支持 anyOf",
]

NAMES = [
    "1 validation error detected: Value at 'toolConfig.tools.1.member.toolSpec.name' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z_][a-zA-Z0-9_]*",  # Bedrock
    "tools.1.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'",  # Anthropic
    "function name is invalid, must start with a letter and can contain letters, numbers, underscores, and dashes",  # Moonshot
    "函数名称不合法",
]

TEACH: list[tuple[JsonValue, JsonObject, str, object]] = [
    *((words, OFFERED, "tools_sent_as", "words") for words in NO_SUPPORT),
    *((words, ALL, "plain_tool_schemas", True) for words in SCHEMAS),
    *((words, OFFERED, "tool_names", "plain") for words in NAMES),
    ("1 validation error detected: Value at 'toolConfig.tools.1.member.toolSpec.description' failed to satisfy constraint: Member must have length less than or equal to 1000", OFFERED, "max_description_characters", 1000),  # Bedrock
    ("body.tool_choice: Input should be 'auto', 'none' or 'required'", body(tools=[TOOL], tool_choice=NAMED), "accepts_named_tool_choice", False),
    ("[{'type': 'extra_forbidden', 'loc': ('body', 'session_id'), 'msg': 'Extra inputs are not permitted', 'input': 'auto'}, {'type': 'extra_forbidden', 'loc': ('body', 'tools'), 'msg': 'Extra inputs are not permitted', 'input': [{'type': 'function'}]}]", OFFERED, "tools_sent_as", "words"),  # vLLM (issue 6631)
    ("tool_choice must be 'auto' or 'none'", FORCED, "forces_calls_by", "words"),
    ("tool_choice 'required' is incompatible with thinking enabled", FORCED, "forces_calls_by", "words"),  # Moonshot
    ("No endpoints found that support the provided 'tool_choice' value.", FORCED, "forces_calls_by", "words"),  # OpenRouter
    ("Function calling mode ANY is not supported for this model", FORCED, "forces_calls_by", "words"),  # Gemini
    ("tool choice \"required\" requires --enable-auto-tool-choice", FORCED, "forces_calls_by", "words"),  # vLLM
    ("tool_choice 参数当前只支持 auto", FORCED, "forces_calls_by", "words"),
]  # fmt: skip


@pytest.mark.parametrize(("error", "sent", "quirk", "value"), TEACH, ids=lambda value: str(value)[:60])
def test_what_a_refusal_of_tools_teaches(error: JsonValue, sent: JsonObject, quirk: str, value: object) -> None:
    assert learned(error, sent) == (quirk, value)


TOO_MANY = [
    "Invalid 'tools': array too long. Expected an array with maximum length 128, but got an array with length 130 instead.",  # OpenAI
    "'tools' : maximum number of items is 128",  # Groq
    "At most 512 function declarations are supported, got 600",  # Gemini
    "tools 数量超过限制，最多支持 128 个工具",
]


@pytest.mark.parametrize("words", TOO_MANY)
def test_a_limit_on_the_number_of_tools_teaches_nothing(words: str) -> None:
    assert learned(words, OFFERED) is None
