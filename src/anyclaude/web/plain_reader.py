"""Reads the words of a page with the standard library."""

from html.parser import HTMLParser
from typing import Literal

from msgspec import Struct

from anyclaude.errors import WebToolFailed
from anyclaude.worker_threads import in_thread_if_large

from .page_text import decoded

SILENT = frozenset({"script", "style", "template", "noscript", "svg", "head"})
"""What is between these tags is not shown."""


class PlainPage(Struct, frozen=True):
    """The words of a page."""

    title: str | None
    pages: tuple[str, ...]


class PlainReader:
    """Reads HTML without its form; no PDF."""

    async def read(self, kind: Literal["pdf", "html"], data: bytes) -> PlainPage:
        """
        Return the words of HTML.

        Raises:
            WebToolFailed: for a PDF.
        """
        if kind == "pdf":
            raise WebToolFailed("unsupported_content_type", "The page is a PDF, which is not read here.")
        return await in_thread_if_large(len(data), lambda: _read(data))


def _read(data: bytes) -> PlainPage:
    words = _Words()
    words.feed(decoded(data, None))
    words.close()
    return PlainPage(" ".join("".join(words.title).split()) or None, ("\n".join(words.lines),))


class _Words(HTMLParser):
    """Collects the title and the lines of text."""

    def __init__(self) -> None:
        super().__init__()
        self.title: list[str] = []
        self.lines: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "title" or tag in SILENT:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            del self._open[self._open.index(tag) :]

    def handle_data(self, data: str) -> None:
        if self._open[-1:] == ["title"]:
            self.title.append(data)
        elif not self._open and (line := " ".join(data.split())):
            self.lines.append(line)
