"""Have a backend evaluate a prompt in advance, so that the request that sends it later need not wait for that."""

from anyclaude.protocol.deltas import UsageReported
from anyclaude.protocol.message_stream import merge_reports
from anyclaude.scheduling import PreparedRequest, Progress


async def evaluate(prepared: PreparedRequest, within_seconds: float, progress: Progress) -> UsageReported:
    """
    Have the prompt evaluated, and return what the backend counted; each wait may take `within_seconds`.

    Bypasses the queue and the circuit breaker: no client waits for this, so its failure concerns none.  Raises
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
