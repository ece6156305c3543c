"""
The sources of a conversation that a reply may cite, and the shape of a citation (docs: "Citations", "Search results").

A client asks for citations by `citations: {"enabled": true}` on a document or a search result.  What a web search has
found is always cited (docs: "Web search tool").
"""

from collections.abc import Iterator
from itertools import count
from typing import Literal, TypeAlias, assert_never

from msgspec import Struct

from .content import (
    ContentBlock,
    DocumentBlock,
    OtherSource,
    PagesSource,
    Source,
    ToolResultBlock,
    UnknownBlock,
    blocks_of,
)
from .json_values import JsonObject, JsonValue
from .messages_request import MessagesRequest
from .server_tools import sealed, unsealed

MAX_CITED_CHARACTERS = 150
"""Of a page that a web search has found (docs: "Web search tool", `cited_text`)."""

LocationKind: TypeAlias = Literal[
    "char_location", "page_location", "content_block_location", "search_result_location", "web_search_result_location"
]


class CitableSource(Struct, frozen=True):
    """
    A text that may be cited.

    `texts` is the whole text of a `char_location`, the pages of a `page_location`, the blocks of a
    `content_block_location` and a `search_result_location`, and what was found of a `web_search_result_location`.
    """

    kind: LocationKind
    texts: tuple[str, ...]
    index: int = 0
    """The number of the document among all documents, or of the search result among these, in order, from 0."""
    title: str | None = None
    source: str = ""
    """Of a search result what the client calls its source, of a web search's the address."""

    @property
    def characters(self) -> int:
        """The length of its texts."""
        return sum(map(len, self.texts))

    def citation(self, number: int, start: int, end: int) -> JsonObject:
        """Return a citation of the characters from `start` to before `end` of one of the texts, by its number."""
        text = self.texts[number]
        cited = text[start:end]
        document: JsonObject = {"document_index": self.index, "document_title": self.title, "file_id": None}
        blocks: JsonObject = {"start_block_index": number, "end_block_index": number + 1}
        match self.kind:
            case "char_location":
                place: JsonObject = {**document, "start_char_index": start, "end_char_index": end}
            case "page_location":
                place = {**document, "start_page_number": number + 1, "end_page_number": number + 2}
            case "content_block_location":
                place, cited = {**document, **blocks}, text
            case "search_result_location":
                place, cited = {**blocks, "search_result_index": self.index, **self._origin("source")}, text
            case "web_search_result_location":
                place = {**self._origin("url"), "encrypted_index": sealed(f"{start}-{end}")}
                cited = cited[:MAX_CITED_CHARACTERS]
            case _:
                assert_never(self.kind)
        return {"type": self.kind, "cited_text": cited, **place}

    def _origin(self, name: str) -> JsonObject:
        return {name: self.source, "title": self.title}


def citable_sources(request: MessagesRequest) -> tuple[CitableSource, ...]:
    """Return the sources of a request as it was received, with the documents read, in their order."""
    return tuple(_sources_in(request))


def _sources_in(request: MessagesRequest) -> Iterator[CitableSource]:
    documents, results = count(), count()
    for turn in request.messages:
        if isinstance(turn.content, str):
            continue
        for block in _flat(turn.content):
            match block:
                case DocumentBlock(source, extra):
                    yield from _document(source, extra, next(documents))
                case UnknownBlock("search_result", raw):
                    yield from _search_result(raw, next(results))
                case UnknownBlock("web_search_tool_result", {"content": list(hits)}):
                    yield from _web_results(hits)
                case UnknownBlock("web_fetch_tool_result", {"content": {"content": document}}):
                    yield from _page(document, next(documents))
                case _:
                    pass


def _flat(blocks: tuple[ContentBlock, ...]) -> Iterator[ContentBlock]:
    """Yield blocks, and those in the results of tools."""
    for block in blocks:
        if isinstance(block, ToolResultBlock):
            yield from blocks_of(block.content or ())
        else:
            yield block


def _page(document: JsonValue, index: int) -> Iterator[CitableSource]:
    if isinstance(document, dict):
        source = document.get("source")
        yield from _document(OtherSource(source) if isinstance(source, dict) else None, document, index)


def _document(source: Source | None, fields: JsonObject, index: int) -> Iterator[CitableSource]:
    if not _is_enabled(fields):
        return
    title = _text(fields.get("title"))
    match source:
        case OtherSource({"type": "text", "data": str(text)}):
            yield CitableSource("char_location", (text,), index, title)
        case OtherSource({"type": "content", "content": content}):
            yield CitableSource("content_block_location", _texts(content), index, title)
        case PagesSource(pages):
            yield CitableSource("page_location", pages, index, title)
        case _:
            pass  # what could not be read


def _search_result(raw: JsonObject, index: int) -> Iterator[CitableSource]:
    if _is_enabled(raw):
        texts, title, source = _texts(raw.get("content")), _text(raw.get("title")), _text(raw.get("source"))
        yield CitableSource("search_result_location", texts, index, title, source or "")


def _web_results(hits: list[JsonValue]) -> Iterator[CitableSource]:
    for hit in hits:
        match hit:
            case {"url": str(url), "title": title, "encrypted_content": content}:
                if text := unsealed(content):
                    yield CitableSource("web_search_result_location", (text,), 0, _text(title), url)
            case _:
                pass


def _is_enabled(fields: JsonObject) -> bool:
    match fields.get("citations"):
        case {"enabled": True}:
            return True
        case _:
            return False


def _text(value: JsonValue) -> str | None:
    return value if isinstance(value, str) else None


def _texts(content: JsonValue) -> tuple[str, ...]:
    """Return the texts of blocks, with an empty one for a block that has none: blocks are counted."""
    if isinstance(content, str):
        return (content,)
    blocks = content if isinstance(content, list) else []
    return tuple((_text(block.get("text")) or "") if isinstance(block, dict) else "" for block in blocks)
