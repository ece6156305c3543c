"""
What the gateway remembers of a conversation to prepare its later requests.

Whether a prompt matches the engine's cache depends on two facts that a request does not contain: the order in which the
model read the tools, and the text of its own tool calls.  Both are kept here, within bounds, and with the calls what
their server wants back.  The calls are also kept in a file, so that a conversation survives a restart of the gateway.
"""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from anyclaude.kept_values import KeptValues
from anyclaude.memory_budget import MemoryBudget
from anyclaude.protocol.memory_size import memory_size
from anyclaude.protocol.messages_request import MessagesRequest
from anyclaude.protocol.provider_fields import ProviderFields
from anyclaude.storage import LineFile
from anyclaude.transforms import OriginalCall

from .events import ExchangeEnded, ExchangeListener

MAX_CONVERSATIONS = 1_024
"""Conversations whose tool order is kept: a few kilobytes each; a day's sub-agents fit many times over."""

MAX_CALL_BYTES = 32 * 1024 * 1024
"""The memory of all calls kept.  A large edit has 10 kB, so thousands fit; the file is at most twice this."""

MAX_CALL_CHARACTERS = 1024 * 1024
"""A longer call is not kept: a hundred times a large edit."""


def original_calls(
    raw_arguments: Mapping[str, str],
    repaired_arguments: Mapping[str, str],
    written_calls: Mapping[str, str],
    provider_fields: Mapping[str, ProviderFields],
    origin: str,
) -> Mapping[str, OriginalCall]:
    """Return the calls of a reply as the model wrote them, by tool use id; `origin` is the server and the model."""
    fields = {tool_use_id: replace(received, origin=origin) for tool_use_id, received in provider_fields.items()}
    return {
        tool_use_id: OriginalCall(
            arguments, repaired_arguments.get(tool_use_id), written_calls.get(tool_use_id), fields.get(tool_use_id)
        )
        for tool_use_id, arguments in raw_arguments.items()
    }


class RecordedCall(Struct, frozen=True, omit_defaults=True):
    """One line of the file: a tool use id and its `OriginalCall`; earlier releases wrote the first two fields."""

    id: str
    arguments: str
    sent: str | None = None
    written: str | None = None
    provider_fields: ProviderFields | None = None


class ConversationMemory(ExchangeListener):
    """
    Remembers the order of each conversation's tools, and the tool calls as the model wrote them.

    The calls are also written to `file`; without one, they are lost when the gateway stops.  A file that cannot be read
    or written costs cache hits, never a reply.
    """

    def __init__(
        self, file: Path | None = None, max_bytes: int = MAX_CALL_BYTES, budget: MemoryBudget | None = None
    ) -> None:
        budget = budget or MemoryBudget()
        self._file = LineFile(file, RecordedCall, 2 * max_bytes) if file is not None else None
        self._tool_orders = KeptValues[str, tuple[str, ...]](
            "tool orders", budget, memory_size, max_entries=MAX_CONVERSATIONS
        )
        self._calls = KeptValues[str, OriginalCall]("calls", budget, memory_size, max_bytes=max_bytes)
        if self._file is not None:
            for call in self._file.read():
                self._calls.keep(call.id, OriginalCall(call.arguments, call.sent, call.written, call.provider_fields))

    @property
    def original_calls(self) -> Mapping[str, OriginalCall]:
        """The remembered calls, by tool use id."""
        return self._calls

    def tool_order(self, conversation: str) -> tuple[str, ...]:
        """Return the conversation's tools in the order in which the model read them; empty if it is unknown."""
        return self._tool_orders.get(conversation, ())

    def exchange_ended(self, event: ExchangeEnded) -> None:
        """Remember the calls of the reply."""
        self.record_tool_calls(
            original_calls(
                event.raw_arguments,
                event.repaired_arguments,
                event.written_calls,
                event.provider_fields,
                "" if event.sent is None else event.sent.origin,
            )
        )

    def record_tool_order(self, conversation: str, request: MessagesRequest) -> None:
        """Remember the order in which the model reads the tools; a tool missing from one request keeps its place."""
        before = self._tool_orders.get(conversation, ())
        known = set(before)
        order = before + tuple(tool.name for tool in request.tools if tool.name not in known)
        self._tool_orders.keep(conversation, order)

    def record_tool_calls(self, calls: Mapping[str, OriginalCall]) -> None:
        """Remember tool calls, by tool use id."""
        calls = {tool_use_id: call for tool_use_id, call in calls.items() if call.characters <= MAX_CALL_CHARACTERS}
        for tool_use_id, call in calls.items():
            self._calls.keep(tool_use_id, call)
        if calls and self._file is not None:
            lines = (
                RecordedCall(tool_use_id, call.arguments, call.sent, call.written, call.provider_fields)
                for tool_use_id, call in calls.items()
            )
            with suppress(OSError):  # such as a full disk: the calls are still in memory
                self._file.append(*lines)
