"""Documents become pages: read once, bounded by the window, the same in every turn, and a sentence where that fails."""

import asyncio
import sys
import zlib
from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from tests.parts.pdf_files import encrypted_pdf, pdf_of, pdf_with, scanned_pdf, text_of
from tests.parts.processes import is_running

from anyclaude.errors import RequestTooLarge
from anyclaude.exchange.documents import (
    INLINE_TEXT_BYTES,
    MAX_KEPT_BYTES,
    UNKNOWN_WINDOW_TOKENS,
    DocumentReader,
    read_sources,
)
from anyclaude.memory_budget import MemoryBudget
from anyclaude.protocol.content import (
    Base64Source,
    ContentBlock,
    DocumentBlock,
    PagesSource,
    TextBlock,
    ToolResultBlock,
    UrlSource,
)
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.reading.frames import Options, Result
from anyclaude.reading.reader import Reader

SILENT = (sys.executable, "-c", "import sys; sys.stdin.buffer.read()")
"""Takes files, and answers none."""


class CountingReader(Reader):
    """Counts the files that are read."""

    count = 0

    async def read(
        self, kind: str, data: bytes | Sequence[bytes], options: Options | None = None, *, is_base64: bool = False
    ) -> Result:
        self.count += 1
        return await super().read(kind, data, options, is_base64=is_base64)


@pytest.fixture
async def reader() -> AsyncIterator[CountingReader]:
    reader = CountingReader()
    yield reader
    await reader.aclose()


@asynccontextmanager
async def silent_reader() -> AsyncIterator[Reader]:
    """A reader that never comes to an end."""
    reader = Reader(command=SILENT)
    yield reader
    await reader.aclose()


def documents_with(reader: Reader, window: int | None = 100_000) -> DocumentReader:
    """Return what is tested."""
    return DocumentReader(reader, MemoryBudget(), lambda: window)


def document(data: bytes, media_type: str = "application/pdf", **extra: str) -> DocumentBlock:
    """Return a block with a file."""
    return DocumentBlock(Base64Source(media_type, b64encode(data).decode()), extra)


def request_with(*blocks: ContentBlock) -> MessagesRequest:
    """Return a request with blocks in its first turn."""
    return MessagesRequest(model="m", max_tokens=1, messages=(Turn("user", blocks),))


async def read(documents: DocumentReader, *blocks: ContentBlock) -> tuple[PagesSource, ...]:
    """Return what is read of the documents among blocks."""
    return tuple(read_sources(await documents.read(request_with(*blocks))))


async def test_each_page_says_which_it_is_and_what_is_beside_the_document_stays(reader: Reader) -> None:
    documents = documents_with(reader)
    request = request_with(TextBlock("Read:"), document(pdf_of(2), context="from the archive"))

    found = await documents.read(request)

    pages = tuple(f"[page {page} of 2]\n{text_of(page)}" for page in (1, 2))
    assert documents.finds(request)
    assert not documents.finds(found)
    assert found.messages[0].content == (
        TextBlock("Read:"),
        DocumentBlock(PagesSource(pages), {"context": "from the archive"}),
    )


async def test_a_document_in_the_result_of_a_tool_is_read(reader: Reader) -> None:
    result = ToolResultBlock("toolu_1", (TextBlock("PDF"), document(pdf_of(1))))

    found = await documents_with(reader).read(request_with(result))

    pages = PagesSource((f"[page 1 of 1]\n{text_of(1)}",))
    assert found.messages[0].content == (ToolResultBlock("toolu_1", (TextBlock("PDF"), DocumentBlock(pages))),)


async def test_the_title_of_the_file_is_given_unless_the_client_gives_one(reader: Reader) -> None:
    file = pdf_with([b"BT /F1 12 Tf 9 9 Td (Text) Tj ET"], title="Report")

    found = await documents_with(reader).read(request_with(document(file), document(file, title="Mine")))

    titles = [block.extra["title"] for block in found.messages[0].content if isinstance(block, DocumentBlock)]
    assert titles == ["Report", "Mine"]


async def test_a_document_takes_half_of_the_window_and_says_which_pages_are_left_out(reader: Reader) -> None:
    page = len(f"[page 1 of 9]\n{text_of(1)}")
    window = page  # half of it, at four characters for each token, is the text of two pages

    (found,) = await read(documents_with(reader, window), document(pdf_of(9)))

    assert found.pages == tuple(f"[page {number} of 9]\n{text_of(number)}" for number in (1, 2))
    assert found.note.startswith("pages 3 to 9 of 9 left out: ")


