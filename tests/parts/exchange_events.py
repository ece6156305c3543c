"""Events of exchanges, for tests of listeners."""

from collections.abc import Mapping

from anyclaude.exchange import Caller, ExchangeEnded, ExchangeListener, ExchangeRecord
from anyclaude.exchange_record import Durations
from anyclaude.protocol.deltas import UsageReported
from anyclaude.protocol.messages_request import MessagesRequest
from anyclaude.scheduling import PreparedRequest

MAIN = Caller(is_claude_code=True, session="session-1", agent=None, request_class="main")


def ended(
    request: MessagesRequest | None = None,
    number: int = 1,
    sent: PreparedRequest | None = None,
    raw_arguments: Mapping[str, str] | None = None,
    repaired_arguments: Mapping[str, str] | None = None,
    written_calls: Mapping[str, str] | None = None,
) -> ExchangeEnded:
    """Return the end of a completed exchange of the main conversation; its identifiers end in `number`."""
    record = ExchangeRecord(
        time="2026-11-22T12:00:00.000+00:00",
        request_id=f"req_{number}",
        message_id=f"msg_{number}",
        outcome="completed",
        status=200,
        path="/v1/messages",
        durations=Durations(total=1.0),
    )
    return ExchangeEnded(
        caller=MAIN,
        outcome="completed",
        record=record,
        request=request,
        sent=sent,
        reply_began=True,
        reported=UsageReported(),
        raw_arguments=raw_arguments or {},
        repaired_arguments=repaired_arguments or {},
        written_calls=written_calls or {},
    )


class Recorder(ExchangeListener):
    """Keeps the ends of exchanges."""

    def __init__(self) -> None:
        self.ends: list[ExchangeEnded] = []

    def exchange_ended(self, event: ExchangeEnded) -> None:
        """Keep the event."""
        self.ends.append(event)
