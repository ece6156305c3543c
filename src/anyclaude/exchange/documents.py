"""
Documents of a request as text that a model can read: PDF page by page, and texts that are long.

What takes the place of a document follows from its bytes and the window of the server alone, so the prefix stays from
turn to turn.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from anyclaude.errors import RequestTooLarge, Unreadable, UnreadableCode
from anyclaude.kept_values import KeptValues
from anyclaude.memory_budget import MemoryBudget
from anyclaude.protocol.content import (
    Base64Source,
    Content,
    ContentBlock,
    DocumentBlock,
    PagesSource,
    Source,
    ToolResultBlock,
)
from anyclaude.protocol.detached_data import MAX_TEXT_BYTES, DetachedData, size_of
from anyclaude.protocol.memory_size import memory_size
from anyclaude.protocol.messages_request import MessagesRequest
from anyclaude.protocol.prompt_size import CHARACTERS_PER_TOKEN
from anyclaude.reading.documents import MAX_CHARACTERS, ReadDocument, read_pdf, read_text
from anyclaude.reading.reader import Reader

PDF = "application/pdf"

INLINE_TEXT_BYTES = 2 * 1024 * 1024
"""The base64 of a text that the dialect decodes itself."""

WINDOW_SHARE = 0.5
"""The part of the window that one document may take: the other half is for the conversation about it."""

UNKNOWN_WINDOW_TOKENS = 32_768
"""What is assumed of a server that does not tell: the smallest window that the embedded engine is started with."""

MAX_TITLE_CHARACTERS = 200

MAX_KEPT_BYTES = 32 * 1024 * 1024
"""What was read, for the next turns: four documents that fill half of a window of a million tokens."""

REMEDIES: Mapping[UnreadableCode, str] = {
    "encrypted": "; the user can save it without the password, and attach that",
    "broken": "; the user can export it again, and attach that",
    "no_text": "; the user can have its text recognised (OCR), and attach that",
    "too_large": "; the user can attach the part that matters as a file of its own",
    "timed_out": "; the user can attach the part that matters as a file of its own",
    "unavailable": "",
}
"""What helps, for the model to pass on."""


File: TypeAlias = tuple[str, str]
"""The media type of a file, and its base64 or the mark of that."""


class ReadSource(Struct, frozen=True):
    """What was read of a document, and its title."""

    source: PagesSource
    title: str | None = None


class DocumentReader:
    """
    Puts the pages of documents in place of their base64; an `AttachmentReader`.

    Each document is read once, and what was read, or why it could not be, is kept within the memory budget.  Requests
    with the same document wait for the same reading, which ends when all of them have left.
    """

    def __init__(self, reader: Reader, budget: MemoryBudget, context_tokens: Callable[[], int | None]) -> None:
        """`context_tokens` returns the window of the server that requests go to, as far as it is known."""
        self._reader = reader
        self._context_tokens = context_tokens
        self._kept = KeptValues[str, ReadSource](
            "documents", budget, lambda key, read: memory_size(key, read), max_bytes=MAX_KEPT_BYTES
        )
        self._running: dict[str, _Reading] = {}

    def finds(self, request: MessagesRequest) -> bool:
        """Return whether the request has a document to read."""
        return any(True for turn in request.messages for _ in _sources(turn.content, request.detached))

    async def read(self, request: MessagesRequest) -> MessagesRequest:
        """
        Return the request with the pages of its documents; one that cannot be read becomes a sentence.

        Raises:
            RequestTooLarge: when they have more text than any window: a small file may unpack into much.
        """
        limit, left = self._max_characters(), MAX_TEXT_BYTES
        read: dict[File, ReadSource] = {}
        for turn in request.messages:
            for source in _sources(turn.content, request.detached):
                found = read[_file(source)] = await self._read_once(source, request.detached, limit)
                left -= sum(map(len, found.source.pages))
                if left < 0:
                    raise RequestTooLarge(
                        f"the documents of the request have more than {MAX_TEXT_BYTES:,} characters of text: no "
                        "model's window holds as much"
                    )
        turns = (replace(turn, content=_replaced(turn.content, request.detached, read)) for turn in request.messages)
        return replace(request, messages=tuple(turns))

    def _max_characters(self) -> int:
        window = self._context_tokens() or UNKNOWN_WINDOW_TOKENS
        return min(int(window * WINDOW_SHARE * CHARACTERS_PER_TOKEN), MAX_CHARACTERS)

    async def _read_once(self, source: Base64Source, detached: DetachedData, limit: int) -> ReadSource:
        """Return what is read of a document by this request, another one at the same time, or an earlier one."""
        key = _key(source, limit)
        if (kept := self._kept.used(key)) is not None:
            return kept
        running = self._running.get(key)
        if running is None:
            running = self._running[key] = _Reading(asyncio.create_task(self._read(source, detached, key, limit)))
        try:
            return await running.result()
        finally:
            if not running.waiting:  # at once: its process takes a moment to end, and the next request must not wait
                del self._running[key]

    async def _read(self, source: Base64Source, detached: DetachedData, key: str, limit: int) -> ReadSource:
        found = detached.get(source.data)
        data = source.data.encode(errors="replace") if found is None else found.pieces
        read = read_pdf if _media_type(source) == PDF else read_text
        try:
            document = await read(self._reader, data, max_characters=limit, is_base64=True)
        except Unreadable as error:
            note = f"document ({_media_type(source)}) omitted: {error}{REMEDIES[error.code]}"
            result = ReadSource(PagesSource((), note))
            if error.code == "unavailable":  # not the document's fault, so it may be read later
                return result
        else:
            result = _fitted(document, limit, is_paged=read is read_pdf)
        self._kept.keep(key, result)
        return result


class _Reading:
    """A reading for which requests wait; cancelled when none does any more."""

    def __init__(self, task: asyncio.Task[ReadSource]) -> None:
        self._task = task
        self.waiting = 0
        """How many requests wait."""

    async def result(self) -> ReadSource:
        self.waiting += 1
        try:
            return await asyncio.shield(self._task)
        finally:
            self.waiting -= 1
            if not self.waiting:
                self._task.cancel()


def _fitted(document: ReadDocument, max_characters: int, *, is_paged: bool) -> ReadSource:
    """Return as many pages as fit, and a sentence on the others."""
    title = document.title[:MAX_TITLE_CHARACTERS] if document.title else None
    if not is_paged:
        note = "the rest of this document is left out: it takes more than half of your context window"
        return ReadSource(PagesSource(document.pages, note if document.is_cut else ""), title)
    pages: list[str] = []
    left = max_characters
    for number, text in enumerate(document.pages, 1):
        page = f"[page {number} of {document.page_count}]\n{text}" if text else _empty(number, document.page_count)
        left -= len(page)
        if left < 0 and pages:
            break
        pages.append(page)
    return ReadSource(PagesSource(tuple(pages), _left_out(document, len(pages))), title)


def _empty(number: int, count: int) -> str:
    return f"[page {number} of {count}: no text; it may be a picture]"


def _left_out(document: ReadDocument, read: int) -> str:
    """Return the sentence that says which pages the model does not see."""
    why = "this document takes more than half of your context window; the user can attach them as a file of their own"
    last = document.page_count
    if read < last:
        return f"{f'pages {read + 1} to' if read + 1 < last else 'page'} {last} of {last} left out: {why}"
    return f"the rest of page {read} is left out: {why}" if document.is_cut else ""


def _media_type(source: Base64Source) -> str:
    return source.media_type.partition(";")[0].strip().lower()


def _is_read(source: Base64Source, detached: DetachedData) -> bool:
    media_type = _media_type(source)
    return media_type == PDF or (media_type.startswith("text/") and size_of(source.data, detached) > INLINE_TEXT_BYTES)


def _file(source: Base64Source) -> File:
    """Return what of a source is read."""
    return _media_type(source), source.data


def _key(source: Base64Source, max_characters: int) -> str:
    """Return the key of what is read of a source; the mark of detached data stands for its content."""
    content = f"{max_characters} {_media_type(source)} {source.data}"
    return hashlib.blake2b(content.encode(errors="replace"), digest_size=32).hexdigest()


def read_sources(request: MessagesRequest) -> Iterator[PagesSource]:
    """Yield what was read of a request's documents."""
    for turn in request.messages:
        yield from (source for source in _all_sources(turn.content) if isinstance(source, PagesSource))


