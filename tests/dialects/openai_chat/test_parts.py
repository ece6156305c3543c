"""A block becomes text, a picture, or a note about the omitted content."""

from base64 import b64encode

import pytest
from hypothesis import given
from msgspec.structs import replace
from tests.dialects.openai_chat.conversations import (
    PROFILE,
    Shape,
    asked,
    conversation,
    dropped_from,
    messages_of,
    shapes,
)

from anyclaude.dialects.openai_chat.encode import encode_request
from anyclaude.dialects.openai_chat.parts import MAX_DOCUMENT_BYTES
from anyclaude.profiles import BackendProfile
from anyclaude.protocol.detached_data import MIN_DATA_BYTES, RequestBody
from anyclaude.protocol.json_values import JsonObject, JsonValue, decode_json, encode_json
from anyclaude.protocol.remote_calls import MAX_JSON_CHARACTERS

TEXT: JsonObject = {"type": "text", "text": "look"}


def content_of(*blocks: JsonValue, profile: BackendProfile = PROFILE) -> JsonValue:
    return messages_of([{"role": "user", "content": list(blocks)}], profile)[0]["content"]


def dropped(*blocks: JsonValue, profile: BackendProfile = PROFILE) -> dict[str, int]:
    return dropped_from(profile, messages=[{"role": "user", "content": list(blocks)}])


def image(**source: JsonValue) -> JsonObject:
    return {"type": "image", "source": source}


def document(extra: JsonObject | None = None, /, **source: JsonValue) -> JsonObject:
    return {"type": "document", "source": source, **(extra or {})}


PNG = image(type="base64", media_type="image/png", data="AAAA")
ON_THE_WEB = image(type="url", url="https://example.org/a.png")


