"""
What is known of a server while the gateway runs.

A server may start after the gateway, load its model with the first request, or come back from a restart with another
model or another window.  So it is asked again what it runs: when it had failed and answers again, when it says that it
does not have the model, and now and then after a reply, when it has nothing else to do.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from anyclaude.backends import Backend
from anyclaude.errors import AnyclaudeError

AskAgain: TypeAlias = Callable[[Backend], Awaitable[Backend]]
"""
Asks a server what it runs, and returns a backend for it: the same one if nothing has changed.

It raises `AnyclaudeError` if the server does not answer, or not as a model server does.
"""

ASKED_AGAIN_SECONDS = 60.0
"""How long an answer is believed: a restarted server is noticed after a reply or two, and an idle one is left alone."""

FIRST_PAUSE_SECONDS = 0.5
MAX_PAUSE_SECONDS = 10.0
MAX_PRIVATE_PAUSE_SECONDS = 2.0
"""The pauses between the questions to a server that is expected: one on this machine or network is used seconds after
it has started, and others are spared."""


class FollowedServer:
    """A server, and what it runs at present."""

    def __init__(
        self, backend: Backend, ask: AskAgain | None = None, seconds: Callable[[], float] = lambda: 0.0
    ) -> None:
        """Follow a server that has just been asked, or is still awaited; without `ask` it is not asked again."""
        self.backend = backend
        self.awaited_because = backend.target.awaited_because
        """Why no request can be sent to the server yet; `None` as soon as one can."""
        self.on_change: Callable[[Backend], None] = lambda backend: None
        """Called with the backend when the server runs something else."""
        self._ask = ask
        self._seconds = seconds
        self._asked_at = seconds()
        self._may_have_changed = False
        self._has_replied = False
        self._asking: asyncio.Task[bool] | None = None
        self._found = asyncio.Event()
        if self.awaited_because is None:
            self._found.set()

    def may_have_changed(self) -> None:
        """Note that the server could not be reached, or does not act as it should: it may run something else now."""
        self._may_have_changed = True

    async def refresh(self) -> bool:
        """Ask the server again, and return whether it runs something else; a question that is asked is shared."""
        if self._ask is None:
            return False
        if self._asking is None:
            self._begin_to_ask(self._ask)
        return self._asking is not None and await asyncio.shield(self._asking)

    async def refresh_if_needed(self) -> None:
        """Ask a server again that may run something else now."""
        if self._may_have_changed:
            await self.refresh()

    def reply_ended(self) -> None:
        """Ask the server in the background, if the last answer is old, or if only now the model has been loaded."""
        is_old = self._seconds() - self._asked_at >= ASKED_AGAIN_SECONDS
        target = self.backend.target
        may_know_window = target.context_tokens is None and not self._has_replied
        is_due = (is_old or may_know_window) and not target.profile.is_remote
        self._has_replied = True
        if is_due and self._ask is not None and self._asking is None:
            self._begin_to_ask(self._ask)

    async def wait_until_found(self, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Ask until a server answers that can be used."""
        pause = FIRST_PAUSE_SECONDS
        longest = MAX_PRIVATE_PAUSE_SECONDS if self.backend.target.endpoint.is_private else MAX_PAUSE_SECONDS
        while self.awaited_because is not None:
            await sleep(pause)
            await self.refresh()
            pause = min(pause * 2, longest)

    async def found(self) -> None:
        """Return when a server has answered that can be used, at once if one has."""
        await self._found.wait()

    async def aclose(self) -> None:
        """Stop asking."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait({self._asking})

    def _begin_to_ask(self, ask: AskAgain) -> None:
        self._asked_at = self._seconds()
        self._asking = asyncio.create_task(self._asked_again(ask))
        self._asking.add_done_callback(self._forget_task)

    async def _asked_again(self, ask: AskAgain) -> bool:
        try:
            backend = await ask(self.backend)
        except AnyclaudeError as error:
            if self.awaited_because is not None:
                self.awaited_because = str(error)
            return False
        self._may_have_changed, self.awaited_because = False, None
        if backend is self.backend:
            self._found.set()
            return False
        self._has_replied = self._has_replied and backend.target.model == self.backend.target.model
        self.backend = backend
        self.on_change(backend)
        self._found.set()
        return True

    def _forget_task(self, task: asyncio.Task[bool]) -> None:
        self._asking = None
        if not task.cancelled():
            task.exception()  # so that asyncio does not report it as unnoticed
