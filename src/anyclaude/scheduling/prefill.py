"""Evaluates a prompt in advance, so that the prefill of the request that sends it later is short."""

from anyclaude.protocol.deltas import UsageReported
from anyclaude.protocol.message_stream import merge_reports

from .progress import Progress
from .upstream import PreparedRequest


async def evaluate(prepared: PreparedRequest, within_seconds: float, progress: Progress) -> UsageReported:
    """
    Have the backend evaluate the prompt, and return its counts; each wait is limited to `within_seconds`.

    Bypasses the request queue and the circuit breaker: as no client is waiting, a failure affects none.  Raises
    `BackendError`.
    """
    progress.sending(prepared)
    reported = UsageReported()
    async with prepared.upstream.send(prepared, within_seconds) as reader:
        while not reader.is_over:
            counts = [delta for delta in await reader.read(within_seconds) if isinstance(delta, UsageReported)]
            for count in counts:
                reported = merge_reports(reported, count)
    return reported
