"""
Warms the backend before the first word: while the client starts and the user types, the prompt that the next session
is going to begin with is evaluated.

Where the prompt comes from: every session's first prompt is recorded, less the user's words.  Whoever asks for anything
meanwhile goes first: the warm-up's connection is closed, and what the engine has evaluated by then stays in its cache.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Literal, TypeAlias

from msgspec import Struct

from anyclaude.errors import AnyclaudeError
from anyclaude.observability import Journal
from anyclaude.observability.records import Outcome
from anyclaude.protocol.deltas import UsageReported
from anyclaude.protocol.messages_request import MessagesRequest
from anyclaude.scheduling import Lane
from anyclaude.scheduling.first_prompt import Place, first_prompt_of
from anyclaude.scheduling.first_prompt_files import FirstPromptFiles
from anyclaude.scheduling.warm_up import evaluate

from .account import Account
from .caller import Caller
from .preparation import Preparation

NOBODY = Caller(is_claude_code=False, session=None, agent=None, request_class="warm_up")

MAX_SESSIONS = 1_024
"""Sessions that are remembered to have begun; one that is forgotten is recorded once more, which does no harm."""

State: TypeAlias = Outcome | Literal["waiting", "running", "nothing to evaluate"]


class WarmUpOptions(Struct, frozen=True):
    """Where first prompts are kept, and whose is wanted; without `place` it is the one of the last session anywhere."""

    folder: Path
    place: Place | None = None


class WarmUp:
    """Evaluates one prompt in advance, and records those that later runs can evaluate."""

    def __init__(
        self,
        options: WarmUpOptions,
        lane: Lane,
        preparation: Preparation,
        journal: Journal,
        now: Callable[[], datetime],
    ) -> None:
        self._options = options
        self._files = FirstPromptFiles(options.folder)
        self._lane = lane
        self._preparation = preparation
        self._journal = journal
        self._now = now
        self._has_heard = False
        self._begun: dict[str, None] = {}
        self._recording: set[asyncio.Task[None]] = set()
        self.state: State = "waiting"

    async def evaluate(self, account: Account, within_seconds: float) -> UsageReported | None:
        """Evaluate the prompt unless somebody asks first; return what was counted, `None` if it was not finished."""
        request = await self._foreseen()
        if request is None:
            self.state = "nothing to evaluate"
            return None
        if self._has_heard or self._lane.admission.running:  # the session has begun, and holds the engine
            self.state = "pre_empted"
            return None
        prepared = self._preparation.prepared(request, "")
        account.request, account.steps = prepared.request, prepared.steps

        async def work() -> None:
            self.state = "running"
            account.reported = await evaluate(self._lane, prepared.request, within_seconds, account.progress)

        outcome: Outcome = "pre_empted"
        try:
            if await self._lane.admission.in_spare_time(work):
                outcome, account.status = "completed", 200
        except AnyclaudeError as error:
            outcome, account.error, account.status = "failed", error, error.status
        finally:
            self.state = outcome
            self._journal.write(account.record(outcome))
        return account.reported if outcome == "completed" else None

    def heard(self, caller: Caller, asked: MessagesRequest) -> None:
        """Record the first prompt of a session, beside everything else that goes on."""
        self._has_heard = True
        session = caller.session
        if session is None or session in self._begun or not asked.tools:
            return
        if caller.agent is not None or caller.request_class not in {"main", "unknown"}:
            return
        self._begun[session] = None
        if len(self._begun) > MAX_SESSIONS:
            del self._begun[next(iter(self._begun))]
        task = asyncio.create_task(asyncio.to_thread(self._record, asked))
        self._recording.add(task)
        task.add_done_callback(self._recording.discard)

    async def stop(self) -> None:
        """Finish what is being recorded: a file of some kilobytes."""
        await asyncio.gather(*self._recording)

    def _record(self, asked: MessagesRequest) -> None:
        place = self._options.place or Place("")
        if (prompt := first_prompt_of(asked, place)) is not None:
            self._files.keep(prompt)

    async def _foreseen(self) -> MessagesRequest | None:
        """Return the prompt that the next session is going to begin with, as far as can be told."""
        place = self._options.place
        if place is None:
            prompt = await asyncio.to_thread(self._files.latest)
        else:
            prompt = await asyncio.to_thread(self._files.best_for, place)
        today = self._now().astimezone().date()  # where the user is, as the client tells it
        return None if prompt is None else prompt.rendered(place.folder if place else "", today)