def _all_sources(content: Content) -> Iterator[Source]:
    """Yield the sources of all documents, those in the results of tools too."""
    for block in () if isinstance(content, str) else content:
        match block:
            case DocumentBlock(source):
                yield source
            case ToolResultBlock(content=tuple(blocks)):
                yield from _all_sources(blocks)
            case _:
                pass


def _sources(content: Content, detached: DetachedData) -> Iterator[Base64Source]:
    """Yield the sources of the documents that are to be read."""
    for source in _all_sources(content):
        if isinstance(source, Base64Source) and _is_read(source, detached):
            yield source


def _replaced(content: Content, detached: DetachedData, read: Mapping[File, ReadSource]) -> Content:
    """Return content with what was read of its documents; itself if it has none."""
    if isinstance(content, str) or not any(True for _ in _sources(content, detached)):
        return content
    return tuple(_replaced_block(block, detached, read) for block in content)


def _replaced_block(block: ContentBlock, detached: DetachedData, read: Mapping[File, ReadSource]) -> ContentBlock:
    match block:
        case DocumentBlock(Base64Source() as source, extra) if _is_read(source, detached):
            found = read[_file(source)]
            titled = {"title": found.title} if found.title and not extra.get("title") else {}
            return DocumentBlock(found.source, {**extra, **titled})
        case ToolResultBlock(content=tuple(blocks)):
            return replace(block, content=tuple(_replaced_block(inner, detached, read) for inner in blocks))
        case _:
            return block
