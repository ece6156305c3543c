"""Documents, read in the process of their own."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.parts.pdf_files import encrypted_pdf, endless_pdf, pdf_bomb, pdf_of, scanned_pdf, text_of

from anyclaude.errors import Unreadable, UnreadableCode
from anyclaude.reading.documents import DocumentReading, ReadDocument, read_html, read_pdf, read_text
from anyclaude.reading.reader import Reader, ReadingLimits


@pytest.fixture
async def reader() -> AsyncIterator[Reader]:
    reader = Reader()
    yield reader
    await reader.aclose()


async def test_pages_and_their_number_are_read(reader: Reader) -> None:
    document = await read_pdf(reader, pdf_of(3), max_pages=2)

    assert document == ReadDocument(None, (text_of(1), text_of(2)), 3, is_cut=False)
    assert document.characters == len(text_of(1)) * 2


@pytest.mark.slow
async def test_of_ten_thousand_pages_those_are_read_that_fit() -> None:
    reader = Reader(ReadingLimits(seconds=500))  # whatever else the machine does
    document = await read_pdf(reader, pdf_of(10_000), max_characters=len(text_of(1)) * 4)

    assert document == ReadDocument(None, tuple(map(text_of, range(1, 5))), 10_000, is_cut=False)
    await reader.aclose()


@pytest.mark.parametrize(
    ("file", "code"),
    [
        (b"", "broken"),
        (b"no PDF", "broken"),
        (pdf_of(3)[:300], "broken"),
        (endless_pdf(), "broken"),
        (encrypted_pdf(), "encrypted"),
        (scanned_pdf(), "no_text"),
    ],
    ids=["empty", "other", "truncated", "endless", "encrypted", "scanned"],
)
async def test_the_reason_is_given_why_a_file_cannot_be_read(reader: Reader, file: bytes, code: UnreadableCode) -> None:
    with pytest.raises(Unreadable) as refused:
        await read_pdf(reader, file)

    assert refused.value.code == code
    assert (await read_pdf(reader, pdf_of(1))).pages == (text_of(1),)


@pytest.mark.slow
async def test_a_file_that_unpacks_to_too_much_is_refused(reader: Reader) -> None:
    with pytest.raises(Unreadable) as refused:
        await read_pdf(reader, pdf_bomb())

    assert refused.value.code == "too_large"


async def test_invalid_base64_is_a_broken_file(reader: Reader) -> None:
    with pytest.raises(Unreadable, match="base64"):
        await read_pdf(reader, b"a", is_base64=True)


async def test_html_and_text_are_one_page(reader: Reader) -> None:
    html = await read_html(reader, b"<p>Some words in a page of HTML.</p>")
    text = await read_text(reader, [b"Some ", b"words"], max_characters=7)

    assert html.pages == ("Some words in a page of HTML.",)
    assert text == ReadDocument(None, ("Some wo",), 1, is_cut=True)


async def test_a_document_is_read_by_its_kind(reader: Reader) -> None:
    reading = DocumentReading(reader)

    assert (await reading.read("pdf", pdf_of(1))).pages == (text_of(1),)
    assert (await reading.read("html", b"<p>Some words in a page of HTML.</p>")).page_count == 1


CHANGES = st.lists(st.tuples(st.integers(0, 700), st.binary(min_size=1, max_size=8)), min_size=1, max_size=20)


@pytest.mark.slow
@settings(max_examples=5)
@given(st.lists(CHANGES, min_size=20, max_size=20))
def test_whatever_a_file_contains_it_is_read_or_refused(changes: list[list[tuple[int, bytes]]]) -> None:
    async def read_all() -> None:
        reader = Reader()
        for file in map(_changed, changes):
            try:
                assert (await read_pdf(reader, file)).pages
            except Unreadable as error:
                assert error.code in {"broken", "encrypted", "no_text", "too_large"}
        await reader.aclose()

    asyncio.run(read_all())


def _changed(changes: list[tuple[int, bytes]]) -> bytes:
    file = bytearray(pdf_of(2))
    for at, new in changes:
        file[at : at + len(new)] = new
    return bytes(file)
