"""Conversations in which every block has a unique mark, so that a lost one is noticed."""

import json
from collections.abc import Sequence
from typing import TypeAlias

from hypothesis import strategies as st
from msgspec.structs import replace

from anyclaude.dialects.openai_chat import OpenAiChat
from anyclaude.dialects.openai_chat.conversation import encode_conversation
from anyclaude.dialects.openai_chat.dropped_fields import DroppedFields
from anyclaude.profiles import BackendProfile, profile_named
from anyclaude.protocol.json_values import JsonObject, JsonValue, decode_json
from anyclaude.protocol.messages_request import MessagesRequest, request_from

PROFILE = replace(profile_named("vllm"), forces_calls_by="tool_choice")
"""A server that takes every field, and enforces `tool_choice`."""

Shape: TypeAlias = tuple[str, tuple[str, ...]]
"""The shape of a turn: its role, and the kinds of its blocks."""

USER_KINDS = (
    "text", "image", "image_url", "pdf", "text_document", "tool_result", "tool_error", "picture_result", "x_new"
)  # fmt: skip
ASSISTANT_KINDS = ("text", "tool_use", "tool_use", "thinking", "redacted_thinking", "server_tool_use")

user_turns = st.tuples(st.just("user"), st.lists(st.sampled_from(USER_KINDS), max_size=4).map(tuple))
assistant_turns = st.tuples(st.just("assistant"), st.lists(st.sampled_from(ASSISTANT_KINDS), max_size=4).map(tuple))
system_turns = st.tuples(st.just("system"), st.lists(st.just("text"), max_size=2).map(tuple))
shapes: st.SearchStrategy[list[Shape]] = st.lists(
    st.one_of(user_turns, assistant_turns, user_turns, assistant_turns, system_turns), min_size=1, max_size=8
)
"""Any turns in any order; results belong to the calls before them, to none, or twice to one."""


CARRIED = frozenset(USER_KINDS) - {"pdf", "x_new"} | {"tool_use"}
"""The kinds that Chat Completions can carry in one form or another."""

DROPPED = {
    "pdf": "messages.document",
    "x_new": "messages.x_new",
    "thinking": "messages.thinking",
    "redacted_thinking": "messages.redacted_thinking",
    "server_tool_use": "messages.server_tool_use",
}
"""The kinds that it cannot carry, each with its name in the record of dropped fields."""


def marked(shape: Sequence[Shape]) -> list[tuple[str, str]]:
    """Return each block's kind and its mark, in their order."""
    kinds = [kind for _, inside in shape for kind in inside]
    return [(kind, f"m{number}.") for number, kind in enumerate(kinds, 1)]


def conversation(shape: Sequence[Shape]) -> list[JsonObject]:
    """Return the turns of these shapes, each block with its mark."""
    marks = (mark for _, mark in marked(shape))
    open_calls: list[str] = []
    return [
        {"role": role, "content": [_block(kind, next(marks), open_calls) for kind in kinds]} for role, kinds in shape
    ]


def _block(kind: str, mark: str, open_calls: list[str]) -> JsonObject:
    match kind:
        case "tool_use":
            open_calls.append("twice" if len(open_calls) % 3 == 2 else mark)
            return {"type": "tool_use", "id": open_calls[-1], "name": "Read", "input": {"file_path": mark}}
        case "tool_result" | "tool_error":
            return _result(open_calls, mark, is_error=kind == "tool_error")
        case "picture_result":
            words = {"type": "text", "text": mark.replace("m", "t")}
            return _result(open_calls, [words, _plain_block("image", mark)], is_error=False)
        case _:
            return _plain_block(kind, mark)


def _plain_block(kind: str, mark: str) -> JsonObject:
    blocks: dict[str, JsonObject] = {
        "text": {"type": "text", "text": mark},
        "image": {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": mark}},
        "image_url": {"type": "image", "source": {"type": "url", "url": mark}},
        "pdf": {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": mark}},
        "text_document": {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": mark}},
        "thinking": {"type": "thinking", "thinking": mark, "signature": ""},
        "redacted_thinking": {"type": "redacted_thinking", "data": mark},
    }
    return blocks.get(kind, {"type": kind, "what": mark})


def _result(open_calls: list[str], content: JsonValue, is_error: bool) -> JsonObject:
    call = open_calls.pop(0) if open_calls else "no call"
    return {"type": "tool_result", "tool_use_id": call, "content": content, "is_error": is_error}


def asked(**fields: JsonValue) -> MessagesRequest:
    """Return a request with these fields."""
    return request_from(
        {"model": "claude", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}], **fields}
    )


def messages_of(
    turns: Sequence[JsonValue], profile: BackendProfile = PROFILE, /, **fields: JsonValue
) -> list[JsonObject]:
    """Return the messages in which these turns are encoded."""
    return encode_conversation(asked(messages=list(turns), **fields), profile, DroppedFields())


def body_of(profile: BackendProfile = PROFILE, /, **fields: JsonValue) -> JsonObject:
    """Return the body of a request with these fields."""
    body = decode_json(OpenAiChat().encode_request(asked(**fields), "local", profile).request.body)
    assert isinstance(body, dict)
    return body


def dropped_from(profile: BackendProfile = PROFILE, /, **fields: JsonValue) -> dict[str, int]:
    """Return the dropped fields of a request with these fields, each kind with its count."""
    encoded = OpenAiChat().encode_request(asked(**fields), "local", profile)
    return {field.what: field.count for field in encoded.dropped}


def _flattened(messages: list[JsonObject]) -> str:
    """Return the messages as a chat template renders them: each role and part after the other."""
    text = ""
    for message in messages:
        content = message["content"] or ""
        parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
        bodies = [part["text"] if "text" in part else json.dumps(part) for part in parts if isinstance(part, dict)]
        text += f"<{message['role']}>" + "\n\n".join(map(str, bodies)) + json.dumps(message.get("tool_calls"))
    return text


def assert_extends(before: list[JsonObject], after: list[JsonObject]) -> None:
    """Assert that the messages of the next turn keep the earlier ones; the last may grow by the turn after it."""
    closed = before[:-1] if before and before[-1]["role"] in {"user", "assistant", "tool"} else before

    assert after[: len(closed)] == closed
    assert _flattened(after).startswith(_flattened(before).removesuffix("null"))
