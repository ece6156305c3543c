"""Refusals of messages: the wordings of real servers and templates, each with its source."""

# ruff: noqa: E501, RUF001  # the wordings of servers stand as they are

import pytest
from tests.dialects.openai_chat.refused import (
    ALL,
    ANSWER,
    CALLING,
    CALLING_TWICE,
    FORGETTING,
    GENERIC,
    PICTURE,
    RESULT,
    SYSTEM,
    USER,
    body,
    learned,
)

from anyclaude.protocol.json_values import JsonObject, JsonValue

PREFILL = body(USER, ANSWER)
LATE = body(SYSTEM, USER, ANSWER, SYSTEM, USER)
REASONED = body(USER, {**CALLING, "content": "Reading.", "reasoning_content": "I should."}, RESULT)
TWICE = body(USER, CALLING_TWICE, RESULT, {**RESULT, "tool_call_id": "call00002"})


def jinja(words: str) -> JsonValue:
    """Return an error of llama.cpp's template engine, which shows the place in the template before its words."""
    source = "While executing CallExpression at line 12, column 32 in source:\n{{- raise_exception('system role'"
    return {"error": {"code": 500, "message": f"\n---\n{source}\n ^\nError: Jinja Exception: {words}"}}


def lmstudio(words: str) -> JsonValue:
    """Return an error of LM Studio's template engine, with the advice that follows each."""
    advice = (
        "Alternatively, if you know how to write jinja templates, you can override the prompt template in My Models"
    )
    intro = "This is usually an issue with the model's prompt template. If you are using a popular model, search it."
    return {"error": f'Error rendering prompt with jinja template: "{words}".\n\n{intro} {advice}.'}


