"""The account of what a request said and Chat Completions, or this server, cannot carry."""

from anyclaude.dialects.base import DroppedField
from anyclaude.protocol.json_values import JsonObject

NO_SUCH_FIELD = "Chat Completions has no such field"
NO_SUCH_BLOCK = "Chat Completions has no such content"


class DroppedFields:
    """Counts what is lost, one entry for each kind of thing."""

    def __init__(self) -> None:
        self._reasons: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def note(self, what: str, why: str, count: int = 1) -> None:
        """Account for one more loss; the first reason given for a kind of thing is kept."""
        self._reasons.setdefault(what, why)
        self._counts[what] = self._counts.get(what, 0) + count

    def note_fields(self, path: str, extra: JsonObject) -> None:
        """Account for fields nobody understood; cache markers are one kind of thing, wherever they stand."""
        for name in extra:
            self.note("cache_control" if name == "cache_control" else f"{path}{name}", NO_SUCH_FIELD)

    @property
    def entries(self) -> tuple[DroppedField, ...]:
        """All of it, in the order in which it was first met."""
        return tuple(DroppedField(what, why, self._counts[what]) for what, why in self._reasons.items())
