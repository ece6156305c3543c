"""
Tool calls that fit their tools: each call is held until it is whole, then checked, and repaired if it has one reading.

Anthropic's API buffers and validates the input of a tool too, unless the tool has `eager_input_streaming`
("Fine-grained tool streaming" in its documentation); the fragments of such a tool pass unchanged.  A client waits for
the end of a call before it runs the tool, so that only its display notices the difference.

A call is whole once its arguments are one JSON document and something else follows, or when the model has ended its
reply.  A call that was cut, by the limit of tokens or by a stop sequence, passes as it is.  So does one that the filter
before this made of the reply's text: it has been checked, and has its `written` text.
"""

from collections.abc import Sequence

from anyclaude.protocol.deltas import Delta, Finished, StopReason, TextDelta, ThinkingDelta, ToolCallDelta
from anyclaude.protocol.json_end import JsonEnd
from anyclaude.protocol.messages_request import Tool
from anyclaude.protocol.provider_fields import ProviderFields
from anyclaude.tool_schemas import OfferedTools

from .base import CallNote, DeltaFilter, FilterContext, RejectedCall

MAX_NOTED = 2_000
"""The characters of a call in a note, which is for reading: a call may write a file of a megabyte."""

ENDED_BY_THE_MODEL: frozenset[StopReason] = frozenset({"end_turn", "tool_use"})
"""The reasons for which the last call of a reply is as the model wanted it, even if a bracket is missing."""


def checked_calls(context: FilterContext) -> DeltaFilter | None:
    """Return the filter for a reply, `None` if no tools were offered."""
    return CheckedCalls(context) if context.tools else None


class HeldCall:
    """A call whose fragments are held back."""

    def __init__(self, slot: int, place: int) -> None:
        self._slot = slot
        self.place = place
        """Its place among what waits."""
        self._fragments: list[ToolCallDelta] = []
        self._end = JsonEnd()
        self.name = ""

    def add(self, delta: ToolCallDelta) -> None:
        """Add a fragment."""
        self.name = self.name or delta.name
        self._fragments.append(delta)
        self._end.feed(delta.arguments)

    @property
    def is_whole(self) -> bool:
        """Whether the call has its name, and its arguments are one JSON document."""
        return bool(self.name) and self._end.is_reached

    @property
    def arguments(self) -> str:
        """The arguments so far."""
        return "".join(fragment.arguments for fragment in self._fragments)

    def delta(self, name: str = "", arguments: str | None = None) -> ToolCallDelta:
        """Return the call as one delta; with other arguments, those that the model wrote stand beside them."""
        came = self.arguments
        if arguments is not None and arguments != came:
            return ToolCallDelta(self._slot, name or self.name, arguments, "", came, self._provider_fields)
        written = "".join(fragment.written for fragment in self._fragments)
        raw_arguments = "".join(fragment.raw_arguments for fragment in self._fragments)
        return ToolCallDelta(self._slot, name or self.name, came, written, raw_arguments, self._provider_fields)

    @property
    def _provider_fields(self) -> ProviderFields | None:
        return next((it.provider_fields for it in reversed(self._fragments) if it.provider_fields is not None), None)


