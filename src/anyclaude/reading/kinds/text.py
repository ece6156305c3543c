"""A text that is too long to be decoded in the gateway."""

from anyclaude.reading.frames import Options, Result, UnreadableFile


def read(data: bytes, options: Options) -> Result:
    """
    Return the text, at most `max_characters`, as the only page, with the fields that `kinds/pdf.py` describes.

    Raises:
        UnreadableFile: when it is not UTF-8.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableFile("broken", "it is not text in UTF-8") from error
    limit = int(options["max_characters"] or 0)
    return Result({"title": None, "pages": [text[:limit]], "page_count": 1, "is_cut": len(text) > limit})
