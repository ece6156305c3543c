"""What is done so that a session begins warm: the state of the last run is restored, and its first prompt evaluated."""

import asyncio
from collections.abc import Callable

from anyclaude.exchange.exchange_log import ExchangeLog
from anyclaude.exchange.record import Outcome
from anyclaude.protocol.json_values import JsonObject

from .prompt_prewarmer import PromptPrewarmer
from .slot_saver import SlotSaver


class Prewarmer:
    """Both together, each of which may be missing; `begin` and `stop` it once."""

    def __init__(
        self,
        warm_up: PromptPrewarmer | None,
        keeper: SlotSaver | None,
        new_account: Callable[[], ExchangeLog],
        within_seconds: float,
    ) -> None:
        self._warm_up = warm_up
        self._keeper = keeper
        self._new_account = new_account
        self._within_seconds = within_seconds
        self._beginning: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Start to warm the backend, beside everything else that goes on."""
        self._beginning = asyncio.create_task(self._begin())

    def heard(self, log: ExchangeLog, outcome: Outcome) -> None:
        """Take note of an exchange that is over."""
        if self._warm_up is not None and log.asked is not None:
            self._warm_up.heard(log.caller, log.asked)
        if self._keeper is not None:
            self._keeper.heard(log, outcome)

    async def stop(self) -> None:
        """Let go of what still runs, and save what is worth it; the backend must still be there."""
        if self._beginning is not None:
            self._beginning.cancel()
            await asyncio.wait({self._beginning})
        if self._warm_up is not None:
            await self._warm_up.stop()
        if self._keeper is not None:
            await self._keeper.stop()

    def health(self) -> JsonObject:
        """Return what `/health` shows."""
        return {
            "warm_up": "off" if self._warm_up is None else self._warm_up.state,
            "kept_state": None if self._keeper is None else self._keeper.health(),
        }

    async def _begin(self) -> None:
        if self._keeper is not None:
            await self._keeper.restore()
        if self._warm_up is None or (self._keeper is not None and self._keeper.holds_what_goes_on):
            return
        reported = await self._warm_up.evaluate(self._new_account(), self._within_seconds)
        if reported is not None and self._keeper is not None:
            self._keeper.judge(reported)
