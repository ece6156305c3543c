"""The main text of a page of HTML, as Markdown with its links."""

from anyclaude.reading.frames import Options, Result, UnreadableFile

try:
    from trafilatura import extract, extract_metadata
except ImportError:
    HAS_TRAFILATURA = False
else:
    HAS_TRAFILATURA = True


def read(data: bytes, options: Options) -> Result:
    """
    Return the text, at most `max_characters`, as the only page; `url` is where relative links begin.

    The value has the fields that `kinds/pdf.py` describes.

    Raises:
        UnreadableFile: when the page has no text, or nothing that reads HTML is installed.
    """
    if not HAS_TRAFILATURA:
        raise UnreadableFile("unavailable", "HTML is read only with the extra `web`: pip install 'anyclaude[web]'")
    url = options.get("url")
    text = extract(
        data,
        url=url if isinstance(url, str) else None,
        output_format="markdown",
        include_links=True,
        include_tables=True,
        favor_recall=True,
    )
    if not text:
        raise UnreadableFile("no_text", "it has no text")
    limit = int(options["max_characters"] or 0)
    metadata = extract_metadata(data)
    title = getattr(metadata, "title", None)
    return Result({"title": title, "pages": [text[:limit]], "page_count": 1, "is_cut": len(text) > limit})
