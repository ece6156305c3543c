"""
Assign the fragments of tool calls to their calls, although servers disagree on how to mark them.

By the specification `index` identifies a call.  In practice it is missing (mlx-lm pull 598, Ollama issue 7881) or the
same for every parallel call (Ollama issue 15457, dynamo pull 4723), and the id is missing, changes, or is repeated
together with the name in every fragment.  A call is therefore identified by its slot, a number that this module
assigns.

Some servers send `{}` before or after the arguments (openai-agents-js issue 712), or a name in pieces, which the
specification allows.  Both are withheld until it is certain that nothing else follows, because what was delivered
cannot be taken back.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from anyclaude.errors import BackendGarbled
from anyclaude.protocol.deltas import ToolCallDelta
from anyclaude.protocol.json_bounds import is_bounded
from anyclaude.protocol.json_end import JsonEnd
from anyclaude.protocol.json_values import JsonError, JsonValue, decode_json

from .received_fields import ReceivedFields
from .split_characters import SplitCharacters
from .wire import CallPart, FunctionPart

LEGACY_INDEX = -1
"""The index of the one call in the legacy `function_call` field; a real index is 0 or more."""

MAX_CALLS = 256
"""The calls of one reply.  Models make up to some tens at once; 128,000 tokens have room for 6,000 of the shortest."""

MAX_NAME_CHARACTERS = 1_024
"""The Messages API permits 128."""

MAX_ID_CHARACTERS = 65_536
"""An id has less than 100; LiteLLM appends Gemini's signature of a thought, some thousands."""

NO_FUNCTION = FunctionPart()

EMPTY = re.compile(r"\s*(?:\{\s*\}|null)\s*")

NO_NAMES: Mapping[str, str] = MappingProxyType({})


@dataclass(slots=True)
class Call:
    """One call, as far as it has arrived."""

    slot: int
    name: str
    id: str
    index: int | None
    is_announced: bool = False  # the name has been delivered
    pieces: list[str] = field(default_factory=list)
    end: JsonEnd = field(default_factory=JsonEnd)
    is_no_object: bool = False  # it had an end, and was none
    read: JsonValue = None  # the whole object, until more arrives
    withheld: str = ""  # an empty object, or null, that has not been delivered
    characters: SplitCharacters = field(default_factory=SplitCharacters)

    def add(self, arguments: str) -> str:
        """Add a piece of the arguments, and return the text that can be delivered."""
        if not (arguments := self.characters.whole(arguments)):
            return ""
        if not self.pieces and EMPTY.fullmatch(arguments):
            self._append(arguments)
            self.withheld = arguments
            return ""
        if self.withheld and not arguments.strip():
            return ""
        if self.withheld and arguments.lstrip().startswith("{"):
            self.withheld = ""
            self.pieces.clear()
            self.end, self.is_no_object = JsonEnd(), False
        self._append(arguments)
        return self.settle() + arguments

    def _append(self, arguments: str) -> None:
        self.read = None
        self.pieces.append(arguments)
        self.end.feed(arguments)

    def settle(self) -> str:
        """Return the empty object that was withheld, now that it is all there is."""
        withheld, self.withheld = self.withheld, ""
        return withheld

    def input(self) -> JsonValue:
        """Return the arguments so far if they are a whole JSON object, else `None`."""
        if self.is_no_object or not self.end.is_reached:  # if a server repeats the name, this runs for every fragment
            return None
        if self.read is None:
            self.read = whole_object("".join(self.pieces))
            self.is_no_object = self.read is None  # and cannot become one
        return self.read


