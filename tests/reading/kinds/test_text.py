"""Texts that are too long to be decoded in the gateway."""

import pytest

from anyclaude.reading.frames import UnreadableFile
from anyclaude.reading.kinds.text import read


def test_a_text_is_one_page_as_long_as_it_may_be() -> None:
    whole, cut = (read("grün".encode(), {"max_characters": length}).value for length in (4, 3))

    assert whole == {"title": None, "pages": ["grün"], "page_count": 1, "is_cut": False}
    assert cut == {"title": None, "pages": ["grü"], "page_count": 1, "is_cut": True}


def test_what_is_no_text_says_so() -> None:
    with pytest.raises(UnreadableFile, match="UTF-8"):
        read(b"\xff\xff", {"max_characters": 3})
