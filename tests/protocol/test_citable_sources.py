"""What a reply may cite, and citations in the shapes of the official SDK."""

from collections.abc import Mapping

import pytest
from anthropic.types import TextCitation
from pydantic import TypeAdapter
from tests.sdk.clients import parse_strictly

from anyclaude.protocol.citable_sources import MAX_CITED_CHARACTERS, CitableSource, citable_sources
from anyclaude.protocol.content import ContentBlock, DocumentBlock, PagesSource, blocks_of, decode_content
from anyclaude.protocol.json_values import JsonValue, encode_json
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.protocol.server_tools import sealed

ENABLED: Mapping[str, JsonValue] = {"citations": {"enabled": True}}
TEXT: JsonValue = {"type": "text", "media_type": "text/plain", "data": "A text."}
BLOCKS: JsonValue = [{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}]
PAGES = DocumentBlock(PagesSource(("First page.", "Second page.")), {"title": "Report", **ENABLED})


def sources_of(*raw: JsonValue, then: tuple[ContentBlock, ...] = (), role: str = "user") -> tuple[CitableSource, ...]:
    content = (*blocks_of(decode_content(list(raw), "content")), *then)
    return citable_sources(MessagesRequest(model="m", max_tokens=1, messages=(Turn(role, content),)))


def test_documents_are_counted_even_those_that_are_not_cited() -> None:
    plain: JsonValue = {"type": "document", "source": TEXT}
    cited: JsonValue = {"type": "document", "source": TEXT, "title": "Notes", **ENABLED}
    content: JsonValue = {"type": "document", "source": {"type": "content", "content": BLOCKS}, **ENABLED}

    assert sources_of(plain, cited, content, then=(PAGES,)) == (
        CitableSource("char_location", ("A text.",), 1, "Notes"),
        CitableSource("content_block_location", ("One.", "Two."), 2),
        CitableSource("page_location", ("First page.", "Second page."), 3, "Report"),
    )


def test_search_results_are_found_in_the_results_of_tools_too_and_counted_apart() -> None:
    result: JsonValue = {"type": "search_result", "source": "s", "title": "T", "content": BLOCKS, **ENABLED}
    nested: JsonValue = {"type": "tool_result", "tool_use_id": "t", "content": [result]}

    assert [source.index for source in sources_of(result, nested)] == [0, 1]


def test_what_a_web_search_has_found_is_always_cited() -> None:
    hit: JsonValue = {
        "type": "web_search_result",
        "url": "https://a.example",
        "title": "A",
        "encrypted_content": sealed("High water is at noon."),
    }
    result: JsonValue = {"type": "web_search_tool_result", "tool_use_id": "t", "content": [hit, {"url": 1}]}

    assert sources_of(result, role="assistant") == (
        CitableSource("web_search_result_location", ("High water is at noon.",), 0, "A", "https://a.example"),
    )


@pytest.mark.parametrize("fields", [{"citations": None}, {"citations": {"enabled": False}}, {"citations": 1}])
def test_what_the_client_does_not_want_cited_is_no_source(fields: Mapping[str, JsonValue]) -> None:
    assert sources_of({"type": "document", "source": TEXT, **fields}) == ()


@pytest.mark.parametrize(
    ("source", "place"),
    [
        (CitableSource("char_location", ("The text.",), 1, "T"), {"start_char_index": 4, "end_char_index": 8}),
        (CitableSource("page_location", ("The text.",)), {"start_page_number": 1, "end_page_number": 2}),
        (CitableSource("content_block_location", ("The text.",)), {"start_block_index": 0, "end_block_index": 1}),
        (CitableSource("search_result_location", ("The text.",), 2, "T", "s"), {"search_result_index": 2}),
        (CitableSource("web_search_result_location", ("The text.",), 0, "T", "https://a.example"), {"title": "T"}),
    ],
)
def test_a_citation_has_the_shape_that_the_sdk_knows(source: CitableSource, place: Mapping[str, JsonValue]) -> None:
    citation = source.citation(0, 4, 8)

    parse_strictly(TypeAdapter(TextCitation), encode_json(citation))
    is_block = source.kind in {"content_block_location", "search_result_location"}
    assert citation["cited_text"] == ("The text." if is_block else "text")
    assert citation.items() >= place.items()


def test_of_a_page_from_the_web_little_is_cited() -> None:
    source = CitableSource("web_search_result_location", ("x" * 500,))

    assert source.citation(0, 0, 500)["cited_text"] == "x" * MAX_CITED_CHARACTERS