def test_neighbouring_texts_become_one_string_between_pictures() -> None:
    assert content_of(TEXT, TEXT, PNG, TEXT, ON_THE_WEB) == [
        {"type": "text", "text": "look\n\nlook"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
    ]


def test_a_server_that_does_not_fetch_images_gets_a_note_with_the_url() -> None:
    profile = replace(PROFILE, accepts_image_urls=False)

    assert content_of(ON_THE_WEB, profile=profile) == (
        "[image at https://example.org/a.png omitted: this server does not fetch images]"
    )
    assert dropped(ON_THE_WEB, profile=profile) == {"messages.image.url": 1}


BLIND = replace(PROFILE, accepts_images=False)
UNSEEN = "[image (image/png) omitted: this model cannot see images; the user can choose a model that can]"


def test_for_a_model_that_cannot_see_a_sentence_stands_in_place_of_an_image() -> None:
    assert content_of(TEXT, PNG, profile=BLIND) == f"look\n\n{UNSEEN}"
    assert content_of(ON_THE_WEB, profile=BLIND) == UNSEEN.replace("(image/png)", "at https://example.org/a.png")
    assert dropped(TEXT, PNG, PNG, profile=BLIND) == {"messages.image": 2}


def test_the_same_sentence_stands_in_the_result_of_a_tool() -> None:
    turns: list[JsonValue] = [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "Read", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": [TEXT, PNG]}]},
    ]

    assert messages_of(turns, BLIND)[-1]["content"] == f"look\n\n{UNSEEN}"


def test_the_sentence_names_the_model() -> None:
    request = asked(messages=[{"role": "user", "content": [PNG]}])

    body = encode_request(request, "qwen3-coder", BLIND).request.body

    assert b"the model qwen3-coder cannot see images" in body


@given(shapes)
def test_a_model_that_cannot_see_is_sent_no_image_in_any_turn(shape: list[Shape]) -> None:
    assert "image_url" not in {
        part for message in messages_of(conversation(shape), BLIND) for part in types_in(message)
    }


def types_in(message: JsonObject) -> list[JsonValue]:
    content = message["content"]
    return [part["type"] for part in content if isinstance(part, dict)] if isinstance(content, list) else []


def test_a_picture_that_only_anthropic_can_read_is_recorded_as_dropped() -> None:
    assert dropped(image(type="file", file_id="f")) == {"messages.image.source": 1}


@pytest.mark.parametrize(
    "source",
    [
        {"type": "text", "media_type": "text/plain", "data": "the text"},
        {"type": "content", "content": "the text"},
        {"type": "content", "content": [{"type": "text", "text": "the text"}]},
        {"type": "base64", "media_type": "text/plain", "data": b64encode(b"the text").decode()},
    ],
)
def test_a_document_that_is_text_is_sent_as_text(source: dict[str, JsonValue]) -> None:
    block = document({"title": "Notes", "citations": {"enabled": True}}, **source)

    assert content_of(block) == "Notes\n\nthe text"
    assert dropped(block) == {"messages.document.citations": 1}


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ({"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}, "application/pdf"),
        ({"type": "base64", "media_type": "text/plain", "data": "/w=="}, "text/plain"),
        ({"type": "url", "url": "https://example.org/a.pdf"}, "https://example.org/a.pdf"),
        ({"type": "file", "file_id": "f"}, "an uploaded file"),
        ({"type": "content", "content": [{"no": "type"}]}, "blocks that cannot be read"),
    ],
)
def test_a_document_without_text_leaves_a_note(source: dict[str, JsonValue], what: str) -> None:
    assert content_of(TEXT, document(**source)) == (
        f"look\n\n[document ({what}) omitted: only its text could be sent, and it has none]"
    )
    assert dropped(document(**source)) == {"messages.document": 1}


def test_a_tool_found_by_a_search_is_named() -> None:
    found: JsonValue = [
        {"type": "tool_reference", "tool_name": "WebFetch"},
        {"type": "tool_reference", "tool_name": "Glob"},
    ]
    turns: list[JsonValue] = [
        {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "ToolSearch", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": found}]},
    ]

    assert messages_of(turns)[-1]["content"] == "The tool WebFetch is now available.\n\nThe tool Glob is now available."


def test_a_system_prompt_is_text_only() -> None:
    system: JsonValue = [TEXT, PNG, {**TEXT, "cache_control": {"type": "ephemeral"}}]

    (first, _) = messages_of([{"role": "user", "content": "hi"}], system=system)

    assert first == {"role": "system", "content": "look\n\nlook"}
    assert dropped_from(system=system) == {"system.image": 1, "cache_control": 1}


def test_no_more_text_of_documents_is_sent_than_its_bound() -> None:
    def text(size: int) -> JsonObject:
        return document(type="base64", media_type="text/plain", data=b64encode(b"x" * size).decode())

    half = MAX_DOCUMENT_BYTES * 3 // 8

    assert content_of(text(half), text(half)) == "x" * half + "\n\n" + "x" * half
    assert content_of(text(half), text(half), text(9)) == "\n\n".join(
        ["x" * half, "x" * half, "[document (text/plain) omitted: only its text could be sent, and it has none]"]
    )


FOUND: JsonObject = {
    "type": "search_result",
    "title": "Tides",
    "source": "https://tides.example/",
    "content": [{"type": "text", "text": "High at two."}, {"type": "text", "text": "Low at eight."}],
}
MARKED: JsonObject = {"cache_control": {"type": "ephemeral"}}


@pytest.mark.parametrize("block", [FOUND, {**FOUND, **MARKED}])
def test_a_search_result_is_text_with_its_title_and_its_source(block: JsonObject) -> None:
    text = "Tides\nhttps://tides.example/\n\nHigh at two.\n\nLow at eight."
    turns: list[JsonValue] = [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "Find", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": [block]}]},
    ]

    assert content_of(block) == text
    assert messages_of(turns)[-1]["content"] == text
    assert "messages.search_result" not in dropped(block)


@pytest.mark.parametrize("extra", [{}, MARKED])
def test_in_place_of_a_file_for_a_container_stands_a_note(extra: JsonObject) -> None:
    upload: JsonObject = {"type": "container_upload", "file_id": "file_1", **extra}

    assert content_of(upload) == "[file file_1 omitted: it is for a container on Anthropic's servers]"
    assert dropped(upload)["messages.container_upload"] == 1


def test_data_in_an_unknown_block_is_not_sent_as_text() -> None:
    body = encode_json({"type": "recording", "data": "A" * MIN_DATA_BYTES})
    json, _ = RequestBody((body,)).detached()

    assert len(json) < MAX_JSON_CHARACTERS
    assert content_of(decode_json(json)) == "[recording omitted: it has no text]"
