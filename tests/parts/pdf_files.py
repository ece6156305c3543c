"""PDF files, made for tests."""

import zlib
from collections.abc import Sequence
from io import BytesIO

from pypdf import PdfReader, PdfWriter

FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"


def text_of(page: int) -> str:
    """Return the text on a page of `pdf_of`."""
    return f"The text of page {page}."


def pdf_of(pages: int) -> bytes:
    """Return a PDF with so many pages, each with a line of text."""
    return pdf_with([f"BT /F1 12 Tf 72 700 Td ({text_of(page)}) Tj ET".encode() for page in range(1, pages + 1)])


def pdf_with(contents: Sequence[bytes], *, packed: Sequence[bytes] = (), title: str = "") -> bytes:
    """Return a PDF with pages of these content streams, then those that are compressed already."""
    streams = [(stream, b"") for stream in contents]
    streams += [(stream, b" /Filter /FlateDecode") for stream in packed]
    kids = b" ".join(b"%d 0 R" % (5 + 2 * number) for number in range(len(streams)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, len(streams)),
        FONT,
        b"<< /Title (%s) >>" % title.encode() if title else b"<< >>",
    ]
    for number, (stream, filtered) in enumerate(streams):
        resources = b"<< /Font << /F1 3 0 R >> >>"
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R /Resources %s >>"
            % (6 + 2 * number, resources)
        )
        objects.append(b"<< /Length %d%s >>\nstream\n%s\nendstream" % (len(stream), filtered, stream))
    return _file(objects)


def scanned_pdf() -> bytes:
    """Return a PDF whose page has no text."""
    return pdf_with([b"0 0 612 792 re f"])


def pdf_bomb() -> bytes:
    """Return a small PDF whose page is 400 MB of content."""
    packing = zlib.compressobj(9)
    packed = [packing.compress(bytes(1024 * 1024)) for _ in range(400)]
    return pdf_with([], packed=[b"".join([*packed, packing.flush()])])


def encrypted_pdf() -> bytes:
    """Return a PDF that opens only with a password."""
    writer = PdfWriter(clone_from=PdfReader(BytesIO(pdf_of(1))))
    writer.encrypt("secret", algorithm="RC4-128")
    written = BytesIO()
    writer.write(written)
    return written.getvalue()


def endless_pdf() -> bytes:
    """Return a PDF whose tree of pages is its own branch, and whose table of objects comes before itself."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2 /Parent 2 0 R >>"]
    return _file(objects, previous=True)


def _file(objects: Sequence[bytes], *, previous: bool = False) -> bytes:
    parts = [b"%PDF-1.4\n"]
    offsets: list[int] = []
    size = len(parts[0])
    for number, content in enumerate(objects, 1):
        offsets.append(size)
        parts.append(b"%d 0 obj\n%s\nendobj\n" % (number, content))
        size += len(parts[-1])
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    before = b" /Prev %d" % size if previous else b""
    information = b" /Info 4 0 R" if len(objects) > 3 else b""
    trailer = b"trailer\n<< /Size %d /Root 1 0 R%s%s >>" % (len(objects) + 1, before, information)
    parts.append(b"xref\n0 %d\n0000000000 65535 f \n%s%s\n" % (len(objects) + 1, table, trailer))
    parts.append(b"startxref\n%d\n%%%%EOF" % size)
    return b"".join(parts)
