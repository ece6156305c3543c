"""What refusals teach: the wordings of real servers, each with its source, and the quirk that follows."""

# ruff: noqa: E501  # the wordings of servers stand as they are

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.dialects.openai_chat.refused import (
    ALL,
    ANSWER,
    CALLING,
    FORGETTING,
    GENERIC,
    NAMED,
    RESULT,
    SCHEMA,
    SYSTEM,
    TOOL,
    USER,
    body,
    learned,
)

from anyclaude.dialects import WireRequest
from anyclaude.dialects.openai_chat.amending import amendment_for
from anyclaude.dialects.openai_chat.rejections import rejection
from anyclaude.errors import BackendRejected
from anyclaude.profiles import FieldRange, amended
from anyclaude.protocol.json_values import JsonObject, encode_json

OMITTED = [
    # OpenAI, o-series and GPT-5
    ("Unsupported parameter: 'temperature' is not supported with this model.", "temperature"),
    ("Unsupported value: 'temperature' does not support 0.7 with this model. Only the default (1) value is supported.", "temperature"),
    ("Unsupported parameter: 'parallel_tool_calls' is not supported with this model.", "parallel_tool_calls"),
    ("Unsupported parameter: 'stop' is not supported with this model.", "stop"),
    ("Unrecognized request argument supplied: top_k", "top_k"),  # OpenAI, Azure
    ("Unknown parameter: 'chat_template_kwargs'.", "chat_template_kwargs"),
    ("Unknown parameter: 'stream_options.include_usage'.", "stream_options"),
    ("invalid temperature: only 1 is allowed for this model", "temperature"),  # Kimi (macparakeet issue 1087)
    ("body.stream_options: Extra inputs are not permitted", "stream_options"),  # FastAPI: Mistral, SGLang (cline issue 582)
    ("`reasoning_effort` is not supported with this model", "reasoning_effort"),  # Groq
    ("property 'session_id' is unsupported, did you mean 'user'?", "session_id"),  # Groq
    ("unknown field `top_k`, expected one of `model`, `messages`, `temperature`, `top_p`, `stop`", "top_k"),  # serde
    ('json: unknown field "parallel_tool_calls"', "parallel_tool_calls"),  # Go servers
    ("temperature and top_p cannot both be specified for this model. Please use only one.", "temperature"),  # Bedrock
    ("Argument not supported on this model: stop", "stop"),  # xAI
    ("Model grok-4 does not support parameter frequency_penalty.", "frequency_penalty"),  # xAI
    ("extra_forbidden: parallelToolCalls: Extra inputs are not permitted", "parallel_tool_calls"),
    ("The parameter `enable_thinking` is not supported for this model", "chat_template_kwargs"),
    ("UnsupportedParamsError: openai does not support parameters: ['top_k'], for model=m.", "top_k"),  # LiteLLM
    ("This model does not support the top p parameter", "top_p"),
]  # fmt: skip

RANGES = [
    ("Invalid max_tokens value, the valid range of max_tokens is [1, 8192]", FieldRange("max_tokens", 1, 8192)),  # DeepSeek
    ("max_tokens is too large: 32000. This model supports at most 16384 completion tokens, whereas you provided 32000.", FieldRange("max_tokens", None, 16384)),  # OpenAI
    ("`max_tokens` must be less than or equal to `8192`, the maximum value for `max_tokens` is less than the `context_window` for this model", FieldRange("max_tokens", None, 8192)),  # Groq
    ("max_tokens: 32000 > 8192, which is the maximum allowed number of output tokens for m", FieldRange("max_tokens", None, 8192)),  # Anthropic, Bedrock
    ("Range of max_tokens should be [1, 2000]", FieldRange("max_tokens", 1, 2000)),  # DashScope
    ("body.max_tokens: Input should be less than or equal to 4096", FieldRange("max_tokens", None, 4096)),  # FastAPI
    ("maxOutputTokens must be in the range from 1 (inclusive) to 8193 (exclusive).".replace(" (inclusive)", "").replace(" (exclusive)", ""), FieldRange("max_tokens", 1, 8193)),  # Vertex
    ("temperature must be between 0 and 0.5", FieldRange("temperature", 0, 0.5)),
    ("'stop': array too long. Expected an array with maximum length 4, but got an array with length 5 instead.", FieldRange("stop", None, 4)),  # OpenAI
]  # fmt: skip


