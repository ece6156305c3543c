"""What is text, and how it is decoded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.errors import WebToolFailed
from anyclaude.web.page_text import CHARSETS, SLICE_BYTES, ContentType, Kind, as_utf8, content_type, decoded, plain_text


@pytest.mark.parametrize(
    ("header", "media_type", "charset", "kind"),
    [
        ("text/html", "text/html", None, "html"),
        ("Text/HTML; charset=ISO-8859-1", "text/html", "iso8859-1", "html"),
        ('application/xhtml+xml;charset="utf-8"', "application/xhtml+xml", "utf-8", "html"),
        ("application/pdf", "application/pdf", None, "pdf"),
        ("text/markdown; charset=no-such", "text/markdown", None, "text"),
        ("text/markdown; charset=hex", "text/markdown", None, "text"),
        ("text/markdown; charset=punycode", "text/markdown", None, "text"),
        ("text/markdown; charset=undefined", "text/markdown", None, "text"),
        ("text/markdown; charset*; charset*0*", "text/markdown", None, "text"),
        ("text/markdown; charset=utf-16", "text/markdown", "utf-16-le", "text"),
        ("text/markdown; charset=shift_jis", "text/markdown", "shift_jis", "text"),
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


@pytest.mark.parametrize("charset", sorted(CHARSETS))
def test_every_charset_is_decoded_whatever_the_bytes(charset: str) -> None:
    assert content_type(f"text/plain; charset={charset}").charset == charset
    assert decoded(bytes(range(256)) * 3, charset) != ""


@pytest.mark.parametrize("charset", [None, "utf-8", "shift_jis", "utf-16-le"])
def test_a_character_between_two_slices_is_whole(charset: str | None) -> None:
    text = "x" + "日本" * SLICE_BYTES

    assert decoded(text.encode(charset or "utf-8"), charset) == text


@given(text=st.text(), times=st.integers(1, 2_000), most=st.integers(0, 50_000))
def test_a_plain_text_is_the_beginning_of_what_may_be_shown(text: str, times: int, most: int) -> None:
    whole = "".join(character for character in text if character.isprintable()) * times

    assert plain_text(whole, most) == whole[:most]


def test_a_plain_text_has_no_control_characters() -> None:
    assert plain_text("one\x1b[31m two\U000e0041\r\nthree", 100) == "one two \nthree"


def test_html_reaches_its_reader_in_utf8_or_as_it_was() -> None:
    assert as_utf8("Grüße".encode("latin-1"), "iso8859-1") == "Grüße".encode()
    assert as_utf8("Grüße".encode("latin-1"), None) == "Grüße".encode("latin-1")
