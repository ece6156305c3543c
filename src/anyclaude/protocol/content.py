"""
The content blocks of a conversation.

Known types are typed; every block keeps its unknown fields in `extra`, and a block of an
unknown type is kept whole as `UnknownBlock`.  The client adds fields and types with each
release, and a gateway that rejects or drops them breaks it (the gateway contract: body
fields are an open list).
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias, TypeVar, assert_never

from msgspec import Struct
from msgspec.structs import asdict

from anyclaude.errors import InvalidRequest

from .json_values import JsonObject, JsonValue, encode_json
from .provider_fields import ProviderFields

NOTHING: JsonObject = {}


class TextBlock(Struct, frozen=True, weakref=True):
    """Text."""

    text: str
    extra: JsonObject = NOTHING


class Base64Source(Struct, frozen=True):
    """Data inside the request."""

    media_type: str
    data: str
    extra: JsonObject = NOTHING


class UrlSource(Struct, frozen=True):
    """Data at a URL."""

    url: str
    extra: JsonObject = NOTHING


class OtherSource(Struct, frozen=True):
    """A source of a type that only Anthropic's own API understands, such as an uploaded file."""

    raw: JsonObject


class PagesSource(Struct, frozen=True):
    """What the gateway has read in a document, page by page; never on the wire."""

    pages: tuple[str, ...]
    note: str = ""
    """What of it could not be read, and why, in a sentence."""


Source: TypeAlias = Base64Source | UrlSource | OtherSource | PagesSource


class ImageBlock(Struct, frozen=True):
    """
    An image.

    The last two fields are additions of the gateway, and never on the wire.
    """

    source: Source
    extra: JsonObject = NOTHING
    description: str = ""
    """What another model saw in it, for a model that cannot see it."""
    unusable_because: str = ""
    """Why no model can be shown it, a part of a sentence; empty for one that can be sent."""


class DocumentBlock(Struct, frozen=True):
    """A document; text documents are an `OtherSource` of type `text` or `content`."""

    source: Source
    extra: JsonObject = NOTHING


class ToolUseBlock(Struct, frozen=True):
    """
    A tool call of an earlier turn, as the client returns it.

    The last three fields are additions of the gateway, and never on the wire.
    """

    id: str
    name: str
    input: JsonValue
    extra: JsonObject = NOTHING
    raw_arguments: str | None = None
    """The argument text as the model wrote it, where it is known."""
    written: str | None = None
    """The model's own text of a call that it wrote into the text of its reply, with the whitespace around it."""
    provider_fields: ProviderFields | None = None
    """What the server that made the call wants back with it."""


class ToolResultBlock(Struct, frozen=True):
    """The result of a tool call; `content` is `None` where the client sent none."""

    tool_use_id: str
    content: "str | tuple[ContentBlock, ...] | None" = None
    is_error: bool = False
    extra: JsonObject = NOTHING


class ToolReferenceBlock(Struct, frozen=True):
    """The name of a deferred tool that a tool search has found."""

    tool_name: str
    extra: JsonObject = NOTHING


class ThinkingBlock(Struct, frozen=True):
    """Reasoning of an earlier turn, with its signature."""

    thinking: str
    signature: str = ""
    extra: JsonObject = NOTHING
    cleared: int = 0
    """The characters that were cleared from it for the client; an addition of the gateway, never on the wire."""


class RedactedThinkingBlock(Struct, frozen=True):
    """Reasoning that only Anthropic's own API can read."""

    data: str
    extra: JsonObject = NOTHING


class UnknownBlock(Struct, frozen=True):
    """A block of an unknown type, kept as it was received."""

    type: str
    raw: JsonObject


ContentBlock: TypeAlias = (
    TextBlock
    | ImageBlock
    | DocumentBlock
    | ToolUseBlock
    | ToolResultBlock
    | ToolReferenceBlock
    | ThinkingBlock
    | RedactedThinkingBlock
    | UnknownBlock
)

Content: TypeAlias = str | tuple[ContentBlock, ...]


def blocks_of(content: Content) -> tuple[ContentBlock, ...]:
    """Return content as blocks; a string is one text block, as the API defines."""
    return (TextBlock(content),) if isinstance(content, str) else content