@pytest.mark.parametrize(("words", "field"), OMITTED)
def test_a_field_that_is_refused_by_name_is_left_out(words: str, field: str) -> None:
    assert learned(words, ALL) == ("omitted_fields", field)


@pytest.mark.parametrize(("words", "expected"), RANGES)
def test_a_value_outside_the_stated_range_is_moved_into_it(words: str, expected: FieldRange) -> None:
    assert learned(words, ALL) == ("field_ranges", expected)


def test_a_field_is_renamed_as_the_refusal_says() -> None:
    words = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    assert learned(words, body()) == ("max_tokens_field", "max_completion_tokens")


OTHERS = [
    ("The tool_choice parameter does not support being set to required or object in thinking mode", body(tools=[TOOL], tool_choice=NAMED), "forces_calls_by", "words"),  # Qwen (qwen-code issue 7659)
    ("Invalid tool_choice type: 'object'. Supported string values: none, auto, required", body(tools=[TOOL], tool_choice=NAMED), "accepts_named_tool_choice", False),  # LM Studio
    ("tool_choice 'required' is not supported by this model", body(tools=[TOOL], tool_choice="required"), "forces_calls_by", "words"),
    ("deepseek-reasoner does not support this tool_choice", body(tools=[TOOL], tool_choice="required"), "forces_calls_by", "words"),  # DeepSeek
    ("Unsupported parameter: 'tool_choice'", body(tools=[TOOL], tool_choice="auto"), "omitted_fields", "tool_choice"),
    ('"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set', body(tools=[TOOL]), "auto_tool_choice", "none"),  # vLLM
    ("registry.ollama.ai/library/gemma:2b does not support tools", body(tools=[TOOL]), "tools_sent_as", "words"),  # Ollama
    ("This model does not support function calling.", body(tools=[TOOL]), "tools_sent_as", "words"),
    ("No endpoints found that support tool use. Try disabling \"Read\".", body(tools=[TOOL]), "tools_sent_as", "words"),  # OpenRouter
    ("`tool calling` is not supported with this model", body(tools=[TOOL]), "tools_sent_as", "words"),  # Groq
    ("tools is not supported for this model", body(tools=[TOOL]), "tools_sent_as", "words"),
    ("body.tools: Extra inputs are not permitted", body(tools=[TOOL]), "tools_sent_as", "words"),
    ("messages[3].role: unknown variant `tool`, expected one of `system`, `user`, `assistant`", ALL, "tools_sent_as", "words"),  # serde
    ("Unexpected role 'user' after role 'tool'", ALL, "text_after_results", "last_result"),  # mistral-common issue 169
    ("After the optional system message, conversation roles must alternate user/assistant/user/assistant/...", ALL, "text_after_results", "last_result"),  # vLLM, Mistral
    ("Conversation roles must alternate user/assistant/user/assistant/...", body(USER, CALLING, RESULT), "tools_sent_as", "words"),  # Gemma
    ("System role not supported", body(), "system_prompt", "first_user_message"),  # Gemma 2 (sglang issue 892)
    ("Developer instruction is not enabled for models/gemma-3-27b-it", body(), "system_prompt", "first_user_message"),  # AI Studio
    ("Only user, assistant and tool roles are supported!", body(), "system_prompt", "first_user_message"),
    ("System message must be at the beginning.", body(SYSTEM, USER, ANSWER, SYSTEM), "mid_conversation_system", "user_reminder"),  # Qwen3.5's template
    ("Assistant response prefill is incompatible with enable_thinking.", body(USER, ANSWER), "prefill", "in_question"),  # llama.cpp
    ("Cannot have 2 or more assistant messages at the end of the list.", body(USER, ANSWER), "prefill", "in_question"),  # llama.cpp
    ("This model does not support assistant message prefill. The conversation must end with a user message.", body(USER, ANSWER), "prefill", "in_question"),  # Anthropic
    ("Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant", body(USER, ANSWER), "prefill", "in_question"),  # Mistral
    ("Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, and missing thought_signature may lead to degraded model performance.", ALL, "requires_signatures", True),  # Gemini 3 (ai issue 15550)
    ("thinking is enabled but reasoning_content is missing in assistant tool call message at index 1", ALL, "earlier_reasoning", "reasoning_content"),  # Kimi
    ("The `reasoning_content` in the thinking mode must be passed back to the API.", ALL, "earlier_reasoning", "reasoning_content"),  # DeepSeek
    ("Unsupported parameter: messages.1.reasoning_content", body(USER, {**CALLING, "reasoning_content": "x"}, RESULT), "earlier_reasoning", "drop"),
    ("body.messages.2.content: Input should be a valid string", ALL, "empty_content", "empty_string"),  # FastAPI
    ("Invalid value for 'content': expected a string, got null.", ALL, "empty_content", "empty_string"),  # OpenAI
    ("missing field `content` at line 1 column 88", ALL, "empty_content", "empty_string"),  # serde
    ("GenerateContentRequest.contents[2].parts[0].function_response.name: Name cannot be empty.", ALL, "names_results", True),  # Gemini
    ("Invalid 'tools[0].function.name': string does not match pattern. Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.", body(tools=[TOOL]), "tool_names", "plain"),  # OpenAI
    ("Invalid function name. Must start with a letter or an underscore.", body(tools=[TOOL]), "tool_names", "plain"),  # Gemini
    ("Invalid 'tools[0].function.description': string too long. Expected a string with maximum length 1024, but got a string with length 1803 instead.", body(tools=[TOOL]), "max_description_characters", 1024),  # OpenAI
    ("Invalid schema for function 'Read': In context=(), object schema missing properties.", body(tools=[TOOL]), "plain_tool_schemas", True),  # OpenAI
    ("Invalid JSON payload received. Unknown name \"additionalProperties\" at 'tools[0].function_declarations[0].parameters': Cannot find field.", body(tools=[TOOL]), "plain_tool_schemas", True),  # Gemini
    ("Failed to initialize samplers: failed to parse grammar: invalid", body(tools=[TOOL]), "plain_tool_schemas", True),  # llama.cpp
    ("This response_format type is unavailable now: json_schema is not supported", body(response_format=SCHEMA), "reply_format", "json_object"),  # DeepSeek
    ("Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.", body(response_format=SCHEMA), "reply_format", "json_object"),  # OpenAI
    ("Streaming is not supported for this model", body(), "streams", False),
    ("Unsupported value: 'stream' does not support true with this model. Only the default (false) value is supported.", body(), "streams", False),  # OpenAI
]  # fmt: skip


