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
from anyclaude.exchange.caller import Caller
from anyclaude.exchange.exchange_log import ExchangeLog
from anyclaude.exchange.prompt_pipeline import Preparation
from anyclaude.exchange.record import Outcome
from anyclaude.observability.journal import Journal
from anyclaude.protocol.deltas import UsageReported
from anyclaude.protocol.messages_request import MessagesRequest
from anyclaude.scheduling.dispatch import Upstream

from .first_prompt import LaunchKey, first_prompt_of
from .first_prompt_store import FirstPromptStore
from .prefill import evaluate

NOBODY = Caller(is_claude_code=False, session=None, agent=None, request_class="warm_up")

MAX_SESSIONS = 1_024
"""Sessions that are remembered to have begun; one that is forgotten is recorded once more, which does no harm."""

State: TypeAlias = Outcome | Literal["waiting", "running", "nothing to evaluate"]


class PrewarmOptions(Struct, frozen=True):
    """Where first prompts are kept, and whose is wanted; without `place` it is the one of the last session anywhere."""

    folder: Path
    launch_key: LaunchKey | None = None


class PromptPrewarmer:
    """Evaluates one prompt in advance, and records those that later runs can evaluate."""

    def __init__(
        self,
        options: PrewarmOptions,
        upstream: Upstream,
        preparation: Preparation,
        journal: Journal,
        now: Callable[[], datetime],
    ) -> None:
        self._options = options
        self._files = FirstPromptStore(options.folder)
        self._upstream = upstream
        self._preparation = preparation
        self._journal = journal
        self._now = now
        self._has_heard = False
        self._begun: dict[str, None] = {}
        self._recording: set[asyncio.Task[None]] = set()
        self.state: State = "waiting"

    async def evaluate(self, log: ExchangeLog, within_seconds: float) -> UsageReported | None:
        """Evaluate the prompt unless somebody asks first; return what was counted, `None` if it was not finished."""
        request = await self._predicted_prompt()
        if request is None:
            self.state = "nothing to evaluate"
            return None
        if self._has_heard or self._upstream.admission.running:  # the session has begun, and holds the engine
            self.state = "pre_empted"
            return None
        prepared = self._preparation.prepared(request, "")
        log.request, log.steps = prepared.request, prepared.steps

        async def work() -> None:
            self.state = "running"
            log.reported = await evaluate(self._upstream, prepared.request, within_seconds, log.progress)

        outcome: Outcome = "pre_empted"
        try:
            if await self._upstream.admission.run_when_idle(work):
                outcome, log.status = "completed", 200
        except AnyclaudeError as error:
            outcome, log.error, log.status = "failed", error, error.status
        finally:
            self.state = outcome
            self._journal.write(log.record(outcome))
        return log.reported if outcome == "completed" else None

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
        launch_key = self._options.launch_key or LaunchKey("")
        if (prompt := first_prompt_of(asked, launch_key)) is not None:
            self._files.keep(prompt)

    async def _predicted_prompt(self) -> MessagesRequest | None:
        """Return the prompt that the next session is going to begin with, as far as can be told."""
        launch_key = self._options.launch_key
        if launch_key is None:
            prompt = await asyncio.to_thread(self._files.latest)
        else:
            prompt = await asyncio.to_thread(self._files.best_for, launch_key)
        today = self._now().astimezone().date()  # where the user is, as the client tells it
        return None if prompt is None else prompt.rendered(launch_key.folder if launch_key else "", today)