def decode_content(raw: JsonValue, path: str) -> Content:
    """
    Parse a string or a list of blocks; `path` locates it in the request, for error messages.

    Raises:
        InvalidRequest: when it is neither a string nor a list.  Also raised for an invalid block.
    """
    if isinstance(raw, str):
        return raw
    if not isinstance(raw, list):
        raise InvalidRequest(f"{path}: should be a string or a list of content blocks, not {kind_of(raw)}")
    return tuple(decode_block(item, f"{path}.{position}") for position, item in enumerate(raw))


def decode_block(raw: JsonValue, path: str) -> ContentBlock:
    """
    Parse one content block.

    A call and its result are accepted without what the API requires: the client would repeat them in every later
    request, and each would be refused.

    Raises:
        InvalidRequest: for a block of another known type without its required fields, and one without a type.
    """
    fields = Fields(raw, path)
    kind = fields.required("type", str)
    decode = _DECODERS.get(kind)
    return UnknownBlock(kind, fields.raw) if decode is None else decode(fields)


def encode_content(content: Content) -> JsonValue:
    """Return the wire form of content, in the form it was received in: string or list."""
    return content if isinstance(content, str) else [encode_block(block) for block in content]


def encode_block(block: ContentBlock) -> JsonObject:
    """Return the wire form of one block, with every field it was received with."""
    match block:
        case UnknownBlock(_, raw):
            return raw
        case ImageBlock(source, extra) | DocumentBlock(source, extra):
            return {"type": _TYPES[type(block)], "source": _encode_source(source), **extra}
        case ToolResultBlock():
            return _encode_tool_result(block)
        case TextBlock() | ToolUseBlock() | ToolReferenceBlock() | ThinkingBlock() | RedactedThinkingBlock():
            plain = asdict(block)
            plain.pop("extra")
            plain.pop("raw_arguments", None)
            plain.pop("written", None)
            plain.pop("provider_fields", None)
            plain.pop("cleared", None)
            return {"type": _TYPES[type(block)], **plain, **block.extra}
        case _:
            assert_never(block)


def _encode_tool_result(block: ToolResultBlock) -> JsonObject:
    encoded: dict[str, JsonValue] = {"type": "tool_result", "tool_use_id": block.tool_use_id}
    if block.content is not None:
        encoded["content"] = encode_content(block.content)
    if block.is_error:
        encoded["is_error"] = True
    return {**encoded, **block.extra}


def _encode_source(source: Source) -> JsonObject:
    match source:
        case Base64Source(media_type, data, extra):
            return {"type": "base64", "media_type": media_type, "data": data, **extra}
        case UrlSource(url, extra):
            return {"type": "url", "url": url, **extra}
        case OtherSource(raw):
            return raw
        case PagesSource(pages):
            return {"type": "text", "media_type": "text/plain", "data": "\n\n".join(pages)}
        case _:
            assert_never(source)


T = TypeVar("T")


