"""The reply that the gateway itself gives, in place of a model."""

from collections.abc import AsyncGenerator, Sequence
from typing import TypeAlias, assert_never

from msgspec import Struct

from anyclaude.errors import AnyclaudeError
from anyclaude.protocol.deltas import Finished, TextDelta
from anyclaude.protocol.events import ServerToolResult, ServerToolUseContent, StreamEvent
from anyclaude.protocol.message_stream import MessageStream
from anyclaude.protocol.messages_request import MessagesRequest

from .exchange_log import ExchangeLog


class ServerToolRun(Struct, frozen=True):
    """A tool that the server runs: its call, and what came of it."""

    call: ServerToolUseContent
    result: ServerToolResult


ReplyPart: TypeAlias = TextDelta | ServerToolRun


class OwnReply:
    """A reply whose parts are known at once; has the methods of a `MessageExchange`."""

    def __init__(
        self, request: MessagesRequest, parts: Sequence[ReplyPart], stream: MessageStream, log: ExchangeLog
    ) -> None:
        self.request = request
        """The request as prepared."""
        self._parts = parts
        self._stream = stream
        self._log = log

    @property
    def has_estimated_input(self) -> bool:
        """Whether the client's count of input tokens is an estimate: no model reads them."""
        return self._stream.has_estimated_input

    @property
    def model(self) -> str | None:
        """The model that was asked: none."""
        return None

    @property
    def holds_up_others(self) -> bool:
        """Whether other requests wait for it: none does."""
        return False

    async def wait_begun(self, within_seconds: float) -> None:
        """Return at once: there is nothing to wait for."""

    async def batches(self) -> AsyncGenerator[list[StreamEvent], None]:
        """Yield the events of the message."""
        events = self._stream.open()
        for part in self._parts:
            match part:
                case TextDelta():
                    events += self._stream.feed((part,))
                case ServerToolRun(call, result):
                    events += [*self._stream.add_server_call(call), *self._stream.add_server_result(result)]
                case _:
                    assert_never(part)
        yield [*events, *self._stream.feed((Finished("end_turn"),)), *self._stream.close()]

    def fail(self, error: AnyclaudeError) -> list[StreamEvent]:
        """Return the events that end a message that could not be delivered."""
        return self._stream.fail(error)

    def close(self) -> None:
        """Record the reply."""
        self._log.reply_ended(self._stream)
