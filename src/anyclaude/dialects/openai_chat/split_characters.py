"""
Join a character whose two halves arrive in two pieces of a text.

A server that cuts a reply by UTF-16 units sends an emoji as two escapes, `\\ud83d` and `\\ude00`, and may put a chunk
between them (hermes-agent issue 84281).
"""

from anyclaude.protocol.json_values import with_whole_characters

FIRST_HALVES = ("\ud800", "\udbff")
"""The first and the last of the halves that begin a character."""

NO_CHARACTER = "\ufffd"


class SplitCharacters:
    """Holds back half a character until the next piece of its text."""

    def __init__(self) -> None:
        self._half = ""

    def whole(self, piece: str) -> str:
        """Return a piece in whole characters; a half that never gets its other one becomes U+FFFD."""
        if piece.isascii() and not self._half:
            return piece
        text, self._half = self._half + piece, ""
        if text and FIRST_HALVES[0] <= text[-1] <= FIRST_HALVES[1]:
            text, self._half = text[:-1], text[-1]
        return with_whole_characters(text)

    def rest(self) -> str:
        """Return what is held back, at the end of the text."""
        half, self._half = self._half, ""
        return NO_CHARACTER if half else ""
