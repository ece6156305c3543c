"""The record of the fields that Chat Completions, or this server, cannot carry."""

from anyclaude.dialects.base import DroppedField
from anyclaude.protocol.json_values import JsonObject

NO_SUCH_FIELD = "Chat Completions has no such field"
NO_SUCH_BLOCK = "Chat Completions has no such content"


class DroppedFields:
    """Counts the dropped fields, one entry per kind."""

    def __init__(self) -> None:
        self._reasons: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def note(self, what: str, why: str, count: int = 1) -> None:
        """Count a dropped field; of several reasons for one kind, the first is kept."""
        self._reasons.setdefault(what, why)
        self._counts[what] = self._counts.get(what, 0) + count

    def note_fields(self, path: str, extra: JsonObject) -> None:
        """Count unknown fields; cache markers are one kind, wherever they are."""
        for name in extra:
            self.note("cache_control" if name == "cache_control" else f"{path}{name}", NO_SUCH_FIELD)

    @property
    def entries(self) -> tuple[DroppedField, ...]:
        """The entries, in the order of their first occurrence."""
        return tuple(DroppedField(what, why, self._counts[what]) for what, why in self._reasons.items())
