"""Find the end of a JSON document that arrives in pieces."""

import re

PIECE_CHARACTERS = 64 * 1024
"""What is looked at in one call, which takes up to 1 ms."""

_MARK = re.compile(r'["{}\[\]]')
_REST_OF_STRING = re.compile(r'(?:[^"\\]++|\\.)*+', re.DOTALL)
_WHOLE_STRINGS = re.compile(r'(?:[^"]++|"(?:[^"\\]++|\\.)*+")*+', re.DOTALL)
"""All of a text, or what is before a string without an end."""

_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"', re.DOTALL)


class JsonEnd:
    """Looks at each character once, whole strings at a time."""

    def __init__(self) -> None:
        self._depth = 0
        self._is_in_string = False
        self._is_escaped = False
        self.is_reached = False

    def feed(self, piece: str) -> None:
        """Look at the next piece."""
        if len(piece) <= PIECE_CHARACTERS:
            self._feed(piece)
            return
        for start in range(0, len(piece), PIECE_CHARACTERS):  # so that other threads can run
            self._feed(piece[start : start + PIECE_CHARACTERS])

    def _feed(self, piece: str) -> None:
        if not piece:
            return
        if self._is_escaped:
            self._is_escaped, piece = False, piece[1:]
        if self._is_in_string:
            rest = _REST_OF_STRING.match(piece)
            end = rest.end() if rest else 0
            if not piece.startswith('"', end):
                self._is_escaped = end < len(piece)  # a backslash is the last character
                return
            self._is_in_string, piece = False, piece[end + 1 :]
            self.is_reached = self._depth <= 0
        if _MARK.search(piece):
            self._read(piece)

    def _read(self, piece: str) -> None:
        """Read a piece that begins outside a string."""
        whole = _WHOLE_STRINGS.match(piece)
        end = whole.end() if whole else 0
        outside = _STRING.sub("", piece[:end])
        self._depth += outside.count("{") + outside.count("[") - outside.count("}") - outside.count("]")
        self.is_reached = self._depth <= 0
        if end < len(piece):
            self._is_in_string, self.is_reached = True, False
            rest = _REST_OF_STRING.match(piece, end + 1)
            self._is_escaped = rest is not None and rest.end() < len(piece)