TEACH: list[tuple[JsonValue, JsonObject, str, object]] = [
    (jinja("Conversation roles must alternate user/assistant/user/assistant/..."), ALL, "text_after_results", "last_result"),
    (lmstudio("System role not supported"), body(), "system_prompt", "first_user_message"),
    (lmstudio("After the optional system message, conversation roles must alternate user and assistant roles except for tool calls and results."), ALL, "text_after_results", "last_result"),  # Devstral
    (jinja("Only user and assistant roles are supported, with the exception of an initial optional system message!"), LATE, "mid_conversation_system", "user_reminder"),  # Mistral
    (jinja("This model only supports single tool-calls at once!"), TWICE, "calls_in_message", "one"),  # Llama 3 (vLLM issue 25108)
    (jinja("Cannot pass both content and thinking in an assistant message with tool calls! Put the analysis message in one or the other, but not both."), REASONED, "earlier_reasoning", "drop"),  # gpt-oss (llama.cpp issue 19701)
    (lmstudio("Cannot call something that is not a function: got UndefinedValue"), ALL, "empty_content", "empty_string"),
    ("[json.exception.type_error.302] type must be string, but is null", ALL, "empty_content", "empty_string"),  # llama.cpp
    ("Value is not callable: null at row 49, column 79:\n {%- set content = (m_content.split('</think>')|last) %}", ALL, "empty_content", "empty_string"),  # llama.cpp, minja (jan issue 6123)
    ("litellm.BadRequestError: OpenAIException - messages[2]: assistant message with tool_calls must include reasoning_content.", ALL, "earlier_reasoning", "reasoning_content"),  # DeepSeek-Reasonix issue 6173
    ("'NoneType' object is not iterable", ALL, "empty_content", "empty_string"),  # vLLM, a template
    ("invalid message content type: <nil>", ALL, "empty_content", "empty_string"),  # Ollama
    ("'messages.2' : for 'role:assistant' the following must be satisfied[('messages.2.content' : value must be a string)]", ALL, "empty_content", "empty_string"),  # Groq (livekit issue 1790)
    ("Invalid request: the message at position 2 with role 'assistant' must not be empty", ALL, "empty_content", "empty_string"),  # Moonshot
    ({"error": {"code": "1214", "message": "messages[2].content 不能为空"}}, ALL, "empty_content", "empty_string"),  # Zhipu
    ({"detail": [{"type": "literal_error", "loc": ["body", "messages", 3, "role"], "msg": "Input should be 'system', 'user' or 'assistant'"}]}, ALL, "tools_sent_as", "words"),  # pydantic 2
    ({"detail": [{"type": "enum", "loc": ["body", "messages", 3, "role"], "msg": "value is not a valid enumeration member; permitted: 'system', 'user', 'assistant'"}]}, ALL, "tools_sent_as", "words"),  # pydantic 1
    ({"detail": [{"loc": ["body", "messages", 0, "role"], "msg": "Input should be 'user' or 'assistant'"}]}, body(), "system_prompt", "first_user_message"),
    ("'messages.3' : discriminator property 'role' has invalid value", ALL, "tools_sent_as", "words"),  # Groq
    ("Invalid role 'tool'. Must be one of ['system', 'user', 'assistant']", ALL, "tools_sent_as", "words"),
    ("Invalid value: 'tool'. Supported values are: 'system', 'assistant', 'user'.", ALL, "tools_sent_as", "words"),  # OpenAI
    ("System message can only be at the first position", LATE, "mid_conversation_system", "user_reminder"),
    ("messages[1].role: system role is only allowed in the first message", LATE, "mid_conversation_system", "user_reminder"),
    ("After tool messages, an assistant message is expected", ALL, "text_after_results", "last_result"),
    ("messages.2: `tool_use` ids were found without `tool_result` blocks immediately after: call00001.", ALL, "text_after_results", "last_result"),  # Anthropic, Bedrock
    ("Assistant message cannot be the last", PREFILL, "prefill", "in_question"),
    ([{"error": {"code": 400, "message": "Please use a valid role: user, model."}}], body(), "system_prompt", "first_user_message"),  # Gemini
    ({"error": {"message": "Unsupported value.", "param": "messages[0].role", "code": "unsupported_value"}}, body(), "system_prompt", "first_user_message"),  # OpenAI, o1
    ({"message": "A conversation must start with a user message. Try again with a conversation that starts with a user message."}, body(), "system_prompt", "first_user_message"),  # Bedrock
    ("messages 中不支持 system 角色", body(), "system_prompt", "first_user_message"),
    ("messages 中 system 角色必须位于列表的最开始", LATE, "mid_conversation_system", "user_reminder"),  # Hunyuan
    ("messages 中 user 和 assistant 角色需要交替出现", ALL, "text_after_results", "last_result"),  # Hunyuan
    ("deepseek-reasoner does not support successive user or assistant messages (messages[1] and messages[2] in your input). You should interleave the user/assistant messages in the message sequence.", LATE, "mid_conversation_system", "user_reminder"),  # DeepSeek
    ([{"error": {"message": "Please ensure that the messages array ends with a user or tool role."}}], PREFILL, "prefill", "in_question"),  # Gemini
    ("最后一条消息的角色必须为 user 或 tool", PREFILL, "prefill", "in_question"),
    ("The last message of deepseek-reasoner must be a user message, or an assistant message with prefix mode on", PREFILL, "prefill", "in_question"),  # DeepSeek
    ("Function response name is required", ALL, "names_results", True),
    ("messages with role 'tool' must have a 'name'", ALL, "names_results", True),
    ("该模型不支持图片输入", body(PICTURE), "accepts_images", False),
    ("Invalid type for 'messages[0].content': expected string but got an array", body(PICTURE), "accepts_images", False),
]  # fmt: skip


@pytest.mark.parametrize(("error", "sent", "quirk", "value"), TEACH, ids=lambda value: str(value)[-70:])
def test_what_a_refusal_of_messages_teaches(error: JsonValue, sent: JsonObject, quirk: str, value: object) -> None:
    profile = GENERIC if value == "drop" else FORGETTING
    assert learned(error, sent, profile=profile) == (quirk, value)


UNRELATED = [
    lmstudio("Unknown test: sequence"),  # zed issue 45379: "Alternatively" is no order of roles
    "Messages contain unsupported characters",
    "messages: too many messages, must be at most 100",
    "messages: text content blocks must be non-empty",
    "Invalid input: message content must not contain zero characters",
    "Content blocked: prompt injection found in tool result",
    "Your request was rejected by the safety system: system prompt not allowed to contain user data",
    "系统检测到输入或生成内容可能包含不安全或敏感内容，请您避免输入易产生敏感内容的提示语",
    "Error message: the service is busy, please try again after a while",
    "The message could not be delivered. Follow the instructions in order to continue.",
    "No user query found in messages.",  # Qwen3.5's template
]


@pytest.mark.parametrize("error", UNRELATED, ids=str)
def test_an_error_about_what_the_user_wrote_teaches_nothing(error: JsonValue) -> None:
    said = body(SYSTEM, USER, {**CALLING, "content": "Reading."}, RESULT, USER, ANSWER, SYSTEM, USER)
    assert learned(error, said) is None
