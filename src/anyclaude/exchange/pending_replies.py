"""
Replies that have not begun, and the clients that wait for them.

A client that gives up while its prompt is being evaluated often sends the same request again (at 300 s and 361 s,
measured with Claude Code 2.1.112 and 2.1.330).  Cancelling and starting over would never get past the client's
deadline.  So a pending reply outlives its client for a short time, and a byte-identical request of the same session
re-attaches to it.
"""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from contextlib import suppress

from msgspec import Struct

from anyclaude.errors import AnyclaudeError
from anyclaude.scheduling.dispatch import OpenReply
from anyclaude.scheduling.progress import Progress
from anyclaude.scheduling.upstream import PreparedRequest


class ReattachPolicy(Struct, frozen=True, kw_only=True):
    """How long a pending reply is kept for its client to come back, in seconds."""

    usual_seconds: float = 0.75
    """Claude Code retries after about 0.5 s; a client that really left must not occupy the backend for a second."""
    after_deadline_seconds: float = 5.0
    """For clients that leave at their own deadline: they retry after a longer pause."""
    client_deadline_seconds: float = 290.0
    """The shortest deadline measured is 300 s; a client that leaves earlier was not cut off by it."""


class PendingReply:
    """A request that is being opened: as prepared, with its progress, and the task that opens its reply."""

    def __init__(
        self, prepared: PreparedRequest, work: Coroutine[None, None, OpenReply], progress: Progress, began: float
    ) -> None:
        self.prepared = prepared
        self.progress = progress
        self.began = began
        self.is_taken = False
        self._task = asyncio.create_task(work)

    @property
    def has_failed(self) -> bool:
        """Whether no reply will come of it."""
        return self._task.done() and (self._task.cancelled() or self._task.exception() is not None)

    @property
    def has_begun(self) -> bool:
        """Whether the reply can be taken without waiting."""
        return self._task.done()

    async def begun(self, within_seconds: float) -> None:
        """Wait for the first delta, but no longer than this; raises the error that prevented it."""
        if not self._task.done():
            await asyncio.wait({self._task}, timeout=within_seconds)
        if self._task.done():
            self._task.result()

    async def take(self) -> OpenReply:
        """Wait for the reply and own it; cancelling the wait does not cancel the work."""
        reply = self._task.result() if self._task.done() else await asyncio.shield(self._task)
        self.is_taken = True
        return reply

    async def abandon(self) -> None:
        """Stop the work, or close the reply that it has opened."""
        self._task.cancel()
        with suppress(asyncio.CancelledError, AnyclaudeError):
            await (await self._task).aclose()


class PendingReplies:
    """The pending replies whose clients have left, for as long as they may come back."""

    def __init__(self, clock: Callable[[], float], policy: ReattachPolicy) -> None:
        self._clock = clock
        self._policy = policy
        self._orphans: dict[Hashable, tuple[PendingReply, asyncio.TimerHandle]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def begin(
        self, prepared: PreparedRequest, work: Coroutine[None, None, OpenReply], progress: Progress
    ) -> PendingReply:
        """Start to open a reply; `work` opens it and notes its steps in `progress`."""
        return PendingReply(prepared, work, progress, self._clock())

    def reattach(self, key: Hashable | None) -> PendingReply | None:
        """Return the pending reply that an earlier client left under this key, if it is still there."""
        # There are nearly always none; then the key, which holds the whole body, is not hashed.
        if key is None or not self._orphans or key not in self._orphans:
            return None
        pending, timer = self._orphans.pop(key)
        timer.cancel()
        if pending.has_failed:  # the new request gets an attempt of its own
            return None
        return pending

    def leave(self, key: Hashable | None, pending: PendingReply) -> None:
        """Note that the client has left: keep the pending reply for a short time if a request can re-attach to it."""
        if key is None or key in self._orphans or pending.has_failed:
            self._abandon(pending)
            return
        met_deadline = self._clock() - pending.began >= self._policy.client_deadline_seconds
        seconds = self._policy.after_deadline_seconds if met_deadline else self._policy.usual_seconds
        timer = asyncio.get_running_loop().call_later(seconds, self._expire, key)
        self._orphans[key] = (pending, timer)

    async def close(self) -> None:
        """Abandon all of them."""
        for key in list(self._orphans):
            self._expire(key)
        await asyncio.gather(*self._closing)

    def _expire(self, key: Hashable) -> None:
        pending, timer = self._orphans.pop(key)
        timer.cancel()
        self._abandon(pending)

    def _abandon(self, pending: PendingReply) -> None:
        closing = asyncio.create_task(pending.abandon())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)
