"""Have a backend read a prompt in advance, so that whoever sends it later need not wait for that."""

from msgspec.structs import replace

from anyclaude.protocol.deltas import Delta, UsageReported
from anyclaude.protocol.message_stream import merge_reports
from anyclaude.protocol.messages_request import MessagesRequest
from anyclaude.scheduling.dispatch import Progress, Upstream
from anyclaude.scheduling.model_choice import model_for
from anyclaude.scheduling.queue import Priority


async def evaluate(
    upstream: Upstream, request: MessagesRequest, within_seconds: float, progress: Progress
) -> UsageReported:
    """
    Have the prompt of `request` read, and return what the backend counted; raises `BackendError`.

    Goes past the queue and the circuit: nobody waits for this, so nobody must be told of its failure.
    """
    target = upstream.backend.target
    model = model_for(request.model, priority=Priority.MAIN, target=target)
    encoded = upstream.dialect.encode_request(replace(request, max_tokens=0), model, target.profile)
    progress.route, progress.dropped, progress.attempts = f"{target.profile.name}/{model}", encoded.dropped, 1
    async with upstream.backend.stream(encoded.request, within_seconds) as reply:
        if reply.status != 200:
            body = await reply.read_error()
            raise upstream.dialect.decode_error(reply.status, body, reply.retry_after_seconds, target.profile)
        decoder = upstream.dialect.decoder(reply.content_type)
        deltas: list[Delta] = []
        while chunk := await reply.read_chunk(within_seconds):
            deltas += decoder.feed(chunk)
        deltas += decoder.finish()
    reported = UsageReported()
    for delta in deltas:
        if isinstance(delta, UsageReported):
            reported = merge_reports(reported, delta)
    return reported
