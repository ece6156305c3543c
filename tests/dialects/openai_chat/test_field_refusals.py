"""Refusals of one field of the body: the wordings of real servers, each with its source."""

# ruff: noqa: E501, RUF001  # the wordings of servers stand as they are

import pytest
from tests.dialects.openai_chat.refused import ALL, SCHEMA, TOOL, body, learned

from anyclaude.profiles import FieldRange
from anyclaude.protocol.json_values import JsonObject, JsonValue

OMITTED: list[tuple[JsonValue, str]] = [
    ({"error": {"message": "Unsupported value", "param": "temperature", "code": "unsupported_value"}}, "temperature"),
    ({"error": {"message": "", "param": "top_k", "code": "unsupported_parameter"}}, "top_k"),
    ({"error": {"message": "Bad request", "param": "top_k", "code": "unsupported_parameter"}}, "top_k"),
    ({"error": {"message": "Unknown parameter.", "param": "stream_options.include_usage"}}, "stream_options"),
    ("参数top_k不支持", "top_k"),
    ("当前模型不支持 top_k 参数", "top_k"),
    ({"error": {"code": "1210", "message": "API 调用参数有误，不支持参数 stream_options"}}, "stream_options"),  # Zhipu
    ({"message": "This model doesn't support the stopSequences field. Remove stopSequences and try again."}, "stop"),  # Bedrock
    ("The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options"),  # OpenAI
    ("[{'type': 'value_error', 'loc': ('body',), 'msg': 'Value error, Stream options can only be defined when `stream=True`.', 'input': {'model': 'm', 'temperature': 0.7}, 'ctx': {'error': ValueError()}}]", "stream_options"),  # vLLM
    ("1 validation error for ChatCompletionRequest\nsession_id\n  Extra inputs are not permitted [type=extra_forbidden, input_value={'top_k': 1}, input_type=dict]", "session_id"),  # pydantic
    ("Function tools with reasoning_effort are not supported for gpt-5.4 in /v1/chat/completions. To use function tools, use /v1/responses or set reasoning_effort to 'none'.", "reasoning_effort"),  # OpenAI
    ({"code": "invalid-argument", "error": "Model grok-4 does not support parameter reasoningEffort."}, "reasoning_effort"),  # xAI
    ('"m" does not support thinking', "reasoning_effort"),  # Ollama
    ("'parallel_tool_calls' is only allowed when 'tools' are specified.", "parallel_tool_calls"),  # OpenAI
    ("litellm.UnsupportedParamsError: gpt-5 models don't support temperature=0.7. Only temperature=1 is supported. For gpt-5.1, temperature is supported when reasoning_effort='none'. To drop unsupported params set `litellm.drop_params = True`", "temperature"),
    ("`temperature` may only be set to 1 when thinking is enabled or in adaptive mode.", "temperature"),  # Anthropic
    ("This model has beta-limitations, temperature, top_p and n are fixed at 1, while presence_penalty and frequency_penalty are fixed at 0.", "temperature"),  # OpenAI, o1
    ("The value of the enable_thinking parameter is restricted to True.", "chat_template_kwargs"),  # DashScope
    ({"error_code": "BAD_REQUEST", "message": '{"error":"json: unknown field \\"stream_options\\"\\n"}'}, "stream_options"),  # Databricks
    ({"error": {"message": "Provider returned error", "metadata": {"raw": {"error": {"message": "Unsupported parameter: 'temperature'"}}}}}, "temperature"),  # OpenRouter
    ([{"error": {"code": 400, "message": 'Invalid JSON payload received. Unknown name "top_k": Cannot find field.', "status": "INVALID_ARGUMENT"}}], "top_k"),  # Gemini
]  # fmt: skip


@pytest.mark.parametrize(("error", "field"), OMITTED, ids=lambda value: str(value)[:60])
def test_the_field_that_is_refused_is_left_out_and_no_other(error: JsonValue, field: str) -> None:
    assert learned(error, ALL) == ("omitted_fields", field)


