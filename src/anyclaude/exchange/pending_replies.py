"""
Replies that have not begun, and how a client re-attaches to one.

A client that gives up while its prompt is being evaluated often repeats the request (after 300 s and 361 s, measured
with Claude Code 2.1.112 and 2.1.330).  If each repetition started the evaluation from scratch, none would complete
before the client's deadline.  So a pending reply is kept for a short time after its client has left, and a
identical request of the same session re-attaches to it.
"""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from contextlib import suppress

from msgspec import Struct

from anyclaude.errors import AnyclaudeError
from anyclaude.scheduling.dispatch import OpenReply
from anyclaude.scheduling.progress import Progress


class ReattachPolicy(Struct, frozen=True, kw_only=True):
    """How long a pending reply is kept for its client to come back, in seconds."""

    usual_seconds: float = 0.75
    """Claude Code retries after about 0.5 s; a client that left for good must not occupy the backend for a second."""
    after_deadline_seconds: float = 5.0
    """For clients that leave at their own deadline, which retry after a longer pause."""
    client_deadline_seconds: float = 290.0
    """A client that leaves earlier has not reached its deadline: the shortest one measured is 300 s."""


class PendingReply:
    """A reply that has not begun: its progress, and the task that opens it."""

    def __init__(self, work: Coroutine[None, None, OpenReply], progress: Progress, began: float) -> None:
        self.progress = progress
        self.began = began
        self.is_taken = False
        self._task = asyncio.create_task(work)

    @property
    def has_failed(self) -> bool:
        """Whether the reply could not be opened."""
        return self._task.done() and (self._task.cancelled() or self._task.exception() is not None)

    @property
    def has_begun(self) -> bool:
        """Whether `take` need not wait: the reply has begun, or has failed."""
        return self._task.done()

    async def wait_begun(self, within_seconds: float) -> None:
        """Wait for the first delta, at most `within_seconds`; raise the error if the reply has failed."""
        if not self._task.done():
            await asyncio.wait({self._task}, timeout=within_seconds)
        if self._task.done():
            self._task.result()

    async def take(self) -> OpenReply:
        """Wait for the reply and return it to be closed by the caller; cancelling the wait does not stop the work."""
        reply = self._task.result() if self._task.done() else await asyncio.shield(self._task)
        self.is_taken = True
        return reply

    async def abandon(self) -> None:
        """Stop opening the reply, or close it if it has begun."""
        if self.has_failed:  # raised once more, the error would keep all this until the next collection
            return
        self._task.cancel()
        with suppress(asyncio.CancelledError, AnyclaudeError):
            await (await self._task).aclose()


class PendingReplies:
    """Begins replies, and keeps those whose clients have left for as long as the policy allows."""

    def __init__(self, clock: Callable[[], float], policy: ReattachPolicy) -> None:
        self._clock = clock
        self._policy = policy
        self._detached: dict[Hashable, tuple[PendingReply, asyncio.TimerHandle]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def begin(self, work: Coroutine[None, None, OpenReply], progress: Progress) -> PendingReply:
        """Start to open a reply; `work` opens it and records its steps in `progress`."""
        return PendingReply(work, progress, self._clock())

    def reattach(self, key: Hashable | None) -> PendingReply | None:
        """Return the pending reply that a client left under this key; `None` if there is none or it has failed."""
        if key is None or key not in self._detached:
            return None
        pending, timer = self._detached.pop(key)
        timer.cancel()
        if pending.has_failed:  # the new request is attempted from scratch
            return None
        return pending

    def detach(self, key: Hashable | None, pending: PendingReply) -> None:
        """Keep the pending reply of a client that has left, for a short time, if a request can re-attach to it."""
        if key is None or key in self._detached or pending.has_failed:
            self._abandon(pending)
            return
        reached_deadline = self._clock() - pending.began >= self._policy.client_deadline_seconds
        seconds = self._policy.after_deadline_seconds if reached_deadline else self._policy.usual_seconds
        timer = asyncio.get_running_loop().call_later(seconds, self._expire, key)
        self._detached[key] = (pending, timer)

    async def close(self) -> None:
        """Abandon all pending replies that are kept."""
        for key in list(self._detached):
            self._expire(key)
        await asyncio.gather(*self._closing)

    def _expire(self, key: Hashable) -> None:
        pending, timer = self._detached.pop(key)
        timer.cancel()
        self._abandon(pending)

    def _abandon(self, pending: PendingReply) -> None:
        closing = asyncio.create_task(pending.abandon())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)
