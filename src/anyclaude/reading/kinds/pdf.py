"""The text of a PDF, page by page."""

from io import BytesIO

from pypdf import PdfReader
from pypdf.errors import DependencyError, FileNotDecryptedError, LimitReachedError

from anyclaude.reading.frames import Options, Result, UnreadableFile

ENCRYPTED = UnreadableFile("encrypted", "it is protected by a password")


def read(data: bytes, options: Options) -> Result:
    """
    Return the pages from the first on, as many as fit into `max_pages` and `max_characters`.

    The value has `title`, `pages`, `page_count`, and `is_cut` if the last of the pages is not whole.

    Raises:
        UnreadableFile: when the file is protected by a password, or takes too much to unpack.
    """
    try:
        reader = PdfReader(BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise ENCRYPTED
        return Result(_read(reader, int(options["max_pages"] or 0), int(options["max_characters"] or 0)))
    except (DependencyError, FileNotDecryptedError) as error:
        raise ENCRYPTED from error
    except LimitReachedError as error:
        raise UnreadableFile("too_large", "a part of it is larger than a document's parts are") from error


def _read(reader: PdfReader, max_pages: int, max_characters: int) -> dict[str, object]:
    page_count = len(reader.pages)
    pages: list[str] = []
    left, is_cut = max_characters, False
    for number in range(min(page_count, max_pages)):
        text = _page_text(reader, number)
        if len(text) > left:
            if not pages:
                pages.append(text[:left])
                is_cut = True
            break
        pages.append(text)
        left -= len(text)
    return {"title": _title(reader), "pages": pages, "page_count": page_count, "is_cut": is_cut}


def _page_text(reader: PdfReader, number: int) -> str:
    """Return the text of a page; none of a page that is broken, where others are not."""
    try:
        text = reader.pages[number].extract_text()
    except (MemoryError, LimitReachedError, FileNotDecryptedError, DependencyError):
        raise
    except Exception:  # noqa: BLE001  # pypdf fails on a broken page in any way
        return ""
    return text.encode(errors="replace").decode().strip()


def _title(reader: PdfReader) -> str | None:
    try:
        title = reader.metadata.title if reader.metadata else None
    except Exception:  # noqa: BLE001  # a document needs no title
        return None
    return title.encode(errors="replace").decode().strip() or None if isinstance(title, str) else None