@pytest.mark.parametrize(("words", "sent", "quirk", "value"), OTHERS, ids=[words[:60] for words, *_ in OTHERS])
def test_what_a_refusal_teaches(words: str, sent: JsonObject, quirk: str, value: object) -> None:
    profile = GENERIC if value == "drop" else FORGETTING
    assert learned(words, sent, profile=profile) == (quirk, value)


UNRELATED = [
    "model 'm' not found",
    "The model `m` does not exist or you do not have access to it.",
    "Invalid 'messages[0].content'",
    "Internal server error",
    "You exceeded your current quota, please check your plan and billing details.",
    "CUDA out of memory. Tried to allocate 2.00 GiB",
    "Failed to parse input at pos 12: </tool_call>",
    "The temperature of the GPU is too high",
    "We could not parse the JSON body of your request.",
    "Please stop sending requests",
    "",
]


@pytest.mark.parametrize("words", UNRELATED)
def test_nothing_is_guessed(words: str) -> None:
    assert learned(words, ALL) is None


@pytest.mark.parametrize("status", [401, 402, 403, 408, 413, 429, 503, 529])
def test_a_refusal_for_another_reason_teaches_nothing(status: int) -> None:
    assert learned("Unsupported parameter: 'temperature'", ALL, status) is None


@pytest.mark.parametrize(
    "words",
    [
        "maximum context length is 32768 tokens, you requested 40000; reduce max_tokens",
        "prompt is too long: 200000 tokens > 131072 maximum",
        "input length and `max_tokens` exceed context limit: 30000 + 8000 > 32768",
    ],
)
def test_a_prompt_that_is_too_long_teaches_nothing(words: str) -> None:
    refusal = rejection(400, encode_json({"error": {"message": words}}), None, GENERIC)

    assert refusal.is_too_long
    assert amendment_for(refusal, WireRequest("/chat/completions", encode_json(ALL)), GENERIC) is None


@given(st.text(max_size=300) | st.lists(st.sampled_from(" ".join(words for words, _ in OMITTED).split())).map(" ".join))
def test_any_words_are_read_and_what_they_teach_is_new(words: str) -> None:
    refusal = BackendRejected(words, 400, "invalid_request_error")
    amendment = amendment_for(refusal, WireRequest("/chat/completions", encode_json(ALL)), GENERIC)
    if amendment is not None:
        assert amended(GENERIC, [amendment]) != GENERIC
        assert amendment.value not in ("model", "messages")
