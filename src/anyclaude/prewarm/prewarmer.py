"""Prewarms a session: restores the slot snapshot of the last run, and evaluates the predicted first prompt."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from anyclaude.exchange import Caller, Clock, ExchangeEnded, ExchangeListener, ExchangeLog, PromptPipeline
from anyclaude.protocol.json_values import JsonObject
from anyclaude.scheduling import Upstream

from .first_prompt_recorder import FirstPromptRecorder
from .first_prompt_store import FirstPromptStore
from .launches import LaunchKey
from .prompt_prewarmer import PromptPrewarmer
from .slot_saver import SlotSaver, SlotSaverOptions


class FirstPromptOptions(Struct, frozen=True):
    """The folder of first prompts, and the key of the one that is evaluated; without `launch_key` it is the latest."""

    folder: Path
    launch_key: LaunchKey | None = None


class PrewarmOptions(Struct, frozen=True, kw_only=True):
    """The two ways of prewarming; `None` switches one off."""

    first_prompt: FirstPromptOptions | None = None
    slot: SlotSaverOptions | None = None


class Prewarmer(ExchangeListener):
    """Prewarms one upstream; `start` and `stop` it once."""

    def __init__(
        self,
        options: PrewarmOptions,
        upstream: Upstream,
        pipeline: PromptPipeline,
        clock: Clock,
        within_seconds: float,
    ) -> None:
        self._within_seconds = within_seconds
        self._server = upstream.server
        self._slot_saver = SlotSaver(options.slot, upstream, clock) if options.slot else None
        self._recorder: FirstPromptRecorder | None = None
        self._prompt_prewarmer: PromptPrewarmer | None = None
        if options.first_prompt is not None:
            store, key = FirstPromptStore(options.first_prompt.folder), options.first_prompt.launch_key
            self._recorder = FirstPromptRecorder(store, key or LaunchKey(""))
            self._prompt_prewarmer = PromptPrewarmer(store, key, upstream, pipeline, clock)
        self._starting: asyncio.Task[None] | None = None

    def start(self, new_log: Callable[[Caller], ExchangeLog]) -> None:
        """Prewarm in a background task; `new_log` returns the log of an exchange without a client."""
        self._starting = asyncio.create_task(self._start(new_log))

    def exchange_ended(self, event: ExchangeEnded) -> None:
        """Pass the event to the parts."""
        for listener in (self._recorder, self._prompt_prewarmer, self._slot_saver):
            if listener is not None:
                listener.exchange_ended(event)

    async def stop(self) -> None:
        """Cancel the prewarming, and save the slot if it is worth it; call this before the backend stops."""
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait({self._starting})
        if self._recorder is not None:
            await self._recorder.stop()
        if self._slot_saver is not None:
            await self._slot_saver.stop()

    def health(self) -> JsonObject:
        """Return the object that `/health` shows."""
        return {
            "warm_up": "off" if self._prompt_prewarmer is None else self._prompt_prewarmer.state,
            "kept_state": None if self._slot_saver is None else self._slot_saver.health(),
        }

    async def _start(self, new_log: Callable[[Caller], ExchangeLog]) -> None:
        await self._server.found()
        if self._slot_saver is not None:
            await self._slot_saver.restore()
        is_slot_taken = self._slot_saver is not None and self._slot_saver.holds_continued_session
        if self._prompt_prewarmer is not None and not is_slot_taken:
            await self._prompt_prewarmer.evaluate(new_log, self._within_seconds)