async def test_a_window_that_is_not_known_is_taken_for_a_small_one(reader: Reader) -> None:
    text = "word " * INLINE_TEXT_BYTES

    (found,) = await read(documents_with(reader, None), document(text.encode(), "text/plain"))

    assert len(found.pages[0]) == UNKNOWN_WINDOW_TOKENS * 4 / 2
    assert "left out" in found.note


async def test_small_files_with_more_text_than_any_window_are_refused(reader: CountingReader) -> None:
    words = zlib.compress(b"BT /F1 12 Tf 9 9 Td (" + b"word " * 100_000 + b") Tj ET")
    bomb = document(pdf_with([], packed=[words]))

    with pytest.raises(RequestTooLarge, match="documents"):
        await documents_with(reader, 1_000_000).read(request_with(*[bomb] * 20))

    assert reader.count == 1


@pytest.mark.parametrize(
    ("file", "words"),
    [(encrypted_pdf(), "password"), (b"no PDF", "broken"), (pdf_of(1)[:200], "broken"), (scanned_pdf(), "OCR")],
    ids=["encrypted", "other", "truncated", "scanned"],
)
async def test_what_cannot_be_read_becomes_a_sentence_and_is_tried_once(
    reader: CountingReader, file: bytes, words: str
) -> None:
    documents = documents_with(reader)

    turns = [await read(documents, document(file)) for _ in range(3)]

    ((first,), *others) = turns
    assert first.pages == ()
    assert words in first.note
    assert others == [(first,)] * 2
    assert reader.count == 1


async def test_a_failure_of_ours_is_not_kept_as_the_fault_of_the_document() -> None:
    documents = documents_with(Reader(command=("/no/such/program",)))

    (found,) = await read(documents, document(pdf_of(1)))

    assert "cannot be started" in found.note
    assert len(documents._kept) == 0


async def test_requests_with_the_same_document_wait_for_one_reading(reader: CountingReader) -> None:
    documents = documents_with(reader)

    one, other = await asyncio.gather(*(read(documents, document(pdf_of(2))) for _ in range(2)))

    assert one == other
    assert reader.count == 1


async def test_a_reading_goes_on_while_a_request_waits_for_it_and_ends_with_the_last() -> None:
    async with silent_reader() as reader:
        documents = documents_with(reader)
        waiting = [asyncio.create_task(read(documents, document(pdf_of(1)))) for _ in range(2)]
        while (pid := reader.process_id) is None:  # noqa: ASYNC110  # it is started in steps of the loop
            await asyncio.sleep(0)

        waiting[0].cancel()
        await asyncio.wait(waiting[:1])
        was_running = is_running(pid)
        waiting[1].cancel()
        await asyncio.wait(waiting[1:])
        while reader.process_id is not None:  # noqa: ASYNC110
            await asyncio.sleep(0)

    assert was_running


async def started(reader: Reader) -> None:
    """Return when the process has been started, which takes steps of the loop."""
    while reader.process_id is None:  # noqa: ASYNC110
        await asyncio.sleep(0)


async def test_a_request_that_comes_while_a_reading_ends_does_not_end_with_it() -> None:
    async with silent_reader() as reader:
        documents = documents_with(reader)
        left = asyncio.create_task(read(documents, document(pdf_of(1))))
        await started(reader)

        left.cancel()
        await asyncio.wait([left])
        comes = asyncio.create_task(read(documents, document(pdf_of(1))))
        begun = asyncio.create_task(started(reader))
        await asyncio.wait([comes, begun], return_when=asyncio.FIRST_COMPLETED)
        was_ended = comes.done()
        comes.cancel()
        await asyncio.wait([comes])

    assert not was_ended


async def test_what_was_read_is_bounded(reader: CountingReader) -> None:
    budget = MemoryBudget(1)
    documents = DocumentReader(reader, budget, lambda: 100_000)
    await read(documents, document(pdf_of(1)))

    kept_before = budget.kept["documents"]
    budget.enforce()

    assert 0 < kept_before < MAX_KEPT_BYTES
    assert budget.kept["documents"] == 0
    assert await read(documents, document(pdf_of(1)))
    assert reader.count == 2


@pytest.mark.parametrize(
    "block",
    [
        TextBlock("text"),
        document(b"short text", "text/plain"),
        document(b"<p>short</p>", "text/html"),
        DocumentBlock(UrlSource("https://example.org/a.pdf")),
    ],
)
def test_everything_else_is_left_to_the_dialect(block: ContentBlock) -> None:
    assert not documents_with(Reader()).finds(request_with(block))
