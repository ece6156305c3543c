"""The deltas that the filter delivers."""

from anyclaude.protocol.deltas import Delta, TextDelta, ThinkingDelta, ToolCallDelta

from .calls import FoundCall

FIRST_SLOT = 1_000_000
"""The slots of written calls; a server numbers its own from 0."""


class Output:
    """The deltas to deliver; adjacent pieces of text or of a thought become one."""

    def __init__(self) -> None:
        self._deltas: list[Delta] = []
        self._kind: type[TextDelta] | type[ThinkingDelta] = TextDelta
        self._pieces: list[str] = []
        self._slot = FIRST_SLOT - 1
        self._last_call: ToolCallDelta | None = None

    def text(self, text: str, kind: type[TextDelta] | type[ThinkingDelta] = TextDelta) -> None:
        """Deliver text, or a piece of a thought."""
        if not text:
            return
        if kind is not self._kind:
            self.join()
            self._kind = kind
        self._pieces.append(text)

    def call_delta(self, found: FoundCall, written: str) -> ToolCallDelta:
        """Return a call with the model's text of it, in the next slot."""
        self._slot += 1
        return ToolCallDelta(self._slot, found.call.name, found.call.arguments, written)

    def call(self, call: ToolCallDelta) -> None:
        """Deliver a call."""
        self._last_call = call
        self.add(call)

    def after_call(self, written: str) -> None:
        """Deliver more of the model's text of the last call, unless that call is not delivered."""
        if written and self._last_call is not None and self._last_call.slot == self._slot:
            self.add(ToolCallDelta(self._slot, written=written))

    def add(self, delta: Delta) -> None:
        """Deliver any delta."""
        self.join()
        self._deltas.append(delta)

    def take(self) -> list[Delta]:
        """Return the deltas, and forget them."""
        self.join()
        deltas, self._deltas = self._deltas, []
        return deltas

    def join(self) -> None:
        """Make one delta of the pieces so far, so that a delta that arrives is never joined with the next."""
        if self._pieces:
            self._deltas.append(self._kind("".join(self._pieces)))
            self._pieces.clear()
