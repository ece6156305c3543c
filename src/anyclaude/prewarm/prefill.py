"""Have a backend evaluate a prompt in advance, so that the request that sends it later need not wait for that."""

from anyclaude.backends.reading import DeltaReader
from anyclaude.protocol.deltas import UsageReported
from anyclaude.protocol.message_stream import latest
from anyclaude.scheduling import PreparedRequest, Progress


async def evaluate(prepared: PreparedRequest, within_seconds: float, progress: Progress) -> UsageReported:
    """
    Have the prompt evaluated, and return what the backend counted; each wait may take `within_seconds`.

    Bypasses the queue and the circuit breaker: no client waits for this, so its failure concerns none.  Raises
    `BackendError`.
    """
    upstream = prepared.upstream
    progress.sending(prepared)
    reported = UsageReported()
    async with upstream.backend.stream(prepared.wire, within_seconds) as reply:
        if reply.status != 200:
            body = await reply.read_error()
            profile = upstream.backend.target.profile
            raise upstream.dialect.decode_error(reply.status, body, reply.retry_after_seconds, profile)
        reader = DeltaReader(reply, upstream.dialect.decoder(reply.content_type))
        while not reader.is_over:
            for delta in await reader.read(within_seconds):
                if isinstance(delta, UsageReported):
                    reported = latest(reported, delta)
    return reported
