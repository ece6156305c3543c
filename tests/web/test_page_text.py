"""What is text, and how it is decoded."""

import pytest

from anyclaude.errors import WebToolFailed
from anyclaude.web.page_text import ContentType, Kind, as_utf8, content_type, decoded


@pytest.mark.parametrize(
    ("header", "media_type", "charset", "kind"),
    [
        ("text/html", "text/html", None, "html"),
        ("Text/HTML; charset=ISO-8859-1", "text/html", "iso8859-1", "html"),
        ('application/xhtml+xml;charset="utf-8"', "application/xhtml+xml", "utf-8", "html"),
        ("application/pdf", "application/pdf", None, "pdf"),
        ("text/markdown; charset=no-such", "text/markdown", None, "text"),
        ("application/json", "application/json", None, "text"),
        ("application/ld+json", "application/ld+json", None, "text"),
        ("application/atom+xml; charset=utf-8", "application/atom+xml", "utf-8", "text"),
    ],
)
def test_the_header_says_what_a_page_is(header: str, media_type: str, charset: str | None, kind: Kind) -> None:
    declared = content_type(header)

    assert declared == ContentType(media_type, charset)
    assert declared.kind == kind


@pytest.mark.parametrize(
    "header", ["", "html", "image/png", "application/octet-stream", "application/zip", "video/mp4"]
)
def test_what_is_no_text_is_unsupported(header: str) -> None:
    with pytest.raises(WebToolFailed, match="only HTML, PDF and text") as raised:
        _ = content_type(header).kind

    assert raised.value.code == "unsupported_content_type"


@pytest.mark.parametrize(
    ("data", "charset", "text"),
    [
        ("Grüße".encode(), None, "Grüße"),
        ("Grüße".encode(), "utf-8", "Grüße"),
        ("Grüße".encode("latin-1"), "iso8859-1", "Grüße"),
        ("Grüße".encode("latin-1"), None, "Grüße"),
        ("“日本語”".encode("shift_jis", errors="replace"), "shift_jis", "“日本語”"),
        ("Grüße".encode("utf-16"), None, "Grüße"),
        ("Grüße".encode("utf-8-sig"), "iso8859-1", "Grüße"),
        (b"Gr\xfc\xdfe", "utf-8", "Gr\ufffd\ufffde"),
        (b"\x81", None, "\ufffd"),
    ],
)
def test_text_is_decoded_as_its_mark_says_else_as_its_server_else_as_browsers_do(
    data: bytes, charset: str | None, text: str
) -> None:
    assert decoded(data, charset) == text


def test_html_reaches_its_reader_in_utf8_or_as_it_was() -> None:
    assert as_utf8("Grüße".encode("latin-1"), "iso8859-1") == "Grüße".encode()
    assert as_utf8("Grüße".encode("latin-1"), None) == "Grüße".encode("latin-1")
