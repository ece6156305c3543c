"""Texts that must not be shown: keys and tokens."""

from msgspec import Struct


class Secret(Struct, frozen=True):
    """A text that no log, error or representation may show; `reveal` is called only where the text is sent."""

    _text: str

    def reveal(self) -> str:
        """Return the text itself."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__