class ToolCalls:
    """The calls of one reply."""

    def __init__(self, tool_names: Mapping[str, str] = NO_NAMES) -> None:
        """Take the own names of the tools that have another one on the wire."""
        self._tool_names = tool_names
        self._calls: list[Call] = []
        self._by_index: dict[int, Call] = {}
        self._by_id: dict[str, Call] = {}
        self._unsettled: dict[int, Call] = {}  # those that were added to since nothing was withheld, by slot
        self._unnamed: dict[int, Call] = {}  # those whose names came since all names were delivered, by slot
        self.received = ReceivedFields()
        """The fields of the reply that the server wants back with the calls."""

    @property
    def are_any(self) -> bool:
        """Whether any part of a call has arrived."""
        return any(call.name or call.pieces for call in self._calls)

    def take(self, parts: list[CallPart]) -> list[ToolCallDelta]:
        """
        Return the deltas of one chunk's fragments; some servers send a whole call after its fragments.

        Raises:
            BackendGarbled: when there are more calls than a reply can have, or a name or an id is too long for one.
        """
        deltas: list[ToolCallDelta] = []
        named: set[int] = set()
        for part in parts:
            function = part.function or NO_FUNCTION
            call = self._same_call(part, function)
            if call is None or (function.name and call.slot in named):  # one chunk does not name a call twice
                deltas.extend(self._named())
                call = self._begin(part)
            self.received.add_call(call.slot, part, function)
            if _is_repetition(call, function):
                continue
            if function.name:
                named.add(call.slot)
            deltas.extend(self._add(call, function))
        return deltas

    def settle(self) -> list[ToolCallDelta]:
        """Return the deltas of what has been withheld; call it before text, and at the end."""
        if not self._unsettled:
            return []
        unsettled, self._unsettled = self._unsettled, {}
        calls = [unsettled[slot] for slot in sorted(unsettled)]
        settled = ((call, call.settle() + call.characters.rest()) for call in calls)
        return [self._delta(call, text) for call, text in settled if text or (call.name and not call.is_announced)]

    def end(self) -> list[ToolCallDelta]:
        """Return what only the end of the reply decides: the empty arguments, and the fields that go back."""
        return [*self.settle(), *self.received.deltas([call.slot for call in self._calls if call.name])]

    def take_whole(self, parts: list[CallPart]) -> list[ToolCallDelta]:
        """Return the deltas that the calls of a whole message add to the fragments before it."""
        deltas: list[ToolCallDelta] = []
        for position, part in enumerate(parts):
            function = part.function or NO_FUNCTION
            is_new = position >= len(self._calls)
            call = self._begin(part) if is_new else self._calls[position]
            self.received.add_call(call.slot, part, function)
            if is_new or not call.pieces:
                deltas.extend(self._add(call, function))
        return deltas

    def _same_call(self, part: CallPart, function: FunctionPart) -> Call | None:
        """Return the call that a fragment continues, `None` if it begins another."""
        call = self._by_id.get(part.id) if part.id else None
        at_index = self._at(part.index, function)
        if at_index is not None and (call is None or at_index.id == part.id):
            call = at_index
        elif call is not None and function.name and None not in {part.index, call.index} and part.index != call.index:
            return None  # two calls with one id
        return None if call is None or _begins_another(call, part, function) else call

    def _at(self, index: int | None, function: FunctionPart) -> Call | None:
        """Return the call of an index; without an index, or if a call gets its first index late, the last call."""
        last = self._calls[-1] if self._calls else None
        if index is None:
            return last
        if last is not None and last.index is None and not function.name:
            return self._by_index.setdefault(index, last)
        return self._by_index.get(index)

    def _begin(self, part: CallPart) -> Call:
        if len(self._calls) == MAX_CALLS:
            raise BackendGarbled(f"the backend's reply has more than {MAX_CALLS:,} tool calls")
        if len(part.id or "") > MAX_ID_CHARACTERS:
            raise BackendGarbled(f"the id of a tool call has more than {MAX_ID_CHARACTERS:,} characters")
        call = Call(len(self._calls), "", part.id or "", part.index)
        self._calls.append(call)
        if part.index is not None:
            self._by_index[part.index] = call
        if part.id:
            self._by_id[part.id] = call
        return call

    def _add(self, call: Call, function: FunctionPart) -> Iterator[ToolCallDelta]:
        self._unsettled[call.slot] = call
        if function.name and not call.is_announced:
            goes_on = not function.name.startswith(call.name)  # else it is repeated, perhaps with one piece more
            call.name = call.name + function.name if goes_on else function.name
            if len(call.name) > MAX_NAME_CHARACTERS:
                raise BackendGarbled(f"the name of a called tool has more than {MAX_NAME_CHARACTERS:,} characters")
            self._unnamed[call.slot] = call
        if function.arguments:
            yield self._delta(call, call.add(function.arguments))

    def _named(self) -> list[ToolCallDelta]:
        """Return the names that are complete because another call begins."""
        unnamed, self._unnamed = self._unnamed, {}
        calls = [unnamed[slot] for slot in sorted(unnamed)]
        return [self._delta(call) for call in calls if call.name and not call.is_announced]

    def _delta(self, call: Call, arguments: str = "") -> ToolCallDelta:
        name = "" if call.is_announced else self._tool_names.get(call.name, call.name)
        call.is_announced = bool(call.name)
        return ToolCallDelta(call.slot, name, arguments)


def whole_object(text: str) -> JsonValue:
    """Return `text` as a JSON object, `None` if it is not a whole one, or consists of more parts than any arguments."""
    body = text.encode(errors="surrogatepass")
    try:
        value = decode_json(body) if is_bounded(body) else None
    except JsonError:
        return None
    return value if isinstance(value, dict) else None


def _is_repetition(call: Call, function: FunctionPart) -> bool:
    """Return whether a fragment repeats the whole arguments of its call, or is an empty object after them."""
    if not call.pieces or not function.arguments or not function.arguments.lstrip().startswith("{"):
        return False
    repeated = whole_object(function.arguments)
    return repeated is not None and (so_far := call.input()) is not None and repeated in ({}, so_far)


def _begins_another(call: Call, part: CallPart, function: FunctionPart) -> bool:
    """
    Return whether a fragment that seems to belong to `call` begins another call.

    Only a fragment with a name can: it may repeat the name of its call, or name the next one.
    """
    if not function.name or not call.name:
        return False
    if function.name != call.name:
        is_marked_alike = part.index is not None and part.index == call.index and part.id in {None, "", call.id}
        return bool(call.pieces) or not is_marked_alike  # otherwise it is the rest of the name
    if part.id and call.id and part.id != call.id:
        return not call.pieces or call.input() is not None
    if part.id and call.withheld:
        return False
    if part.id or part.index is not None:
        arguments = whole_object(function.arguments or "")
        return arguments is not None and call.input() is not None and arguments != call.input()
    return call.input() is not None
