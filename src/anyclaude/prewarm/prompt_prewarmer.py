"""
Evaluates the prompt that the next session is expected to begin with, while the client starts and the user types.

The prompt was recorded in an earlier session.  Any request has priority: the prewarmer's connection is closed, and what
the engine has evaluated by then stays in its cache.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

from msgspec.structs import replace

from anyclaude.errors import AnyclaudeError
from anyclaude.exchange import Caller, Clock, ExchangeEnded, ExchangeListener, ExchangeLog, Outcome, PromptPipeline
from anyclaude.protocol.prompt_size import CHARACTERS_PER_TOKEN
from anyclaude.scheduling import BackendRequest, Progress, Upstream, evaluate
from anyclaude.transforms import PreparedPrompt

from .first_prompt import FirstPrompt
from .first_prompt_store import FirstPromptStore
from .launches import LaunchKey

PREWARMER = Caller(is_claude_code=False, session=None, agent=None, request_class="warm_up")
"""The caller in the log of the evaluation, which has no client."""

State: TypeAlias = Outcome | Literal["waiting", "running", "nothing to evaluate"]


class PromptPrewarmer(ExchangeListener):
    """Evaluates one prompt of `store` in advance: the nearest to `launch_key`, or without one the latest."""

    def __init__(
        self,
        store: FirstPromptStore,
        launch_key: LaunchKey | None,
        upstream: Upstream,
        pipeline: PromptPipeline,
        clock: Clock,
    ) -> None:
        self._store = store
        self._launch_key = launch_key
        self._upstream = upstream
        self._pipeline = pipeline
        self._clock = clock
        self._has_session_begun = False
        self.state: State = "waiting"

    def exchange_ended(self, event: ExchangeEnded) -> None:
        """Note that a session has begun: from now on an evaluation would evict its prompt from the engine's slot."""
        if event.request is not None:
            self._has_session_begun = True

    async def evaluate(self, new_log: Callable[[Caller], ExchangeLog], within_seconds: float) -> None:
        """Evaluate the prompt unless a request arrives first; the exchange is logged like any other."""
        prompt = await self._predicted_prompt()
        if prompt is None:
            self.state = "nothing to evaluate"
            return
        if self._has_session_begun or self._upstream.admission.running:
            self.state = "pre_empted"
            return
        log = new_log(PREWARMER)
        log.began()
        outcome: Outcome = "pre_empted"
        try:
            if await self._evaluate_when_idle(prompt, log, within_seconds):
                outcome = "completed"
                log.answered(200)
        except AnyclaudeError as error:
            outcome = "failed"
            log.failed(error)
            log.answered(error.status)
        finally:
            self.state = outcome
            log.ended(outcome)

    async def _evaluate_when_idle(self, prompt: PreparedPrompt, log: ExchangeLog, within_seconds: float) -> bool:
        """Return whether the evaluation was finished; a request that arrives cancels it."""
        log.prepared(prompt)
        progress = Progress()
        log.follow(progress)
        unanswered = replace(prompt.request, max_tokens=0)
        prepared = self._upstream.prepare(BackendRequest(unanswered, "", prompt.characters))

        async def work() -> None:
            self.state = "running"
            log.counted(await evaluate(prepared, within_seconds, progress))

        return await self._upstream.admission.run_when_idle(work)

    async def _predicted_prompt(self) -> PreparedPrompt | None:
        """Return what the next session is expected to begin with, `None` if nothing recorded is of use."""
        key, today = self._launch_key, self._clock.now().astimezone().date()  # the user's date, as the client states it
        prompts = await asyncio.to_thread(self._recorded_prompts)
        for recorded in prompts:
            request = recorded.rendered(key, today, prompts)
            prompt = None if request is None else self._pipeline.prepare(request, "")
            if prompt is not None and self._fits_window(prompt):
                return prompt
        return None

    def _recorded_prompts(self) -> Sequence[FirstPrompt]:
        if self._launch_key is not None:
            return self._store.nearest(self._launch_key)
        latest = self._store.latest()
        return () if latest is None else (latest,)

    def _fits_window(self, prompt: PreparedPrompt) -> bool:
        """Return whether a prompt may fit; one that does not was recorded for another window, or model."""
        limit = self._upstream.backend.target.context_tokens
        return limit is None or prompt.characters / CHARACTERS_PER_TOKEN <= limit
