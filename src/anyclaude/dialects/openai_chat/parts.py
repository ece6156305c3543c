"""
Encode the content of a message: text and pictures, which is all that Chat Completions can carry.

Any other block becomes its text, if it has any, and otherwise a note in its place that the model can read; the dropped
block and the reason are recorded.
"""

from base64 import b64decode
from binascii import Error as BadBase64
from typing import TypeAlias, assert_never

from msgspec import Struct

from anyclaude.errors import InvalidRequest
from anyclaude.profiles import BackendProfile
from anyclaude.protocol.content import (
    Base64Source,
    ContentBlock,
    DocumentBlock,
    ImageBlock,
    OtherSource,
    PagesSource,
    RedactedThinkingBlock,
    Source,
    TextBlock,
    ThinkingBlock,
    ToolReferenceBlock,
    ToolResultBlock,
    ToolUseBlock,
    UnknownBlock,
    UrlSource,
    decode_block,
)
from anyclaude.protocol.detached_data import NO_DATA, DetachedData, has_mark, size_of, text_of
from anyclaude.protocol.json_values import JsonObject, JsonValue, encode_json
from anyclaude.protocol.picture_header import file_bytes, header_of
from anyclaude.protocol.remote_calls import MAX_JSON_CHARACTERS
from anyclaude.tool_schemas import wire_name

from .dropped_fields import NO_SUCH_BLOCK, DroppedFields

SEPARATOR = "\n\n"
"""Separates text blocks that become one string, such as the blocks of a system prompt."""


class Picture(Struct, frozen=True):
    """A picture, as the URL in which it is sent."""

    url: str


Part: TypeAlias = str | Picture

IN_CONTAINER = "it is for a container on Anthropic's servers"

MAX_DOCUMENT_BYTES = 2 * 1024 * 1024
"""The base64 of all text documents that are sent, whose text is decoded and encoded again: 400,000 tokens."""


