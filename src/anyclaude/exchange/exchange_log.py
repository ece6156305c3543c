"""What is noted down about one exchange while it happens, until it is a record."""

from collections.abc import Callable
from datetime import UTC, datetime

from anyclaude.errors import AnyclaudeError
from anyclaude.protocol.deltas import StopReason, UsageReported
from anyclaude.protocol.message_stream import MessageStream
from anyclaude.protocol.messages_request import MessagesRequest
from anyclaude.protocol.prompt_size import prompt_size, section_characters
from anyclaude.scheduling.dispatch import Progress
from anyclaude.transforms import Step

from .caller import Caller
from .record import Durations, ExchangeRecord, Outcome, RecordedError, RecordedSkip, RecordedUsage


class ExchangeLog:
    """
    The state of one exchange, as the journal will tell it.

    `clock` counts seconds from anywhere; `now` is the time of day.  `asked` is the request as the client sent it,
    `request` what the backend gets of it.
    """

    def __init__(
        self, request_id: str, path: str, caller: Caller, clock: Callable[[], float], now: Callable[[], datetime]
    ) -> None:
        self.request_id = request_id
        self.path = path
        self.caller = caller
        self.asked: MessagesRequest | None = None
        self.message_id: str | None = None
        self.request: MessagesRequest | None = None
        self.steps: tuple[Step, ...] = ()
        self.progress = Progress()
        self.was_reattached = False
        self.reported = UsageReported()
        self.status: int | None = None
        self.error: AnyclaudeError | None = None
        self._clock = clock
        self._time = now().astimezone(UTC).isoformat(timespec="milliseconds")
        self._began = clock()
        self._first_token_at: float | None = None
        self._stop_reason: StopReason | None = None

    def reply_began(self) -> None:
        """Note that the backend has said its first word."""
        self._first_token_at = self._clock()

    def reply_ended(self, stream: MessageStream) -> None:
        """Note how the reply came out, whole or not."""
        self.reported = stream.reported
        self._stop_reason = stream.stop_reason

    def record(self, outcome: Outcome) -> ExchangeRecord:
        """Return the whole account; called once, when the exchange is over."""
        request, progress, reported = self.request, self.progress, self.reported
        if self.status is None and outcome == "failed":
            self.status = 500  # a failure nobody foresaw
        return ExchangeRecord(
            time=self._time,
            request_id=self.request_id,
            message_id=self.message_id,
            outcome=outcome,
            status=self.status,
            path=self.path,
            session=self.caller.session,
            agent=self.caller.agent,
            request_class=self.caller.request_class,
            model=request.model if request else None,
            route=progress.route,
            attempts=progress.attempts,
            skipped_backends=tuple(RecordedSkip(passed.backend, passed.reason) for passed in progress.skipped_backends),
            was_reattached=self.was_reattached,
            continuations=progress.continuations,
            streaming=request.stream if request else False,
            size=prompt_size(section_characters(request), reported.input_tokens) if request else None,
            durations=Durations(
                total=self._since(self._clock()) or 0.0,
                queue=self._since(progress.admitted_at),
                first_token=self._since(self._first_token_at),
            ),
            usage=RecordedUsage(
                reported.input_tokens,
                reported.output_tokens,
                reported.cached_tokens,
                reported.prefill_seconds,
                reported.generation_seconds,
            ),
            stop_reason=self._stop_reason,
            steps=self.steps,
            dropped=progress.dropped,
            error=RecordedError(self.error.kind, str(self.error)) if self.error else None,
        )

    def _since(self, moment: float | None) -> float | None:
        """Return the seconds from the request's arrival; what an adopted reply had before it took none."""
        return None if moment is None else max(round(moment - self._began, 6), 0.0)
