"""The text of a page, by its media type: what is made of HTML and PDF, and how text is decoded."""

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, lookup
from collections.abc import Sequence
from email.message import Message
from typing import Literal, Protocol, TypeAlias

from msgspec import Struct

from anyclaude.errors import WebToolFailed

Kind: TypeAlias = Literal["html", "pdf", "text"]

HTML = frozenset({"text/html", "application/xhtml+xml"})

TEXT = frozenset(
    {
        *("application/json", "application/xml", "application/javascript", "application/ecmascript"),
        *("application/x-javascript", "application/yaml", "application/x-yaml", "application/toml", "application/sql"),
        *("application/x-sh", "application/x-ndjson", "application/graphql", "application/rtf"),
    }
)
"""Text that has no type of `text/`; types that end in `+json`, `+xml` and `+yaml` are too (RFC 6839, RFC 9512)."""

_STRUCTURED = re.compile(r"[\w.-]+/[\w.+-]+\+(json|xml|yaml)")

_BYTE_ORDER_MARKS = {BOM_UTF8: "utf-8-sig", BOM_UTF16_LE: "utf-16", BOM_UTF16_BE: "utf-16"}

FALLBACK_CHARSET = "windows-1252"
"""What browsers take for a page that names no charset and is no UTF-8 (WHATWG Encoding, HTML §13.2.3.2)."""


class ReadDocument(Protocol):
    """A document that was read."""

    @property
    def title(self) -> str | None:
        """Its title, if it has one."""

    @property
    def pages(self) -> Sequence[str]:
        """The text of each page; HTML is one."""


class ReadsDocuments(Protocol):
    """What reads HTML and PDF, in a process of its own, bounded in time and memory."""

    async def read(self, kind: Literal["pdf", "html"], data: bytes) -> ReadDocument:
        """Return the text; raises an `AnyclaudeError` for what cannot be read."""
        ...


class ContentType(Struct, frozen=True):
    """What a server says that a body is."""

    media_type: str
    charset: str | None = None

    @property
    def kind(self) -> Kind:
        """
        How it is read.

        Raises:
            WebToolFailed: when it is not.
        """
        if self.media_type in HTML:
            return "html"
        if self.media_type == "application/pdf":
            return "pdf"
        is_text = self.media_type.startswith("text/") or self.media_type in TEXT
        if is_text or _STRUCTURED.fullmatch(self.media_type):
            return "text"
        what = self.media_type or "of no type that its server names"
        raise WebToolFailed(
            "unsupported_content_type",
            f"The page is {what:.100}; only HTML, PDF and text are read. Fetch another page.",
        )


def content_type(header: str) -> ContentType:
    """Return what a `Content-Type` header says; nothing is guessed from the body."""
    message = Message()
    message["Content-Type"] = header
    if "/" not in header.partition(";")[0]:
        return ContentType("")
    charset = message.get_content_charset()
    try:
        return ContentType(message.get_content_type(), lookup(charset).name if charset else None)
    except LookupError:
        return ContentType(message.get_content_type())


def decoded(data: bytes, charset: str | None) -> str:
    """Return text, decoded as its byte order mark says, else as its server does, else as browsers do."""
    for mark, marked in _BYTE_ORDER_MARKS.items():
        if data.startswith(mark):
            return data.decode(marked, errors="replace")
    try:
        return data.decode(charset or "utf-8")
    except UnicodeDecodeError:
        return data.decode(charset or FALLBACK_CHARSET, errors="replace")


def as_utf8(data: bytes, charset: str | None) -> bytes:
    """Return HTML in UTF-8 if its server names another charset; one that the page names is left to its reader."""
    return data if charset in {None, "utf-8"} else decoded(data, charset).encode(errors="replace")
