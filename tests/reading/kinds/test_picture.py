"""Pictures become PNG, or JPEG where they are photographs: upright, bounded, the same each time."""

from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.parts.pictures import huge_png

from anyclaude.reading.frames import UnreadableFile
from anyclaude.reading.kinds.picture import MAX_PIXELS, read

ORIENTATION = 0x0112


def file(picture: Image.Image, form: str, **options: object) -> bytes:
    written = BytesIO()
    picture.save(written, form, **options)
    return written.getvalue()


def converted(data: bytes, max_edge: int = 2000) -> Image.Image:
    """Return the picture that was made, after checking its type."""
    result = read(data, {"max_edge": max_edge})
    picture = Image.open(BytesIO(result.data))
    assert result.value == {"media_type": f"image/{str(picture.format).lower()}"}
    assert picture.format in {"PNG", "JPEG"}
    picture.load()
    return picture


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(["PNG", "GIF", "WEBP", "BMP", "TIFF", "JPEG"]),
    st.sampled_from(["RGB", "RGBA", "L", "P", "1", "LA"]),
    st.integers(1, 60),
    st.integers(1, 60),
)
def test_any_picture_keeps_its_proportions_within_the_bound(form: str, mode: str, width: int, height: int) -> None:
    if form in {"JPEG", "BMP"} and mode not in {"RGB", "L"}:
        mode = "RGB"
    data = file(Image.new(mode, (width, height)), form)

    made = converted(data, max_edge=40)

    assert max(made.size) == min(max(width, height), 40)
    assert abs(made.width * height - made.height * width) <= max(width, height)
    assert read(data, {"max_edge": 40}) == read(data, {"max_edge": 40})


def test_transparency_is_kept() -> None:
    assert converted(file(Image.new("RGBA", (9, 9), (1, 2, 3, 4)), "WEBP", lossless=True)).getpixel((0, 0)) == (
        1,
        2,
        3,
        4,
    )


def test_a_photograph_becomes_a_jpeg_and_a_screenshot_a_png() -> None:
    assert converted(file(Image.new("RGB", (9, 9)), "WEBP")).format == "JPEG"
    assert converted(file(Image.new("RGB", (9, 9)), "AVIF")).format == "JPEG"
    assert converted(file(Image.new("RGB", (9, 9)), "WEBP", lossless=True)).format == "PNG"


def test_of_an_animation_the_first_frame_is_shown() -> None:
    frames = [Image.new("RGB", (9, 9), colour) for colour in ("red", "blue")]

    made = converted(file(frames[0], "GIF", save_all=True, append_images=frames[1:]))

    assert made.convert("RGB").getpixel((4, 4)) == (255, 0, 0)


def test_a_photograph_that_was_taken_sideways_is_upright() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6

    made = converted(file(Image.new("RGB", (30, 20)), "JPEG", exif=exif))

    assert made.size == (20, 30)


def test_sixteen_bits_are_scaled_to_eight() -> None:
    assert converted(file(Image.new("I;16", (4, 4), 0x8000), "PNG")).getpixel((0, 0)) == 0x80


def test_a_picture_with_too_many_pixels_is_not_decoded() -> None:
    with pytest.raises(UnreadableFile, match="100000 x 100000 pixels"):
        read(huge_png(), {"max_edge": 2000})
    assert MAX_PIXELS < 100_000**2


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"%PDF-1.7", b"RIFF\0\0\0\0WEBPVP8 "])
def test_what_is_broken_or_no_picture_fails(data: bytes) -> None:
    with pytest.raises(Exception):  # noqa: B017  # the reading process takes any for "broken"
        read(data, {"max_edge": 2000})