class Fields:
    """The fields of one JSON object, taken one by one; those that were not taken are `rest`."""

    def __init__(self, raw: JsonValue, path: str) -> None:
        """
        Wrap a decoded object; `path` locates it in the request, for error messages, and is empty for the request.

        Raises:
            InvalidRequest: when `raw` is not an object.
        """
        if not isinstance(raw, dict):
            raise InvalidRequest(f"{path or 'request'}: should be an object, not {kind_of(raw)}")
        self.raw: JsonObject = raw
        self.path = path
        self._rest: dict[str, JsonValue] = dict(raw)

    def take(self, name: str) -> JsonValue:
        """Return a field of any type, `None` if it is missing."""
        return self._rest.pop(name, None)

    def required(self, name: str, kind: type[T]) -> T:
        """
        Return a field that must be present and not null.

        Raises:
            InvalidRequest: when it is missing or null.  Also raised for a value of another type.
        """
        if name not in self._rest:
            raise InvalidRequest(f"{self._path_of(name)}: field required")
        value = self.optional(name, kind)
        if value is None:
            raise InvalidRequest(f"{self._path_of(name)}: should be {_NAMES[kind]}, not null")
        return value

    def optional(self, name: str, kind: type[T]) -> T | None:
        """
        Return a field, `None` if it is missing or null.

        Raises:
            InvalidRequest: when the value is of another type, or is a number too large for a float.
        """
        value = self._rest.pop(name, None)
        if value is None:
            return None
        if kind is float and type(value) is int:
            value = self._float_of(value, name)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise InvalidRequest(f"{self._path_of(name)}: should be {_NAMES[kind]}, not {kind_of(value)}")
        return value

    def _float_of(self, value: int, name: str) -> float:
        try:
            return float(value)
        except OverflowError as error:
            raise InvalidRequest(f"{self._path_of(name)}: the number is too large") from error

    def _path_of(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    @property
    def rest(self) -> Mapping[str, JsonValue]:
        """The fields that were not taken."""
        return self._rest or NOTHING


def kind_of(value: JsonValue) -> str:
    """Return the name of a value's JSON type, with its article."""
    return "null" if value is None else _NAMES[type(value)]


_NAMES: dict[type, str] = {
    str: "a string",
    int: "an integer",
    float: "a number",
    bool: "a boolean",
    dict: "an object",
    list: "a list",
}


def _decode_source(raw: JsonValue, path: str) -> Source:
    fields = Fields(raw, path)
    match fields.required("type", str):
        case "base64":
            return Base64Source(fields.required("media_type", str), fields.required("data", str), fields.rest)
        case "url":
            return UrlSource(fields.required("url", str), fields.rest)
        case _:
            return OtherSource(fields.raw)


def _text(fields: Fields) -> TextBlock:
    return TextBlock(fields.required("text", str), fields.rest)


def _image(fields: Fields) -> ImageBlock:
    return ImageBlock(_decode_source(fields.take("source"), f"{fields.path}.source"), fields.rest)


def _document(fields: Fields) -> DocumentBlock:
    return DocumentBlock(_decode_source(fields.take("source"), f"{fields.path}.source"), fields.rest)


def _tool_use(fields: Fields) -> ToolUseBlock:
    return ToolUseBlock(_text_in(fields, "id"), _text_in(fields, "name"), fields.take("input"), fields.rest)


def _tool_result(fields: Fields) -> ToolResultBlock:
    tool_use_id = _text_in(fields, "tool_use_id")
    content = _result_content(fields.take("content"), f"{fields.path}.content")
    return ToolResultBlock(tool_use_id, content, fields.take("is_error") is True, fields.rest)


def _text_in(fields: Fields, name: str) -> str:
    """Return a field that should be a string; the empty string if it is missing, or cannot be written as one."""
    value = fields.take(name)
    return value if isinstance(value, str) else str(value) if type(value) is int else ""


def _result_content(raw: JsonValue, path: str) -> "str | tuple[ContentBlock, ...] | None":
    if raw is None or isinstance(raw, str):
        return raw
    items = raw if isinstance(raw, list) else [raw]
    return tuple(_result_block(item, path) for item in items if item is not None)


def _result_block(raw: JsonValue, path: str) -> ContentBlock:
    """Return a part of a result: a tool is not bound by the API, so any value may be one."""
    if isinstance(raw, str):
        return TextBlock(raw)
    if not isinstance(raw, dict):
        return TextBlock(encode_json(raw).decode())
    try:
        return decode_block(raw, path)
    except InvalidRequest:
        kind = raw.get("type")
        return UnknownBlock(kind if isinstance(kind, str) else "block", raw)


def _tool_reference(fields: Fields) -> ToolReferenceBlock:
    return ToolReferenceBlock(fields.required("tool_name", str), fields.rest)


def _thinking(fields: Fields) -> ThinkingBlock:
    return ThinkingBlock(fields.required("thinking", str), fields.optional("signature", str) or "", fields.rest)


def _redacted_thinking(fields: Fields) -> RedactedThinkingBlock:
    return RedactedThinkingBlock(fields.required("data", str), fields.rest)


_DECODERS: dict[str, Callable[[Fields], ContentBlock]] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    "tool_reference": _tool_reference,
    "thinking": _thinking,
    "redacted_thinking": _redacted_thinking,
}

_TYPES: dict[type[ContentBlock], str] = {
    TextBlock: "text",
    ImageBlock: "image",
    DocumentBlock: "document",
    ToolUseBlock: "tool_use",
    ToolReferenceBlock: "tool_reference",
    ThinkingBlock: "thinking",
    RedactedThinkingBlock: "redacted_thinking",
}
