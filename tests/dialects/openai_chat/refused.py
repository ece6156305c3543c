"""Bodies that were refused, as the encoder makes them, and what a refusal of them teaches."""

from msgspec.structs import replace

from anyclaude.dialects import WireRequest
from anyclaude.dialects.openai_chat.amending import amendment_for
from anyclaude.dialects.openai_chat.rejections import rejection
from anyclaude.profiles import BackendProfile, profile_named
from anyclaude.protocol.json_values import JsonObject, JsonValue, encode_json

GENERIC = replace(
    profile_named("generic"), mid_conversation_system="system_message", earlier_reasoning="reasoning_content"
)
FORGETTING = replace(GENERIC, earlier_reasoning="drop")

TOOL: JsonObject = {"type": "function", "function": {"name": "Read", "parameters": {"type": "object"}}}
CALL: JsonObject = {"id": "call00001", "type": "function", "function": {"name": "Read", "arguments": "{}"}}
SYSTEM: JsonObject = {"role": "system", "content": "Be brief."}
USER: JsonObject = {"role": "user", "content": "Hello"}
CALLING: JsonObject = {"role": "assistant", "content": None, "tool_calls": [CALL]}
CALLING_TWICE: JsonObject = {"role": "assistant", "content": None, "tool_calls": [CALL, {**CALL, "id": "call00002"}]}
RESULT: JsonObject = {"role": "tool", "tool_call_id": "call00001", "content": "text"}
ANSWER: JsonObject = {"role": "assistant", "content": "{"}
PICTURE: JsonObject = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png,"}}]}
NAMED: JsonObject = {"type": "function", "function": {"name": "Read"}}
SCHEMA: JsonObject = {"type": "json_schema", "json_schema": {"name": "reply", "schema": {"type": "object"}}}


def body(*messages: JsonObject, **fields: JsonValue) -> JsonObject:
    """Return a body as the encoder makes it."""
    return {
        "model": "m",
        "messages": [*(messages or (SYSTEM, USER))],
        "max_tokens": 32_000,
        "stream": True,
        "stream_options": {"include_usage": True},
        **fields,
    }


ALL = body(
    SYSTEM,
    USER,
    CALLING,
    RESULT,
    USER,
    tools=[TOOL],
    tool_choice="auto",
    parallel_tool_calls=False,
    temperature=0.7,
    top_p=0.9,
    top_k=40,
    stop=["a", "b", "c", "d", "e"],
    reasoning_effort="high",
    chat_template_kwargs={"enable_thinking": True},
    frequency_penalty=1.0,
    session_id="s",
)


def learned(
    error: JsonValue, sent: JsonObject, status: int = 400, profile: BackendProfile = GENERIC
) -> tuple[str, object] | None:
    """Return the quirk and the value that a refusal teaches; a text is the message of an error as OpenAI's."""
    raw: JsonValue = {"error": {"message": error}} if isinstance(error, str) else error
    refusal = rejection(status, encode_json(raw), None, profile)
    amendment = amendment_for(refusal, WireRequest("/chat/completions", encode_json(sent)), profile)
    return None if amendment is None else (amendment.quirk, amendment.value)
