"""What a server sends for its own use goes back to it unchanged, in its place, and to no other server."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.dialects.openai_chat.conversations import PROFILE, asked
from tests.parts.chat_reply import sse
from tests.parts.json_at import at
from tests.parts.splits import any_split

from anyclaude.dialects.openai_chat import OpenAiChat
from anyclaude.dialects.openai_chat.received_fields import MAX_FIELD_BYTES, ReceivedFields
from anyclaude.dialects.openai_chat.wire import (
    CALL_FIELDS,
    FUNCTION_FIELDS,
    MESSAGE_FIELDS,
    CallPart,
    ChatMessage,
    FunctionPart,
)
from anyclaude.errors import BackendGarbled
from anyclaude.profiles import BackendProfile
from anyclaude.protocol.content import TextBlock, ThinkingBlock, ToolResultBlock, ToolUseBlock
from anyclaude.protocol.deltas import ToolCallDelta
from anyclaude.protocol.json_values import JsonObject, JsonValue, decode_json, encode_json
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.protocol.provider_fields import ProviderFields

SIGNATURE: JsonObject = {"google": {"thought_signature": "c2lnbmF0dXJl"}}
CALL: JsonObject = {"index": 0, "id": "c", "type": "function", "function": {"name": "Read", "arguments": "{}"}}
OTHER: JsonObject = {"index": 1, "id": "d", "type": "function", "function": {"name": "Read", "arguments": "{}"}}
ORIGIN = "https://example.com/v1 model"


def stream_of(*deltas: JsonObject) -> bytes:
    chunks: list[JsonObject] = [{"choices": [{"delta": delta}]} for delta in deltas]
    chunks.append({"choices": [{"delta": {}, "finish_reason": "tool_calls"}]})
    return b"".join(map(sse, chunks))


def received(*pieces: bytes) -> dict[int, ProviderFields]:
    """Return what the reply brings for each call, by slot."""
    decoder = OpenAiChat().decoder("text/event-stream")
    deltas = [delta for piece in pieces for delta in decoder.feed(piece)] + decoder.finish()
    return {
        delta.slot: delta.provider_fields
        for delta in deltas
        if isinstance(delta, ToolCallDelta) and delta.provider_fields is not None
    }


def sent_back(fields: ProviderFields, origin: str = ORIGIN, profile: BackendProfile = PROFILE) -> JsonObject:
    """Return the message of a call with these fields, as it is sent to `origin`."""
    call = ToolUseBlock("toolu_1", "Read", {}, provider_fields=replace(fields, origin=ORIGIN))
    turns = (Turn("user", "x"), Turn("assistant", (call,)), Turn("user", (ToolResultBlock("toolu_1", "y"),)))
    request = MessagesRequest(model="m", max_tokens=1, messages=turns)
    body = decode_json(OpenAiChat().encode_request(request, "model", profile, origin=origin).request.body)
    message = at(body, "messages", 1)
    assert isinstance(message, dict)
    return message


@pytest.mark.parametrize("name", CALL_FIELDS)
def test_a_field_of_a_call_goes_back_with_the_call(name: str) -> None:
    fields = received(stream_of({"tool_calls": [{**CALL, name: SIGNATURE}, OTHER]}))

    assert list(fields) == [0]
    assert at(sent_back(fields[0]), "tool_calls", 0, name) == SIGNATURE


@pytest.mark.parametrize("name", FUNCTION_FIELDS)
def test_a_field_of_a_function_goes_back_with_the_function(name: str) -> None:
    function: JsonObject = {"name": "Read", "arguments": "{}", name: "c2ln"}
    fields = received(stream_of({"tool_calls": [{**CALL, "function": function}]}))

    assert at(sent_back(fields[0]), "tool_calls", 0, "function", name) == "c2ln"


@pytest.mark.parametrize("name", MESSAGE_FIELDS)
def test_a_field_of_a_message_goes_back_with_its_first_call(name: str) -> None:
    fields = received(stream_of({"content": "", name: [SIGNATURE]}, {"tool_calls": [CALL, OTHER]}))

    assert list(fields) == [0]
    assert sent_back(fields[0])[name] == [SIGNATURE]


def test_a_field_may_come_after_its_call_and_in_a_whole_document() -> None:
    later = received(stream_of({"tool_calls": [CALL]}, {"tool_calls": [{"index": 0, "extra_content": SIGNATURE}]}))
    choice: JsonObject = {
        "message": {"reasoning_details": [SIGNATURE], "tool_calls": [{**CALL, "extra_content": SIGNATURE}]},
        "finish_reason": "tool_calls",
    }
    whole = received(encode_json({"choices": [choice]}))

    assert at(sent_back(later[0]), "tool_calls", 0, "extra_content") == SIGNATURE
    assert at(sent_back(whole[0]), "tool_calls", 0, "extra_content") == SIGNATURE
    assert sent_back(whole[0])["reasoning_details"] == [SIGNATURE]


def test_a_field_in_an_irregular_chunk_is_kept() -> None:
    irregular: JsonObject = {**CALL, "index": "0", "extra_content": SIGNATURE}
    fields = received(stream_of({"content": [], "reasoning_details": [SIGNATURE], "tool_calls": [irregular]}))

    assert at(sent_back(fields[0]), "tool_calls", 0, "extra_content") == SIGNATURE
    assert sent_back(fields[0])["reasoning_details"] == [SIGNATURE]


def test_reasoning_that_came_in_pieces_goes_back_in_one() -> None:
    def piece(**fields: JsonValue) -> JsonObject:
        return {"content": "", "reasoning_details": [{"type": "reasoning.text", "index": 0, **fields}]}

    encrypted: JsonObject = {"type": "reasoning.encrypted", "data": "x", "index": 1}
    fields = received(
        stream_of(
            piece(text="I should "),
            piece(text="read it.", signature=None),
            piece(text="", signature="s"),
            {"content": "", "reasoning_details": [encrypted]},
            {"content": "", "reasoning_details": [encrypted]},
            {"tool_calls": [CALL]},
        )
    )

    assert sent_back(fields[0])["reasoning_details"] == [
        {"type": "reasoning.text", "index": 0, "text": "I should read it.", "signature": "s"},
        encrypted,
        encrypted,
    ]


@given(st.data())
def test_the_fields_do_not_depend_on_how_the_reply_is_split(data: st.DataObject) -> None:
    whole = stream_of(
        {"content": "", "reasoning_details": [{"type": "reasoning.text", "text": "a"}]},
        {"tool_calls": [{**CALL, "extra_content": SIGNATURE}]},
    ).decode()

    assert received(*(piece.encode() for piece in data.draw(any_split(whole)))) == received(whole.encode())


def test_unknown_fields_and_replies_without_calls_bring_nothing() -> None:
    assert received(stream_of({"tool_calls": [{**CALL, "x_new": 1}], "x_new": 1})) == {}
    assert received(stream_of({"content": "hello"}, {"content": "", "reasoning_details": [SIGNATURE]})) == {}


def test_nothing_goes_to_another_server_or_model() -> None:
    fields = ProviderFields('{"extra_content":1}', '{"thought_signature":"s"}', '{"reasoning_details":[]}', "thought")
    profile = replace(PROFILE, earlier_reasoning="reasoning_content")

    assert sent_back(fields, "https://example.com/v1 other", profile) == {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "call00001", "type": "function", "function": {"name": "Read", "arguments": "{}"}}],
    }


def test_reasoning_goes_back_as_it_was_received_even_if_the_client_does_not_return_it() -> None:
    fields = received(stream_of({"reasoning_content": "I should "}, {"reasoning": "read it."}, {"tool_calls": [CALL]}))
    profile = replace(PROFILE, earlier_reasoning="reasoning_content")

    assert sent_back(fields[0], profile=profile)["reasoning_content"] == "I should read it."
    assert "reasoning_content" not in sent_back(fields[0])


def test_a_call_without_a_signature_has_a_placeholder_where_the_server_requires_one() -> None:
    profile = replace(PROFILE, requires_signatures=True)
    placeholder = {"google": {"thought_signature": "skip_thought_signature_validator"}}
    call, other = ToolUseBlock("a", "Read", {}), ToolUseBlock("b", "Read", {})
    request = replace(asked(), messages=(Turn("user", "x"), Turn("assistant", (call, other))))
    body = decode_json(OpenAiChat().encode_request(request, "model", profile).request.body)
    signed = ProviderFields(encode_json({"extra_content": SIGNATURE}).decode())

    assert at(body, "messages", 1, "tool_calls", 0, "extra_content") == placeholder
    assert "extra_content" not in str(at(body, "messages", 1, "tool_calls", 1))
    assert at(sent_back(signed, profile=profile), "tool_calls", 0, "extra_content") == SIGNATURE
    assert at(sent_back(signed, "another model", profile), "tool_calls", 0, "extra_content") == placeholder


def test_fields_stay_in_their_place_when_the_conversation_grows() -> None:
    call = ToolUseBlock("t", "Read", {}, provider_fields=ProviderFields('{"extra_content":1}', origin=ORIGIN))
    turns = (
        Turn("user", "x"),
        Turn("assistant", (ThinkingBlock("thought"), call)),
        Turn("user", (ToolResultBlock("t", "y"),)),
        Turn("assistant", (TextBlock("done"),)),
        Turn("user", "z"),
    )

    def messages(length: int) -> list[JsonValue]:
        request = replace(asked(), messages=turns[:length])
        body = decode_json(OpenAiChat().encode_request(request, "model", PROFILE, origin=ORIGIN).request.body)
        sent = at(body, "messages")
        assert isinstance(sent, list)
        return sent

    assert messages(5)[:3] == messages(3)
    assert at(messages(5), 1, "tool_calls", 0, "extra_content") == 1


def item(text: str, **fields: JsonValue) -> ChatMessage:
    return ChatMessage(reasoning_details=[{"type": "reasoning.text", "index": 0, "text": text, **fields}])


def test_fields_without_end_break_the_reply_off() -> None:
    large = ["x" * 1_000_000]
    for message in (ChatMessage(reasoning_details=large), ChatMessage(signature=large[0])):
        fields = ReceivedFields()
        with pytest.raises(BackendGarbled, match="fields"):
            for _ in range(MAX_FIELD_BYTES // 1_000_000 + 1):
                fields.add_message(message)
    fields = ReceivedFields()
    with pytest.raises(BackendGarbled, match="fields"):
        for slot in range(MAX_FIELD_BYTES // 1_000_000 + 1):
            fields.add_call(slot, CallPart(extra_content=large), FunctionPart())


def test_small_items_count_by_the_memory_that_they_take() -> None:
    fields = ReceivedFields()
    message = ChatMessage(reasoning_details=[{}] * 10_000)  # 30 kB as JSON
    with pytest.raises(BackendGarbled, match="fields"):
        for _ in range(MAX_FIELD_BYTES // (60 * 10_000) + 1):
            fields.add_message(message)


def test_a_text_in_many_pieces_is_one_text() -> None:
    fields = ReceivedFields()
    piece = item("x")
    for _ in range(20_000):
        fields.add_message(piece)
    fields.add_message(item("", signature="s"))
    (delta,) = fields.deltas([0])

    assert delta.provider_fields is not None
    received = json.loads(delta.provider_fields.message)["reasoning_details"]
    assert received == [{"type": "reasoning.text", "index": 0, "text": "x" * 20_000, "signature": "s"}]
