"""The text of a page, by its media type: what is made of HTML and PDF, and how text is decoded."""

import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, getincrementaldecoder, lookup
from collections.abc import Sequence
from email.message import Message
from typing import Literal, Protocol, TypeAlias

from msgspec import Struct

from anyclaude.errors import WebToolFailed
from anyclaude.shown_text import shown

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


CHARSETS = frozenset(
    {
        *(
            "utf-8",
            "utf-16-le",
            "utf-16-be",
            "ascii",
            "big5",
            "big5hkscs",
            "cp866",
            "cp874",
            "cp932",
            "cp949",
            "euc_jp",
        ),
        *("euc_kr", "gb18030", "gb2312", "gbk", "iso2022_jp", "koi8-r", "koi8-u", "mac-cyrillic", "mac-roman"),
        *("shift_jis", "tis-620", *(f"cp125{n}" for n in range(9)), *(f"iso8859-{n}" for n in range(1, 17) if n != 12)),
    }
)
"""The codecs of the charsets that browsers know (WHATWG Encoding, section 4.2).  Others of Python's are no charsets, as
`hex`, or take long, as `punycode`."""

SLICE_BYTES = 64 * 1024
SLICE_CHARACTERS = 16 * 1024
"""What is worked on in one call, during which no other thread runs; 2,000,000 characters took up to 646 ms."""


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
    try:
        charset = message.get_content_charset()
    except (TypeError, ValueError):  # the parser fails on parameters with and without a number (RFC 2231)
        charset = None
    return ContentType(message.get_content_type(), _codec(charset or ""))


def decoded(data: bytes, charset: str | None) -> str:
    """Return text, decoded as its byte order mark says, else as its server does, else as browsers do."""
    for mark, marked in _BYTE_ORDER_MARKS.items():
        if data.startswith(mark):
            return _decoded(data, marked, "replace")
    if charset is not None:
        return _decoded(data, charset, "replace")
    try:
        return _decoded(data, "utf-8", "strict")
    except UnicodeDecodeError:
        return _decoded(data, FALLBACK_CHARSET, "replace")


def plain_text(text: str, most: int) -> str:
    """Return the beginning of a text without control characters; a thread that calls this lets others go on."""
    ends = range(0, min(len(text), most), SLICE_CHARACTERS)
    return "".join(shown(text[at : min(at + SLICE_CHARACTERS, most)]) for at in ends)


def as_utf8(data: bytes, charset: str | None) -> bytes:
    """Return HTML in UTF-8 if its server names another charset; one that the page names is left to its reader."""
    return data if charset in {None, "utf-8"} else decoded(data, charset).encode(errors="replace")


def _codec(charset: str) -> str | None:
    try:
        name = lookup(charset).name
    except (LookupError, ValueError):
        return None
    if name == "utf-16":  # the name of both orders of bytes; without a mark, browsers take this one
        name = "utf-16-le"
    return name if name in CHARSETS else None


def _decoded(data: bytes, charset: str, errors: str) -> str:
    decoder = getincrementaldecoder(charset)(errors)
    slices = [decoder.decode(data[at : at + SLICE_BYTES]) for at in range(0, len(data), SLICE_BYTES)]
    return "".join((*slices, decoder.decode(b"", final=True)))