class CheckedCalls:
    """Checks the calls of one reply."""

    def __init__(self, context: FilterContext) -> None:
        self._note = context.note
        self._hand_over = context.hand_over
        self._offered = OfferedTools(context.tools)
        self._eager = frozenset(tool.name for tool in context.tools if _is_eager(tool))
        self._waiting: list[HeldCall | Delta] = []  # in the order of the reply; the first is a call
        self._held: dict[int, HeldCall] = {}
        self._incomplete = 0  # of these calls
        self._passing: set[int] = set()
        self._handed_over: set[int] = set()
        self._end: StopReason | None = None

    def feed(self, deltas: Sequence[Delta]) -> list[Delta]:
        """Return the deltas that can be delivered; text after a call waits until the call is whole."""
        if self._waiting or _has_call(deltas):
            return [delivered for delta in deltas for delivered in self._take(delta)]
        return deltas if isinstance(deltas, list) else list(deltas)

    def finish(self) -> list[Delta]:
        """Return the deltas that are still held back."""
        return self._release()

    def _take(self, delta: Delta) -> list[Delta]:
        match delta:
            case ToolCallDelta():
                return self._take_fragment(delta)
            case Finished(reason):
                self._end = reason
                return [*self._release(), delta]
            case TextDelta() | ThinkingDelta():
                return [*self._release_whole(), *self._in_order(delta)]
            case _:
                return [delta]

    def _take_fragment(self, delta: ToolCallDelta) -> list[Delta]:
        if delta.slot in self._handed_over:
            return []
        if delta.slot in self._passing:
            return self._in_order(delta)
        released = self._release_whole() if delta.slot not in self._held else []
        call = self._held.get(delta.slot) or self._hold(delta.slot)
        is_named, was_whole = bool(call.name), call.is_whole
        call.add(delta)
        self._incomplete += was_whole - call.is_whole
        if delta.written or delta.raw_arguments or (call.name and not is_named and not self._is_checked(call.name)):
            released += self._pass_on(delta.slot, call)
        return released

    def _hold(self, slot: int) -> HeldCall:
        call = self._held[slot] = HeldCall(slot, len(self._waiting))
        self._waiting.append(call)
        self._incomplete += 1
        return call

    def _is_checked(self, name: str) -> bool:
        """Return whether the calls of a tool are checked: it was offered, and the client did not decline the check."""
        meant = self._offered.named(name)
        if meant is None:
            self._note(CallNote("not_offered", name[:MAX_NOTED]))
        return meant is not None and meant not in self._eager

    def _pass_on(self, slot: int, call: HeldCall) -> list[Delta]:
        """Return the fragments of a call that is not checked, or let them wait for the calls before it."""
        self._passing.add(slot)
        del self._held[slot]
        self._incomplete -= not call.is_whole
        self._waiting[call.place] = call.delta()
        return [] if self._held else self._release()

    def _in_order(self, delta: Delta) -> list[Delta]:
        """Return a delta, or let it wait for the calls before it."""
        if not self._waiting:
            return [delta]
        self._waiting.append(delta)
        return []

    def _release_whole(self) -> list[Delta]:
        """Return what waits if all calls are whole."""
        return [] if self._incomplete else self._release()

    def _release(self) -> list[Delta]:
        """Return what waits, its calls checked."""
        waiting, self._waiting = self._waiting, []
        self._passing.update(self._held)
        self._held.clear()
        self._incomplete = 0
        return [delta for item in waiting for delta in (self._checked(item) if isinstance(item, HeldCall) else [item])]

    def _checked(self, call: HeldCall) -> list[Delta]:
        """Return the call as it is to be delivered, nothing if the gateway requests it again."""
        name = self._offered.named(call.name)
        if name is None:
            return [call.delta()]
        if not call.is_whole and self._end not in ENDED_BY_THE_MODEL:
            self._note(CallNote("invalid", name, "the reply ended before the arguments", excerpt(call.arguments)))
            return [call.delta()]
        checked = self._offered.checked(name, call.arguments)
        if not checked.is_valid:
            return self._rejected(call.delta(name), checked.problem)
        changes = checked.changes if name == call.name else (f"{call.name} is {name}", *checked.changes)
        if not changes:
            return [call.delta()]
        before, after = excerpt(call.arguments), excerpt(checked.arguments)
        self._note(CallNote("repaired", name, "; ".join(changes)[:MAX_NOTED], before, after))
        return [call.delta(name, checked.arguments)]

    def _rejected(self, call: ToolCallDelta, problem: str) -> list[Delta]:
        if self._hand_over(RejectedCall(call.name, (call,), problem)):
            self._handed_over.add(call.slot)
            return []
        self._note(CallNote("invalid", call.name, problem, excerpt(call.arguments)))
        return [call]


def _has_call(deltas: Sequence[Delta]) -> bool:
    """Return whether one of the deltas belongs to a call; a plain loop, because every token of a reply passes it."""
    for delta in deltas:  # noqa: SIM110
        if type(delta) is ToolCallDelta:
            return True
    return False


def _is_eager(tool: Tool) -> bool:
    return tool.extra.get("eager_input_streaming") is True


def excerpt(text: str) -> str:
    """Return the beginning of a call's text, for a note."""
    return text if len(text) <= MAX_NOTED else f"{text[:MAX_NOTED]}…"
