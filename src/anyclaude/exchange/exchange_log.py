"""The log of one exchange: filled while it runs, announced as events, and summarised in a record."""

from datetime import UTC

from anyclaude.errors import AnyclaudeError
from anyclaude.exchange_record import (
    Durations,
    ExchangeRecord,
    Outcome,
    RecordedDocument,
    RecordedError,
    RecordedSkip,
    RecordedThinking,
    RecordedToolRun,
    RecordedUsage,
)
from anyclaude.filters import CallNote, EndlessReply
from anyclaude.protocol.deltas import UsageReported
from anyclaude.protocol.message_stream import MessageStream
from anyclaude.protocol.messages_request import MessagesRequest
from anyclaude.protocol.prompt_size import prompt_size, section_characters
from anyclaude.scheduling.progress import Progress, Stage, unwatched
from anyclaude.scheduling.upstream import PreparedRequest
from anyclaude.transforms import PreparedPrompt, RepeatedCalls, Step

from .caller import Caller
from .clock import Clock
from .documents import read_sources
from .events import NO_CALLS, NO_FIELDS, ExchangeBegan, ExchangeEnded, ExchangeListener, ExchangeProgressed


class ExchangeLog:
    """
    The log of one exchange: the caller, the prepared prompt, the attempts, and the result.

    The code that runs the exchange only writes to it; listeners receive its contents in a frozen `ExchangeEnded`.
    """

    def __init__(self, request_id: str, path: str, caller: Caller, clock: Clock, listener: ExchangeListener) -> None:
        self.request_id = request_id
        self.caller = caller
        self.error: AnyclaudeError | None = None
        self._path = path
        self._clock = clock
        self._listener = listener
        self._time = clock.now().astimezone(UTC).isoformat(timespec="milliseconds")
        self._began = clock.seconds()
        self._received: MessagesRequest | None = None
        self._prepared: MessagesRequest | None = None
        self._steps: tuple[Step, ...] = ()
        self._message_id: str | None = None
        self._route: str | None = None
        self._progress = Progress()
        self._was_reattached = False
        self._first_token_at: float | None = None
        self._stream: MessageStream | None = None
        self._call_notes: list[CallNote] = []
        self._tool_runs: list[RecordedToolRun] = []
        self._documents: tuple[RecordedDocument, ...] = ()
        self._repeated_calls: RepeatedCalls | None = None
        self._endless_reply: EndlessReply | None = None
        self._reported = UsageReported()
        self._status: int | None = None

    def began(self) -> None:
        """Announce the exchange."""
        self._listener.exchange_began(ExchangeBegan(self.request_id, self._path, self.caller))

    def received(self, request: MessagesRequest, caller: Caller) -> None:
        """Record the request as the client sent it, and the caller recognised from it."""
        self._received = self._prepared = request
        self.caller = caller

    def prepared(self, prompt: PreparedPrompt) -> None:
        """Record the prompt as it was prepared for the backend."""
        self._prepared, self._steps = prompt.request, prompt.steps

    def forwarded(self, request: MessagesRequest | None, route: str) -> None:
        """Record a request that is passed on unchanged; `None` if it could not be decoded."""
        self._prepared, self._route = request, route
        self._progress.attempts = 1

    def follow(self, progress: Progress, *, was_reattached: bool = False) -> None:
        """Record the attempts that `progress` counts; a re-attached request shares those of an abandoned one."""
        self._progress, self._was_reattached = progress, was_reattached
        progress.watcher = self._progressed

    def reply_began(self) -> None:
        """Record that the first delta has arrived."""
        self._first_token_at = self._clock.seconds()

    def note_call(self, note: CallNote) -> None:
        """Record what was done with a tool call of the reply."""
        self._call_notes.append(note)

    def note_tool_run(self, run: RecordedToolRun) -> None:
        """Record a search or a fetch that was run for the model."""
        self._tool_runs.append(run)

    def note_documents(self, request: MessagesRequest) -> None:
        """Record what was read of the request's documents."""
        self._documents = tuple(
            RecordedDocument(len(source.pages), sum(map(len, source.pages)), source.note)
            for source in read_sources(request)
        )

    def note_repeated_calls(self, note: RepeatedCalls) -> None:
        """Record that the conversation repeats its calls, and what was done."""
        self._repeated_calls = note

    def note_endless_reply(self, note: EndlessReply) -> None:
        """Record that a reply which repeated itself was ended; of two, the first counts."""
        self._endless_reply = self._endless_reply or note

    def reply_ended(self, stream: MessageStream) -> None:
        """Record the reply as far as it has come."""
        self._stream = stream
        self._message_id = stream.message_id
        self._reported = stream.reported

    def counted(self, reported: UsageReported) -> None:
        """Record the engine's token counts of a reply that was not decoded into a message."""
        self._reported = reported

    def answered(self, status: int) -> None:
        """Record the HTTP status that the client received."""
        self._status = status

    def ending(self) -> None:
        """Announce that the end is about to be delivered."""
        if self._progress.sent is not None:
            self._progressed("ending", self._progress.sent)

    def failed(self, error: AnyclaudeError) -> None:
        """Record the error that ends the exchange."""
        self.error = error
        self.ending()

    def ended(self, outcome: Outcome) -> None:
        """Announce the end of the exchange; called once."""
        if self._progress.watcher == self._progressed:  # otherwise a client that re-attached has taken it over
            self._progress.watcher = unwatched
        if self._status is None and outcome == "failed":
            self._status = 500  # an unexpected failure
        self._listener.exchange_ended(
            ExchangeEnded(
                caller=self.caller,
                outcome=outcome,
                record=self._record(outcome),
                request=self._received,
                sent=self._progress.sent,
                reply_began=self._first_token_at is not None,
                reported=self._reported,
                raw_arguments=self._stream.raw_arguments if self._stream else NO_CALLS,
                repaired_arguments=self._stream.repaired_arguments if self._stream else NO_CALLS,
                written_calls=self._stream.written_calls if self._stream else NO_CALLS,
                provider_fields=self._stream.provider_fields if self._stream else NO_FIELDS,
            )
        )

    def _progressed(self, stage: Stage, prepared: PreparedRequest) -> None:
        progress = self._progress
        failure = progress.failure if stage == "failing" else ""
        self._listener.exchange_progressed(
            ExchangeProgressed(self.request_id, self.caller, stage, prepared, lambda: progress.engine(), failure)
        )

    def _record(self, outcome: Outcome) -> ExchangeRecord:
        request, progress, reported = self._prepared, self._progress, self._reported
        return ExchangeRecord(
            time=self._time,
            request_id=self.request_id,
            message_id=self._message_id,
            outcome=outcome,
            status=self._status,
            path=self._path,
            session=self.caller.session,
            agent=self.caller.agent,
            request_class=self.caller.request_class,
            model=request.model if request else None,
            route=progress.sent.route if progress.sent else self._route,
            attempts=progress.attempts,
            skipped_backends=tuple(
                RecordedSkip(skipped.backend, skipped.reason) for skipped in progress.skipped_backends
            ),
            was_reattached=self._was_reattached,
            continuations=progress.continuations,
            streaming=request.stream if request else False,
            size=prompt_size(section_characters(request), reported.input_tokens) if request else None,
            durations=self._durations(),
            usage=RecordedUsage(
                reported.input_tokens,
                reported.output_tokens,
                reported.cached_tokens,
                reported.prefill_seconds,
                reported.generation_seconds,
                reported.drafted_tokens,
                reported.accepted_tokens,
            ),
            stop_reason=self._stream.stop_reason if self._stream else None,
            steps=self._steps,
            dropped=progress.sent.dropped if progress.sent else (),
            amendments=progress.amendments,
            tool_calls=tuple(self._call_notes),
            tool_runs=tuple(self._tool_runs),
            documents=self._documents,
            repeated_calls=self._repeated_calls,
            endless_reply=self._endless_reply,
            thinking=_thinking(progress.sent) if progress.sent else None,
            error=RecordedError(self.error.kind, str(self.error)) if self.error else None,
        )

    def _durations(self) -> Durations:
        return Durations(
            total=self._since(self._clock.seconds()) or 0.0,
            queue=self._since(self._progress.admitted_at),
            first_token=self._since(self._first_token_at),
            abandoned_work=self._progress.abandoned_work_seconds,
        )

    def _since(self, time: float | None) -> float | None:
        """Return the seconds from the arrival until `time`; zero if a re-attached reply reached it before."""
        return None if time is None else max(round(time - self._began, 6), 0.0)


def _thinking(sent: PreparedRequest) -> RecordedThinking:
    request = sent.source.request
    effort = (request.output_config or {}).get("effort")
    switch = sent.profile.thinking_switch
    return RecordedThinking(request.wants_thinking, effort if isinstance(effort, str) else None, switch)
