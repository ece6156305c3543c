"""Results of searches and fetches, as the model reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.protocol.content import ContentBlock, TextBlock, ToolUseBlock, UnknownBlock, decode_block
from anyclaude.protocol.json_values import JsonValue
from anyclaude.protocol.server_tools import FROM_THE_WEB, sealed, server_tool_call, server_tool_result, unsealed

HIT: JsonValue = {
    "type": "web_search_result",
    "url": "https://a.example/",
    "title": "A",
    "encrypted_content": sealed("An excerpt."),
    "page_age": "2 days ago",
}


def block(kind: str, content: JsonValue) -> ContentBlock:
    return decode_block({"type": kind, "tool_use_id": "srvtoolu_1", "content": content}, "block")


def text_of(kind: str, content: JsonValue) -> str:
    result = server_tool_result(block(kind, content))
    assert result is not None
    return result.text


@given(st.text())
def test_a_sealed_text_is_read_again(text: str) -> None:
    assert unsealed(sealed(text)) == text.encode(errors="replace").decode()


@given(st.one_of(st.none(), st.integers(), st.text(), st.binary().map(lambda data: data.hex())))
def test_what_others_have_encrypted_is_no_text(content: JsonValue) -> None:
    assert unsealed(content) == ""


def test_a_hit_has_its_title_its_address_and_its_excerpt() -> None:
    assert text_of("web_search_tool_result", [HIT]) == (
        f"{FROM_THE_WEB}\n\n1. A\nhttps://a.example/ (2 days ago)\nAn excerpt."
    )


def test_a_hit_of_anthropics_servers_has_its_title_and_its_address() -> None:
    foreign: JsonValue = {
        "type": "web_search_result",
        "url": "https://b.example/",
        "title": "B",
        "encrypted_content": "EqgfCioIARgBIiQ3YTAwMjY1Mi1mZjM5LTQ1NGUtODgxNC1kNjNj",
    }

    assert text_of("web_search_tool_result", [foreign]).endswith("1. B\nhttps://b.example/")


def test_an_empty_search_is_said_to_have_found_nothing() -> None:
    assert "found nothing" in text_of("web_search_tool_result", [])


@pytest.mark.parametrize("code", ["unavailable", "max_uses_exceeded", "a code of the future"])
def test_an_error_is_no_result(code: str) -> None:
    result = server_tool_result(
        block("web_search_tool_result", {"type": "web_search_tool_result_error", "error_code": code})
    )

    assert result is not None
    assert result.is_error
    assert "Nothing may be taken for its result" in result.text


def test_a_page_has_its_title_its_address_and_its_text() -> None:
    page: JsonValue = {
        "type": "web_fetch_result",
        "url": "https://a.example/",
        "content": {
            "type": "document",
            "title": "A",
            "source": {"type": "text", "media_type": "text/plain", "data": "Text."},
        },
    }

    assert text_of("web_fetch_tool_result", page) == f"{FROM_THE_WEB}\nA\nhttps://a.example/\n\nText."


@pytest.mark.parametrize("content", [None, "text", 3, {"url": "x"}, [3, None]])
def test_content_in_another_form_is_no_failure(content: JsonValue) -> None:
    assert text_of("web_fetch_tool_result", content)
    assert text_of("web_search_tool_result", content)


def test_a_call_is_one_of_these_tools() -> None:
    given: JsonValue = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}

    assert server_tool_call(decode_block(given, "b")) == ToolUseBlock("srvtoolu_1", "web_search", {"query": "x"})
    assert server_tool_call(TextBlock("x")) is None
    assert server_tool_call(UnknownBlock("server_tool_use", {"id": "1", "name": "bash_code_execution"})) is None
    assert server_tool_result(TextBlock("x")) is None
