"""A picture in the form and size in which a server takes it."""

from io import BytesIO

from PIL import Image, ImageOps

from anyclaude.reading.frames import Options, Result, UnreadableFile

MAX_PIXELS = 64 * 1024 * 1024
"""What is decoded: the largest cameras have as many, and with transparency they take 256 MiB in memory, twice while a
picture is turned."""

Image.MAX_IMAGE_PIXELS = None  # its error does not say what is wrong

FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "AVIF")
"""What is tried: the decoders of other formats are exposed to nothing."""

LOSSY_FORMATS = ("JPEG", "MPO", "AVIF")

JPEG_QUALITY = 90
"""Above the usual 75, because the picture has lost something already."""


def read(data: bytes, options: Options) -> Result:
    """
    Return a PNG, or a JPEG of a photograph, upright, and with no edge longer than `max_edge`; of several frames the
    first.  The value has the media type.

    Raises:
        UnreadableFile: when it has more than `MAX_PIXELS`.
    """
    with Image.open(BytesIO(data), formats=FORMATS) as opened:
        if opened.width * opened.height > MAX_PIXELS:
            raise UnreadableFile("too_large", f"it has {opened.width} x {opened.height} pixels")
        edge = int(options["max_edge"] or 0)
        is_lossy = _is_lossy(opened, data)
        if opened.format == "JPEG":
            opened.draft("RGB", (edge, edge))  # decodes no more than is needed
        picture = _plain(ImageOps.exif_transpose(opened))
    if max(picture.size) > edge:
        picture.thumbnail((edge, edge), Image.Resampling.LANCZOS)
    written = BytesIO()
    if is_lossy and picture.mode in {"RGB", "L"}:
        picture.save(written, "JPEG", quality=JPEG_QUALITY)
        return Result({"media_type": "image/jpeg"}, written.getvalue())
    picture.save(written, "PNG")
    return Result({"media_type": "image/png"}, written.getvalue())


def _is_lossy(opened: Image.Image, data: bytes) -> bool:
    """Return whether the file is a photograph's: WebP without loss says so in its first chunks."""
    return opened.format in LOSSY_FORMATS or (opened.format == "WEBP" and b"VP8L" not in data[:64])


def _plain(picture: Image.Image) -> Image.Image:
    """Return the picture with one byte for each of its colours, and with its transparency."""
    if picture.mode in {"RGB", "RGBA", "L"}:
        picture.load()
        return picture
    has_transparency = picture.has_transparency_data
    if picture.mode.startswith(("I", "F")):  # 16 bits: others cut them off instead of scaling them
        return picture.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    return picture.convert("RGBA" if has_transparency else "RGB")