class PartReader:
    """Reads blocks as parts; `path` is their location, for the record of dropped fields."""

    def __init__(
        self, dropped: DroppedFields, profile: BackendProfile, model: str = "", detached: DetachedData = NO_DATA
    ) -> None:
        """Read for a server and its `model`, which is named where it cannot see a picture."""
        self._dropped = dropped
        self._profile = profile
        self._model = f"the model {model}" if model else "this model"
        self._detached = detached
        self._room_for_documents = MAX_DOCUMENT_BYTES

    def parts(self, blocks: tuple[ContentBlock, ...], path: str) -> list[Part]:
        """Return the parts of some blocks, in their order."""
        return [part for block in blocks for part in self.parts_of(block, path)]

    def parts_of(self, block: ContentBlock, path: str) -> list[Part]:
        """Return the parts of one block."""
        match block:
            case TextBlock(text, extra):
                self._dropped.note_fields(f"{path}.text.", _without_citations(extra))
                return [text] if text else []
            case ImageBlock():
                self._dropped.note_fields(f"{path}.image.", block.extra)
                return [self._picture(block, path)]
            case DocumentBlock():
                return self._document(block, path)
            case ToolReferenceBlock(name, extra):
                self._dropped.note_fields(f"{path}.tool_reference.", extra)
                return [f"The tool {wire_name(name, self._profile.tool_names)} is now available."]
            case UnknownBlock("search_result", raw) if parts := self._search_result(raw, path):
                return parts
            case UnknownBlock("container_upload", raw):
                return [self._missing(f"{path}.container_upload", f"file {raw.get('file_id')}", IN_CONTAINER)]
            case UnknownBlock():
                return self._unknown(block, path)
            case _:
                self.drop(block, path)
                return []

    def _unknown(self, block: UnknownBlock, path: str) -> list[Part]:
        """Return the text in a block, else its JSON, else a note in its place."""
        self.drop(block, path)
        texts = [block.raw.get(name) for name in ("title", "text", "content")]
        parts: list[Part] = [text for text in texts if isinstance(text, str) and text]
        content = block.raw.get("content")
        if isinstance(content, list):
            parts += self._nested(content, path)
        if parts:
            return parts
        # A cache marker moves from turn to turn, and would move the prompt with it.
        fields: JsonObject = {name: value for name, value in block.raw.items() if name not in {"type", "cache_control"}}
        text = encode_json({"type": block.type, **fields}).decode() if fields else ""
        is_sent = 0 < len(text) <= MAX_JSON_CHARACTERS and not has_mark(text)
        return [text if is_sent else f"[{block.type} omitted: it has no text]"]

    def _search_result(self, raw: JsonObject, path: str) -> list[Part]:
        """Return a result with its title and its source, nothing if it has no text."""
        head = [text for name in ("title", "source") if isinstance(text := raw.get(name), str) and text]
        parts = self._nested(raw.get("content"), f"{path}.search_result")
        return [*(["\n".join(head)] if head else []), *parts] if parts else []

    def drop(self, block: ContentBlock, path: str) -> None:
        """Record a block that cannot be sent."""
        self._dropped.note(f"{path}.{_kind(block)}", NO_SUCH_BLOCK)

    def _picture(self, block: ImageBlock, path: str) -> Part:
        """Return the picture, or a text in its place that is the same in every turn, so that the prefix stays."""
        source = block.source
        if block.unusable_because:
            return self._missing(f"{path}.image", self._name(source), block.unusable_because)
        if not self._profile.accepts_images:
            why = f"{self._model} cannot see images"
            if block.description:
                self._dropped.note(f"{path}.image", f"{why}, and gets a description")
                return f"[{self._name(source)}, in words, because {why}]\n{block.description}"
            return self._missing(f"{path}.image", self._name(source), f"{why}; the user can choose a model that can")
        match source:
            case Base64Source(media_type, data, extra):
                self._dropped.note_fields(f"{path}.image.source.", extra)
                return Picture(f"data:{media_type};base64,{data}")
            case UrlSource(url, extra) if self._profile.accepts_image_urls:
                self._dropped.note_fields(f"{path}.image.source.", extra)
                return Picture(url)
            case UrlSource(url):
                return self._missing(f"{path}.image.url", f"image at {url}", "this server does not fetch images")
            case OtherSource() | PagesSource():
                return self._missing(f"{path}.image.source", "image", "only Anthropic's servers can read this source")
            case _:
                assert_never(source)

    def _name(self, source: Source) -> str:
        """Return a name for a picture: with its type, its size in pixels, and that of its file."""
        if isinstance(source, UrlSource):
            return f"image at {source.url}"
        if not isinstance(source, Base64Source):
            return "image"
        header = header_of(source.data, self._detached)
        if header is None:
            return f"image ({source.media_type})"
        size = f"{file_bytes(source.data, self._detached):,} bytes"
        pixels = f", {header.width} x {header.height} pixels" if header.width else ""
        return f"image ({header.media_type}{pixels}, {size})"

    def _document(self, block: DocumentBlock, path: str) -> list[Part]:
        named = {name: block.extra[name] for name in ("title", "context") if isinstance(block.extra.get(name), str)}
        self._dropped.note_fields(
            f"{path}.document.", {name: value for name, value in block.extra.items() if name not in named and value}
        )
        body = self._document_body(block.source, path)
        return [*(str(text) for text in named.values() if text), *body]

    def _document_body(self, source: Source, path: str) -> list[Part]:
        match source:
            case OtherSource({"type": "text", "data": str(text)}):
                return [text] if text else []
            case OtherSource({"type": "content", "content": content}):
                return self._nested(content, path)
            case Base64Source(media_type, data) if media_type.startswith("text/"):
                text = self._text_in(data)
                return [text] if text else [self._omitted_document(path, media_type)]
            case Base64Source(media_type):
                return [self._omitted_document(path, media_type)]
            case UrlSource(url):
                return [self._omitted_document(path, url)]
            case OtherSource():
                return [self._omitted_document(path, "an uploaded file")]
            case PagesSource(pages, note):
                return [*(page for page in pages if page), *([f"[{note}]"] if note else [])]
            case _:
                assert_never(source)

    def _text_in(self, data: str) -> str:
        """Return the text in base64, none if it cannot be read or is too long."""
        self._room_for_documents -= size_of(data, self._detached)
        if self._room_for_documents < 0:
            return ""
        try:
            return b64decode(text_of(data, self._detached)).decode()
        except (BadBase64, UnicodeDecodeError):
            return ""

    def _nested(self, content: JsonValue, path: str) -> list[Part]:
        if isinstance(content, str):
            return [content] if content else []
        try:
            items = content if isinstance(content, list) else []
            blocks = tuple(decode_block(item, f"{path}.document") for item in items)
        except InvalidRequest:
            return [self._omitted_document(path, "blocks that cannot be read")]
        return self.parts(blocks, f"{path}.document")

    def _omitted_document(self, path: str, what: str) -> Part:
        return self._missing(f"{path}.document", f"document ({what})", "only its text could be sent, and it has none")

    def _missing(self, what: str, name: str, why: str) -> str:
        self._dropped.note(what, why)
        return f"[{name} omitted: {why}]"


def is_cited(block: TextBlock) -> bool:
    """Return whether a text has citations, which may be none that were kept: it is a part of a divided text."""
    return isinstance(block.extra.get("citations"), list)


def _without_citations(extra: JsonObject) -> JsonObject:
    """Return fields without the citations, which no model reads (docs: "Citations", they are not counted either)."""
    return {name: value for name, value in extra.items() if name != "citations"} if "citations" in extra else extra


def joined_text(parts: list[Part]) -> str:
    """Return the text of the parts, unchanged, without pictures."""
    return SEPARATOR.join(part for part in parts if isinstance(part, str))


def encode_parts(parts: list[Part]) -> JsonValue:
    """Return the content of a message: one string, or a list if it has a picture."""
    if all(isinstance(part, str) for part in parts):
        return joined_text(parts)
    encoded: list[JsonObject] = []
    texts: list[Part] = []
    for part in parts:
        if isinstance(part, str):
            texts.append(part)
            continue
        encoded.extend(_encode_texts(texts))
        encoded.append({"type": "image_url", "image_url": {"url": part.url}})
        texts = []
    return [*encoded, *_encode_texts(texts)]


def _encode_texts(texts: list[Part]) -> list[JsonObject]:
    return [{"type": "text", "text": joined_text(texts)}] if texts else []


def _kind(block: ContentBlock) -> str:
    match block:
        case UnknownBlock(kind, _):
            return kind
        case ThinkingBlock():
            return "thinking"
        case RedactedThinkingBlock():
            return "redacted_thinking"
        case ToolUseBlock():
            return "tool_use"
        case ToolResultBlock():
            return "tool_result"
        case TextBlock():
            return "text"
        case ImageBlock():
            return "image"
        case DocumentBlock():
            return "document"
        case ToolReferenceBlock():
            return "tool_reference"
        case _:
            assert_never(block)
