"""Calls of tools that the gateway runs itself, taken out of a reply."""

from collections.abc import Sequence

from anyclaude.protocol.deltas import Delta, Finished, ToolCallDelta


def whole_call(deltas: Sequence[ToolCallDelta]) -> ToolCallDelta:
    """Return a call in one delta."""
    return ToolCallDelta(
        deltas[0].slot,
        next((delta.name for delta in deltas if delta.name), ""),
        "".join(delta.arguments for delta in deltas),
        "".join(delta.written for delta in deltas),
        "".join(delta.raw_arguments for delta in deltas),
        next((delta.provider_fields for delta in reversed(deltas) if delta.provider_fields), None),
    )


class ServerCalls:
    """
    Keeps the calls of some tools, and the end of a reply that has any: it goes on with their results.

    A call whose name has not arrived waits for it.
    """

    def __init__(self, names: frozenset[str] = frozenset()) -> None:
        """Keep the calls of the tools with these names."""
        self._names = names
        self._unnamed: dict[int, list[ToolCallDelta]] = {}
        self._passed: set[int] = set()
        self._calls: dict[int, list[ToolCallDelta]] = {}
        self.has_client_calls = False
        """Whether the reply calls tools that the client runs."""
        self.finished: Finished | None = None
        """The end of the reply."""

    def afresh(self) -> "ServerCalls":
        """Return what keeps the same calls of another reply."""
        return ServerCalls(self._names)

    @property
    def calls(self) -> Sequence[ToolCallDelta]:
        """The calls, each whole, in their order; none of a reply that was cut: the last one may not be whole."""
        is_cut = self.finished is not None and self.finished.reason not in {"end_turn", "tool_use", "stop_sequence"}
        return () if is_cut else tuple(map(whole_call, self._calls.values()))

    def take(self, deltas: Sequence[Delta]) -> Sequence[Delta]:
        """Return the deltas that are for the client."""
        if not self._names:
            return deltas
        passed: list[Delta] = []
        for delta in deltas:
            match delta:
                case ToolCallDelta():
                    passed += self._take_call(delta)
                case Finished():
                    passed += self._take_end(delta)
                case _:
                    passed.append(delta)
        return passed

    def _take_call(self, delta: ToolCallDelta) -> Sequence[Delta]:
        slot = delta.slot
        if slot in self._passed:
            return (delta,)
        if slot in self._calls:
            self._calls[slot].append(delta)
            return ()
        waiting = [*self._unnamed.pop(slot, ()), delta]
        if not delta.name:
            self._unnamed[slot] = waiting
            return ()
        if delta.name in self._names:
            self._calls[slot] = waiting
            return ()
        self._passed.add(slot)
        self.has_client_calls = True
        return waiting

    def _take_end(self, end: Finished) -> Sequence[Delta]:
        self.finished = end
        unnamed = [delta for waiting in self._unnamed.values() for delta in waiting]
        self._unnamed.clear()
        return unnamed if self.calls else [*unnamed, end]
