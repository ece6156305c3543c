"""
Replies that have not begun yet, and the clients that wait for them.

A client that gives up while its prompt is still being evaluated often sends the very same
request again (at 300 s and 361 s, measured with Claude Code 2.1.112 and 2.1.330).  Cancelling
and starting over would never get past the deadline.  So an opening outlives its client
for a moment, and a byte-identical request of the same session takes it over.
"""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from contextlib import suppress

from msgspec import Struct

from anyclaude.errors import AnyclaudeError
from anyclaude.scheduling.dispatch import OpenReply, Progress


class ReattachPolicy(Struct, frozen=True, kw_only=True):
    """How long an opening waits for its client to come back, in seconds."""

    usual_seconds: float = 0.75
    """Claude Code sends again after about 0.5 s; a client that really left must not keep the backend for a second."""
    after_deadline_seconds: float = 5.0
    """For clients that leave when their own deadline has struck: their second attempt comes with a longer pause."""
    client_deadline_seconds: float = 290.0
    """The shortest deadline measured is 300 s; nobody who leaves before this has been cut off by one."""


class PendingReply:
    """One reply on its way to its first delta."""

    def __init__(self, work: Coroutine[None, None, OpenReply], progress: Progress, began: float) -> None:
        self.progress = progress
        self.began = began
        self.is_taken = False
        self._task = asyncio.create_task(work)

    @property
    def has_failed(self) -> bool:
        """Whether no reply will come of it any more."""
        return self._task.done() and (self._task.cancelled() or self._task.exception() is not None)

    @property
    def has_begun(self) -> bool:
        """Whether the reply is there to be taken."""
        return self._task.done()

    async def begun(self, within_seconds: float) -> None:
        """Wait for the first delta, but no longer than this; raises what kept it from coming."""
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
        """Stop the work, or let go of what it has come to."""
        self._task.cancel()
        with suppress(asyncio.CancelledError, AnyclaudeError):
            await (await self._task).aclose()


class PendingReplies:
    """The openings nobody waits for any more, for as long as somebody may come back for them."""

    def __init__(self, clock: Callable[[], float], grace: ReattachPolicy) -> None:
        self._clock = clock
        self._grace = grace
        self._orphans: dict[Hashable, tuple[PendingReply, asyncio.TimerHandle]] = {}
        self._farewells: set[asyncio.Task[None]] = set()

    def begin(self, work: Coroutine[None, None, OpenReply], progress: Progress) -> PendingReply:
        """Start to open a reply; `progress` is what the work notes its steps in."""
        return PendingReply(work, progress, self._clock())

    def adopt(self, key: Hashable | None) -> PendingReply | None:
        """Return the opening that an earlier client has left under this key, if it is still there."""
        if (
            key is None or not self._orphans or key not in self._orphans
        ):  # there are none nearly always: no key is hashed
            return None
        opening, timer = self._orphans.pop(key)
        timer.cancel()
        if opening.has_failed:  # the new request deserves an attempt of its own
            return None
        return opening

    def leave(self, key: Hashable | None, opening: PendingReply) -> None:
        """The client is gone: keep the opening for a moment if somebody may come back for it."""
        if key is None or key in self._orphans or opening.has_failed:
            self._dismiss(opening)
            return
        met_deadline = self._clock() - opening.began >= self._grace.client_deadline_seconds
        seconds = self._grace.after_deadline_seconds if met_deadline else self._grace.usual_seconds
        timer = asyncio.get_running_loop().call_later(seconds, self._expire, key)
        self._orphans[key] = (opening, timer)

    async def close(self) -> None:
        """Give all of them up."""
        for key in list(self._orphans):
            self._expire(key)
        await asyncio.gather(*self._farewells)

    def _expire(self, key: Hashable) -> None:
        opening, timer = self._orphans.pop(key)
        timer.cancel()
        self._dismiss(opening)

    def _dismiss(self, opening: PendingReply) -> None:
        farewell = asyncio.create_task(opening.abandon())
        self._farewells.add(farewell)
        farewell.add_done_callback(self._farewells.discard)
