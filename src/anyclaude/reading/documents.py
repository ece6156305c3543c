"""Documents as the reading process reads them."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from anyclaude.errors import Unreadable

from .frames import Options
from .reader import Reader

MAX_PAGES = 2_000
"""Of a PDF.  A page that has text has about 2,000 characters, so these fill any window."""

MAX_CHARACTERS = 2_000_000
"""Of a document: 500,000 tokens, half of the largest window in use."""


class ReadDocument(msgspec.Struct, frozen=True):
    """A document that was read: its pages from the first on, as many as the bounds allow."""

    title: str | None
    pages: tuple[str, ...]
    """The text of each page, empty for one without text.  HTML is one page."""
    page_count: int
    """All pages that the document has."""
    is_cut: bool
    """Whether the last of `pages` is not whole."""

    @property
    def characters(self) -> int:
        """The length of all pages."""
        return sum(map(len, self.pages))


async def read_pdf(
    reader: Reader,
    data: bytes | Sequence[bytes],
    max_pages: int = MAX_PAGES,
    max_characters: int = MAX_CHARACTERS,
    *,
    is_base64: bool = False,
) -> ReadDocument:
    """
    Return the text of a PDF, page by page.

    Raises:
        Unreadable: when it is encrypted, broken, without text (scanned), or takes too much memory or time.
    """
    options: Options = {"max_pages": max_pages, "max_characters": min(max_characters, MAX_CHARACTERS)}
    document = await _read(reader, "pdf", data, options, is_base64=is_base64)
    if not any(document.pages):
        raise Unreadable("no_text", "its pages have no text, as those of a scanned document")
    return document


async def read_html(
    reader: Reader,
    data: bytes | Sequence[bytes],
    url: str | None = None,
    max_characters: int = MAX_CHARACTERS,
    *,
    is_base64: bool = False,
) -> ReadDocument:
    """
    Return the main text of a page of HTML as Markdown; `url` is where relative links begin.

    Raises `Unreadable` as `read_pdf` does, and where the extra `web` is not installed.
    """
    options: Options = {"url": url, "max_characters": min(max_characters, MAX_CHARACTERS)}
    return await _read(reader, "html", data, options, is_base64=is_base64)


async def read_text(
    reader: Reader,
    data: bytes | Sequence[bytes],
    max_characters: int = MAX_CHARACTERS,
    *,
    is_base64: bool = False,
) -> ReadDocument:
    """Return a text of UTF-8 as the only page.  Raises `Unreadable`."""
    options: Options = {"max_characters": min(max_characters, MAX_CHARACTERS)}
    return await _read(reader, "text", data, options, is_base64=is_base64)


class DocumentReading:
    """Both by the kind of a file."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def read(self, kind: Literal["pdf", "html"], data: bytes) -> ReadDocument:
        """Return the text of a document.  Raises `Unreadable`."""
        return await (read_pdf(self._reader, data) if kind == "pdf" else read_html(self._reader, data))


async def _read(
    reader: Reader, kind: str, data: bytes | Sequence[bytes], options: Options, *, is_base64: bool
) -> ReadDocument:
    result = await reader.read(kind, data, options, is_base64=is_base64)
    return msgspec.convert(result.value, type=ReadDocument)
