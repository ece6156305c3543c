"""
The one place where the pure core meets the network.

Bytes come from a backend, become deltas, and leave as batches of stream events.  A batch
is what one read gave, so a client that is slow to take one keeps the next in the socket.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from msgspec.structs import replace

from anyclaude.errors import BackendError, BackendRejected, BackendTimeout, BackendTruncated
from anyclaude.protocol.deltas import Delta
from anyclaude.protocol.events import StreamEvent
from anyclaude.protocol.message_stream import MessageStream
from anyclaude.protocol.splice import Diverged
from anyclaude.scheduling.dispatch import BackendRequest, Dispatcher, OpenReply, Progress, Upstream

from .resume import Said, continuation_of


class Exchange:
    """One reply on its way to the client; a reply that breaks off is continued once, if it can be."""

    def __init__(
        self, dispatcher: Dispatcher, backend_request: BackendRequest, progress: Progress, stream: MessageStream
    ) -> None:
        self._dispatcher = dispatcher
        self._backend_request = backend_request
        self._progress = progress
        self._stream = stream

    async def batches(self, opened: OpenReply) -> AsyncGenerator[list[StreamEvent], None]:
        """
        Yield the events of the reply, its end included.

        The message is open already.  Closes `opened`.  Raises `BackendError` where the backend lets the
        reply down; what was yielded until then is true, and the end is not among it.
        """
        said = Said()
        try:
            async with aclosing(self._deltas(opened)) as batches:
                async for deltas in batches:
                    said.add(deltas)
                    yield self._stream.feed(deltas)
            if opened.turn is not None:
                opened.turn.expects_followup = self._stream.stop_reason == "tool_use"
        except (BackendTimeout, BackendTruncated) as broken:
            await opened.aclose()
            async with aclosing(self._rest(opened, said, broken)) as batches:
                async for deltas in batches:
                    yield self._stream.feed(deltas)
        finally:
            await opened.aclose()
        self._require_whole_prompt(opened.upstream)
        yield self._stream.close()

    def _require_whole_prompt(self, upstream: Upstream) -> None:
        """Raise `PromptTooLong` for a reply to half of the prompt."""
        backend_request, tokens = self._backend_request, self._stream.reported.input_tokens
        if tokens is not None and self._stream.is_finished and not self._progress.continuations:
            limit = upstream.backend.target.context_tokens
            upstream.window.note(
                backend_request.conversation, backend_request.request, backend_request.characters, tokens, limit
            )

    async def _deltas(self, opened: OpenReply) -> AsyncGenerator[list[Delta], None]:
        """Yield what the backend says, until it has closed its reply or has nothing to add to a finished one."""
        yield opened.first_deltas
        timeouts, stream = self._dispatcher.timeouts, self._stream
        try:
            while not opened.deltas.is_over:
                yield await opened.deltas.read(
                    timeouts.finish_seconds if stream.is_finished else timeouts.stall_seconds
                )
        except (BackendTimeout, BackendTruncated):
            if not stream.is_finished:  # else the model is done, and only its last figures are missing
                raise

    async def _rest(self, opened: OpenReply, said: Said, broken: BackendError) -> AsyncGenerator[list[Delta], None]:
        """Ask the same backend for the rest of a reply, and yield what provably continues it."""
        deltas_said = said.deltas()
        if deltas_said is None:
            raise broken
        continuation = continuation_of(
            self._backend_request.request, deltas_said, opened.upstream.backend.target.profile
        )
        backend_request = replace(self._backend_request, request=continuation.request)
        try:
            async with aclosing(self._second_attempt(opened, backend_request)) as batches:
                async for deltas in batches:
                    yield continuation.splice.feed(deltas)
        except Diverged as error:
            raise BackendTruncated(f"{broken}; a second attempt did not continue it") from error
        except BackendRejected as error:  # what it refuses is ours: the client must not take it for its own
            raise BackendTruncated(f"{broken}; a second attempt was refused: {error}") from error

    async def _second_attempt(
        self, opened: OpenReply, backend_request: BackendRequest
    ) -> AsyncGenerator[list[Delta], None]:
        """Yield what the backend that broke off says when it is asked again."""
        again = await self._dispatcher.reopen(opened.upstream, backend_request, self._progress)
        try:
            async with aclosing(self._deltas(again)) as batches:
                async for deltas in batches:
                    yield deltas
        finally:
            await again.aclose()
