"""What is read of a page without a library."""

import pytest

from anyclaude.errors import WebToolFailed
from anyclaude.web.plain_reader import PlainPage, PlainReader

PAGE = b"""<!doctype html><html><head><title>A
title</title><style>b{}</style><script>if (a < b) {}</script></head>
<body><h1>One &amp; two</h1><script>x()</script><p>Three <b>four</b></p></body></html>"""


async def test_the_words_of_a_page_are_its_lines() -> None:
    assert await PlainReader().read("html", PAGE) == PlainPage("A title", ("One & two\nThree\nfour",))


async def test_a_pdf_is_not_read() -> None:
    with pytest.raises(WebToolFailed) as raised:
        await PlainReader().read("pdf", b"%PDF-")

    assert raised.value.code == "unsupported_content_type"
