"""
Join a character whose parts arrive in several pieces of a text.

A server that cuts a reply by UTF-16 units sends an emoji as two escapes, `\\ud83d` and `\\ude00`, and may put a chunk
between them (hermes-agent issue 84281).  One that cuts it by bytes sends them as they are, which is no UTF-8.
"""

import re

from anyclaude.protocol.json_values import with_whole_characters

BEGINNING = re.compile(
    "(?:[\ud800-\udbff]|(?<![\ud800-\udbff])"
    "(?:[\udcc2-\udcdf]|[\udce0-\udcef][\udc80-\udcbf]?|[\udcf0-\udcf4][\udc80-\udcbf]{0,2}))\\Z"
)
"""The first half of a surrogate pair, or the first bytes of a character, as `decode_lenient_json` leaves them."""

MAX_BEGINNING = 3
"""The most that `BEGINNING` spans, in characters: three of the four bytes of a character in UTF-8."""


class SplitCharacters:
    """Holds back the beginning of a character until the next piece of its text."""

    def __init__(self) -> None:
        self._held = ""

    def whole(self, piece: str) -> str:
        """Return a piece in whole characters; a part that never gets the others becomes U+FFFD."""
        if not self._held and _is_whole(piece):
            return piece
        text, self._held = self._held + piece, ""
        if found := BEGINNING.search(text, max(0, len(text) - MAX_BEGINNING)):
            text, self._held = text[: found.start()], found[0]
        return with_whole_characters(text)

    def rest(self) -> str:
        """Return what is held back, at the end of the text."""
        held, self._held = self._held, ""
        return with_whole_characters(held)


def _is_whole(piece: str) -> bool:
    if piece.isascii():
        return True
    try:
        piece.encode()
    except UnicodeEncodeError:
        return False
    return True
