"""The interface of filters, and chains of them."""

from collections.abc import Callable, Iterable, Sequence
from typing import Literal, Protocol, TypeAlias

from msgspec import Struct

from anyclaude.profiles import BackendProfile
from anyclaude.protocol.citable_sources import CitableSource
from anyclaude.protocol.deltas import Delta, ToolCallDelta
from anyclaude.protocol.messages_request import Tool


class CallNote(Struct, frozen=True):
    """
    What a filter did with one tool call, for the journal.

    `recognised`: it was written into the reply's text.  `repaired`: its name or its arguments were changed so that
    they fit the tool's schema.  `invalid`: it does not fit, and was passed on as the model wrote it.  `not_offered`: it
    names a tool that the request does not have, and stayed as it was.  `constrained`: it was requested again, with the
    tool's schema enforced by the engine.
    """

    what: Literal["recognised", "repaired", "invalid", "not_offered", "constrained"]
    tool: str
    detail: str = ""
    """The form in which it was written, what was changed, or what is wrong with it."""
    before: str = ""
    """What the model wrote, if it was changed."""
    after: str = ""


def ignore(note: CallNote) -> None:
    """Do nothing."""


class EndlessReply(Struct, frozen=True):
    """How a reply repeated itself when a filter ended it, for the journal."""

    within: Literal["text", "thinking", "arguments"]
    unit_characters: int | None
    """The length of what was repeated, `None` for white space of any kind."""
    repeated_characters: int
    """The length of the repetition that was looked at; it may have begun earlier."""
    was_requested_again: bool = False
    """Whether nothing of it had been delivered, and it was requested a second time."""


def ignore_end(reply: EndlessReply) -> None:
    """Do nothing."""


def read_on() -> None:
    """Do nothing."""


def deliver(reply: EndlessReply) -> bool:
    """Return that the reply is not requested again."""
    return False


class RejectedCall(Struct, frozen=True):
    """A whole call whose arguments do not fit its tool, and that no block was opened for."""

    tool: str
    """The name of the tool, which was offered."""
    deltas: tuple[ToolCallDelta, ...]
    """What delivers the call as the model wrote it."""
    problem: str = ""
    """What is wrong with the arguments."""

    @property
    def arguments(self) -> str:
        """The arguments as the model wrote them."""
        return "".join(delta.arguments for delta in self.deltas)


def keep(call: RejectedCall) -> bool:
    """Return that the call stays with the filter."""
    return False


class FilterContext(Struct, frozen=True):
    """The facts about a reply that filters use: the tools of the request, and the server and the model that reply."""

    tools: tuple[Tool, ...]
    profile: BackendProfile
    model: str
    """The model's name on the server."""
    is_call_forced: bool = False
    """Whether the engine was made to write nothing but one tool call, as a JSON object with `name` and `arguments`."""
    note: Callable[[CallNote], None] = ignore
    """Takes the notes for the journal."""
    stop_sequences: tuple[str, ...] = ()
    """The texts that end the reply, unless the engine looks for them."""
    sources: tuple[CitableSource, ...] = ()
    """What the reply may cite: sources of the request, and of what was found while the reply was under way."""
    stop: Callable[[], None] = read_on
    """Called when a filter has ended the reply: it has returned `Finished`, and no more of the server's is needed."""
    end: Callable[[EndlessReply], None] = ignore_end
    """Called instead when the reply repeats itself, for the journal."""
    request_again: Callable[[EndlessReply], bool] = deliver
    """
    Proposes to request a reply again that repeats itself.

    If it returns true, the filter passes on nothing more until `finish`, which is called only if that request failed.
    Otherwise it ends the reply.
    """
    is_sampled_against_repetition: bool = False
    """Whether this is the reply to such a second request."""
    hand_over: Callable[[RejectedCall], bool] = keep
    """
    Offers an invalid call to the gateway, which may request it again with the tool's schema enforced.

    If it returns true, the gateway delivers the call at the end of the reply and notes it; the filter passes on nothing
    of it.  Otherwise the filter does what it would do without.
    """


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
