"""What a filter is, and how filters are chained."""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeAlias

from msgspec import Struct

from anyclaude.profiles import BackendProfile
from anyclaude.protocol.deltas import Delta
from anyclaude.protocol.messages_request import Tool


class FilterContext(Struct, frozen=True):
    """What a filter may know about the reply: the tools of the request, and which model of which server replies."""

    tools: tuple[Tool, ...]
    profile: BackendProfile
    model: str
    """The model's name on the server."""


class DeltaFilter(Protocol):
    """
    Rewrites the deltas of one reply.

    Any split of the reply into deltas adds up to the same result.  A filter may hold text back while it is ambiguous,
    and no longer; it must pass on what it does not understand.  Where it delivers something other than the model wrote,
    `ToolCallDelta.written` carries the model's own text, so that the history can be rendered as it was written.
    """

    def feed(self, deltas: Sequence[Delta]) -> list[Delta]:
        """Return the deltas that can be delivered by now; all text held back is released before `Finished`."""
        ...

    def finish(self) -> list[Delta]:
        """Return what is still held back; called once, after the last delta."""
        ...


FilterFactory: TypeAlias = Callable[[FilterContext], DeltaFilter | None]
"""Makes a filter for one reply, or `None` where there is nothing to filter."""


class FilterChain:
    """Applies filters in order; the output of one is the input of the next."""

    def __init__(self, filters: Iterable[DeltaFilter]) -> None:
        self._filters = tuple(filters)

    def feed(self, deltas: Sequence[Delta]) -> Sequence[Delta]:
        """Return the deltas that can be delivered by now."""
        for delta_filter in self._filters:
            deltas = delta_filter.feed(deltas)
        return deltas

    def finish(self) -> Sequence[Delta]:
        """Return what the filters still hold back."""
        held: Sequence[Delta] = ()
        for delta_filter in self._filters:
            held = [*delta_filter.feed(held), *delta_filter.finish()]
        return held


def chain_for(context: FilterContext, factories: Sequence[FilterFactory]) -> FilterChain | None:
    """Return the filters for one reply, `None` if there are none: then deltas are not touched."""
    filters = [made for factory in factories if (made := factory(context)) is not None]
    return FilterChain(filters) if filters else None