RANGES: list[tuple[JsonValue, FieldRange]] = [
    ({"error": {"message": "integer above maximum value, expected a value <= 8192, but got 32000 instead.", "param": "max_tokens"}}, FieldRange("max_tokens", None, 8192)),  # Volcengine (TOKENICODE issue 3)
    ("max_tokens exceeds the limit of 16000", FieldRange("max_tokens", None, 16000)),  # Novita
    ("max_tokens of 32000 exceeds model limit 4096", FieldRange("max_tokens", None, 4096)),  # SambaNova
    ("Input validation error: max_tokens must be <= 4096. Given: 32000", FieldRange("max_tokens", None, 4096)),  # Together
    ("The maximum tokens you requested exceeds the model limit of 8192. Try again with a maximum tokens value that is lower than 8192.", FieldRange("max_tokens", None, 8192)),  # Bedrock
    ("Malformed input request: #/max_tokens: 32000 is not less or equal to 10000, please reformat your input and try again.", FieldRange("max_tokens", None, 10000)),  # Bedrock
    ("Unable to submit request because it has a maxOutputTokens value of 32000 but the supported range is from 1 (inclusive) to 8193 (exclusive). Update the value and try again.", FieldRange("max_tokens", 1, 8192)),  # Vertex
    ("Unable to submit request because it has 5 stopSequences but the maximum is 4. Update and try again.", FieldRange("stop", None, 4)),  # Vertex
    ("1 validation error detected: Value at 'inferenceConfig.stopSequences' failed to satisfy constraint: Member must have length less than or equal to 4", FieldRange("stop", None, 4)),  # Bedrock
    ("max_tokens 不能大于 8192", FieldRange("max_tokens", None, 8192)),
    ("参数 max_tokens 超出范围，取值范围为 [1, 8192]", FieldRange("max_tokens", 1, 8192)),
    ("API 调用参数有误，请检查文档。top_p 取值范围 (0,0.7)", FieldRange("top_p", 0.01, 0.69)),  # Zhipu
    ("The top_p `0.9` should be in (0, 0.8].", FieldRange("top_p", 0.01, 0.8)),  # LMDeploy
    ("Input validation error: `top_p` must be > 0.0 and < 0.5", FieldRange("top_p", 0.01, 0.49)),  # TGI
]  # fmt: skip


@pytest.mark.parametrize(("error", "expected"), RANGES, ids=lambda value: str(value)[:60])
def test_the_range_is_the_one_that_the_words_state(error: JsonValue, expected: FieldRange) -> None:
    quirk, value = learned(error, ALL) or ("", None)

    assert quirk == "field_ranges"
    assert isinstance(value, FieldRange)
    assert value.name == expected.name
    assert (value.lowest, value.highest) == pytest.approx((expected.lowest, expected.highest))


VALUES: list[tuple[JsonValue, tuple[str, ...]]] = [
    ("Unsupported value: 'reasoning_effort' does not support 'high' with this model. Supported values are: 'low', 'medium', and 'max'.", ("low", "medium", "max")),  # Kimi (openhanako issue 2092)
    ({"error": {"message": "Unsupported value: 'high' is not supported with this model. Supported values are: 'minimal' and 'low'.", "param": "reasoning_effort"}}, ("minimal", "low")),  # OpenAI
    ({"detail": "Invalid request: 1 validation error: Validation error for `reasoning_effort`: expected one of `'low' | 'medium'`, received `'high'`."}, ("low", "medium")),  # CLIProxyAPI issue 1307
    ('level "high" not supported, valid levels: low, medium', ("low", "medium")),  # quotio issue 287
    ("invalid reasoning value: 'high' (must be \"low\", \"medium\", or \"none\")", ("low", "medium", "none")),  # Ollama
    ("`reasoning_effort` must be one of `none` or `default`", ("none", "default")),  # Groq
]  # fmt: skip


@pytest.mark.parametrize(("error", "values"), VALUES, ids=lambda value: str(value)[:60])
def test_a_value_that_is_refused_with_a_list_becomes_one_of_the_list(error: JsonValue, values: tuple[str, ...]) -> None:
    assert learned(error, ALL) == ("field_ranges", FieldRange("reasoning_effort", values=values))


OTHERS: list[tuple[JsonValue, JsonObject, str, object]] = [
    ("this model is not supported MaxTokens, please use MaxCompletionTokens", ALL, "max_tokens_field", "max_completion_tokens"),
    ({"error": {"message": "Unsupported parameter. Use 'max_completion_tokens' instead.", "param": "max_tokens"}}, ALL, "max_tokens_field", "max_completion_tokens"),
    ({"error": {"message": "Your organization must be verified to stream this model.", "param": "stream"}}, ALL, "streams", False),  # OpenAI
    ({"message": "This model doesn't support tool use in streaming mode."}, ALL, "streams", False),  # Bedrock
    ("不支持流式输出", ALL, "streams", False),
    ("This response_format type is unavailable now", body(response_format=SCHEMA), "reply_format", "json_object"),  # DeepSeek
    ("response_format value as json_schema is enabled only for api versions 2024-08-01-preview and later", body(response_format=SCHEMA), "reply_format", "json_object"),  # Azure
    ("Function calling with a response mime type: 'application/json' is unsupported", body(response_format=SCHEMA, tools=[TOOL]), "reply_format", "json_object"),  # Gemini
]  # fmt: skip


@pytest.mark.parametrize(("error", "sent", "quirk", "value"), OTHERS, ids=lambda value: str(value)[:60])
def test_what_a_refusal_of_a_field_teaches(error: JsonValue, sent: JsonObject, quirk: str, value: object) -> None:
    assert learned(error, sent) == (quirk, value)
