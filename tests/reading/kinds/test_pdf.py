"""The text of PDF files of every kind."""

import pytest
from tests.parts.pdf_files import encrypted_pdf, endless_pdf, pdf_of, pdf_with, scanned_pdf, text_of

from anyclaude.reading.frames import Options, UnreadableFile
from anyclaude.reading.kinds.pdf import read

ALL: Options = {"max_pages": 1_000, "max_characters": 1_000_000}


@pytest.mark.parametrize("count", [1, 50])
def test_every_page_is_read(count: int) -> None:
    value = read(pdf_of(count), ALL).value

    pages = [text_of(page) for page in range(1, count + 1)]
    assert value == {"title": None, "pages": pages, "page_count": count, "is_cut": False}


def test_pages_are_read_as_long_as_they_fit() -> None:
    by_pages = read(pdf_of(9), {"max_pages": 2, "max_characters": 1_000}).value
    by_characters = read(pdf_of(9), {"max_pages": 9, "max_characters": len(text_of(1)) * 3 + 5}).value

    assert by_pages == {"title": None, "pages": [text_of(1), text_of(2)], "page_count": 9, "is_cut": False}
    assert by_characters == {
        "title": None,
        "pages": [text_of(1), text_of(2), text_of(3)],
        "page_count": 9,
        "is_cut": False,
    }


def test_a_first_page_that_does_not_fit_is_cut() -> None:
    value = read(pdf_of(2), {"max_pages": 9, "max_characters": 8}).value

    assert value == {"title": None, "pages": ["The text"], "page_count": 2, "is_cut": True}


def test_the_title_is_read() -> None:
    value = read(pdf_with([b""], title="Annual report"), ALL).value

    assert value == {"title": "Annual report", "pages": [""], "page_count": 1, "is_cut": False}


def test_a_page_that_is_broken_is_empty_and_the_others_are_read() -> None:
    good = b"BT /F1 12 Tf 72 700 Td (Good) Tj ET"

    value = read(pdf_with([good], packed=[b"no deflate"]), ALL).value

    assert value == {"title": None, "pages": ["Good", ""], "page_count": 2, "is_cut": False}


def test_a_scan_has_pages_without_text() -> None:
    assert read(scanned_pdf(), ALL).value == {"title": None, "pages": [""], "page_count": 1, "is_cut": False}


def test_a_password_is_named_as_the_reason() -> None:
    with pytest.raises(UnreadableFile, match="password") as refused:
        read(encrypted_pdf(), ALL)

    assert refused.value.code == "encrypted"


def test_a_file_that_leads_back_to_itself_comes_to_an_end() -> None:
    with pytest.raises(Exception):  # noqa: B017  # any: the process takes it for a broken file
        read(endless_pdf(), ALL)
