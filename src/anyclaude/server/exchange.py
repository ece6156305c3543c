"""
The one place where the pure core meets the network.

Bytes come from a backend, become deltas, and leave as batches of stream events.  A batch
is what one read gave, so a client that is slow to take one keeps the next in the socket.
"""

from collections.abc import AsyncGenerator

from anyclaude.errors import BackendTimeout, BackendTruncated
from anyclaude.protocol.events import StreamEvent
from anyclaude.protocol.message_stream import MessageStream
from anyclaude.scheduling import OpenReply, Patience


async def exchange(
    opened: OpenReply, stream: MessageStream, patience: Patience
) -> AsyncGenerator[list[StreamEvent], None]:
    """
    Yield the events of one reply, its end included, and nothing of a reply that is not whole after it broke.

    `stream` is open already.  Raises `BackendError` where the backend lets the reply down.
    """
    yield stream.feed(opened.first_deltas)
    try:
        while chunk := await opened.reply.read_chunk(
            patience.finish_seconds if stream.is_finished else patience.stall_seconds
        ):
            if events := stream.feed(opened.decoder.feed(chunk)):
                yield events
        yield stream.feed(opened.decoder.finish())
    except (BackendTimeout, BackendTruncated):
        if not stream.is_finished:  # else the model is done, and only its last figures are missing
            raise
    yield stream.close()
