"""The header of a picture tells its type and size, as Pillow reads them, however much else is in the file."""

from base64 import b64encode, urlsafe_b64encode
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from anyclaude.protocol.detached_data import NO_DATA, data_of
from anyclaude.protocol.picture_header import PictureHeader, file_bytes, header_of, read_header

SIZE = (300, 200)


def file(form: str, **options: object) -> bytes:
    written = BytesIO()
    Image.new("RGB", SIZE).save(written, form, **options)
    return written.getvalue()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP", "BMP"])
def test_type_and_size_are_known(form: str) -> None:
    data = b64encode(file(form)).decode()

    assert header_of(data, NO_DATA) == PictureHeader(f"image/{form.lower()}", *SIZE)


def test_each_form_of_webp_is_known() -> None:
    exif = Image.Exif()
    exif[0x0112] = 1

    assert read_header(file("WEBP", lossless=True)) == PictureHeader("image/webp", *SIZE)
    assert read_header(file("WEBP", exif=exif)) == PictureHeader("image/webp", *SIZE)


@pytest.mark.parametrize("form", ["TIFF", "AVIF"])
def test_of_other_types_the_type_is_known(form: str) -> None:
    assert read_header(file(form)) == PictureHeader(f"image/{form.lower()}")


def test_the_size_behind_a_cameras_data_is_found_in_pieces_and_with_another_alphabet() -> None:
    text = urlsafe_b64encode(file("JPEG", icc_profile=bytes(60_000)))
    data = data_of(tuple(text[start : start + 1000] for start in range(0, len(text), 1000)), b"key")
    detached = {data.digest: data}

    assert header_of(data.digest, detached) == PictureHeader("image/jpeg", *SIZE)
    assert abs(file_bytes(data.digest, detached) - len(file("JPEG", icc_profile=bytes(60_000)))) <= 2


@given(st.binary(max_size=99))
def test_nothing_else_has_a_header_that_fails(data: bytes) -> None:
    for start in (b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"RIFF1234WEBPVP8X", b"BM", b"II*\0"):
        header_of(b64encode(start + data).decode(), NO_DATA)
    assert read_header(b"%PDF" + data) is None


@given(st.text())
def test_text_that_is_no_base64_has_no_header(text: str) -> None:
    assert header_of(f"!{text}", NO_DATA) is None
