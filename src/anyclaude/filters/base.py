"""The interface of filters, and chains of them."""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeAlias

from msgspec import Struct

from anyclaude.profiles import BackendProfile
from anyclaude.protocol.deltas import Delta
from anyclaude.protocol.messages_request import Tool


class FilterContext(Struct, frozen=True):
    """The facts about a reply that filters use: the tools of the request, and the server and the model that reply."""

    tools: tuple[Tool, ...]
    profile: BackendProfile
    model: str
    """The model's name on the server."""


class DeltaFilter(Protocol):
    """
    Rewrites the deltas of one reply.

    The result does not depend on how the reply is split into deltas.  A filter may hold text back only while it is
    ambiguous, and must pass on what it does not recognise.  If it turns text into a tool call, `ToolCallDelta.written`
    carries the model's own text, so that the history can be rendered as it was written.
    """

    def feed(self, deltas: Sequence[Delta]) -> list[Delta]:
        """Return the deltas that can be delivered so far; all text held back is released before `Finished`."""
        ...

    def finish(self) -> list[Delta]:
        """Return the deltas that are still held back; called once, after the last delta."""
        ...


FilterFactory: TypeAlias = Callable[[FilterContext], DeltaFilter | None]
"""Returns a filter for one reply, `None` if there is nothing to filter."""


class FilterChain:
    """Applies filters in order; the output of one is the input of the next."""

    def __init__(self, filters: Iterable[DeltaFilter]) -> None:
        self._filters = tuple(filters)

    def feed(self, deltas: Sequence[Delta]) -> Sequence[Delta]:
        """Return the deltas that can be delivered so far."""
        for delta_filter in self._filters:
            deltas = delta_filter.feed(deltas)
        return deltas

    def finish(self) -> Sequence[Delta]:
        """Return the deltas that the filters still hold back."""
        held: Sequence[Delta] = ()
        for delta_filter in self._filters:
            held = [*delta_filter.feed(held), *delta_filter.finish()]
        return held


def chain_for(context: FilterContext, factories: Sequence[FilterFactory]) -> FilterChain | None:
    """Return the filters for one reply, `None` if there are none."""
    filters = [made for factory in factories if (made := factory(context)) is not None]
    return FilterChain(filters) if filters else None
