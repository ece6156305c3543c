"""
Keeps what the engine has computed from one run to the next: saved when a conversation rests or ends, read at the start.

Whether a restore did any good is told by the engine's own count of cached tokens, not by its answer: some builds and
models report success and evaluate everything again (llama.cpp issues 26676 and 28194).  Then nothing more is saved or
restored in this run.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from msgspec import Struct

from anyclaude.backends import SlotFile, restore_slot, save_slot
from anyclaude.errors import BackendError, BackendGarbled
from anyclaude.exchange.exchange_log import ExchangeLog
from anyclaude.exchange.record import Outcome
from anyclaude.protocol.deltas import UsageReported
from anyclaude.protocol.json_values import JsonObject
from anyclaude.scheduling.dispatch import Upstream
from anyclaude.scheduling.queue import Requester

from .first_prompt import LaunchKey
from .slot_store import SlotSnapshot, SlotStore

REST_SECONDS = 10.0
"""After a reply so long without another request the user reads or thinks; tools answer sooner."""

LONGEST_PAUSE_SECONDS = 1.0
"""The engine answers nobody while it writes.  Where a save took longer, the next one waits for the end of the run."""

MIN_GROWTH_TOKENS = 256
"""Less is evaluated again faster than it is worth to write everything anew."""

RESTORE_SECONDS = 60.0
"""A state of 4 GiB takes a slow disk (100 MB/s) 40 s."""

LAST_SAVE_SECONDS = 10.0
"""What the end of a run may be held up by; 4 GiB take a usual disk (500 MB/s) 8 s."""

MIN_SHARE = 0.5
"""A restore that works gives nearly all of it; one that does not gives none, or the first few tokens."""

KEEPER = Requester("kept state")
"""Nobody's request, but everybody's has to wait for it."""

_log = logging.getLogger(__name__)


class SlotSaverOptions(Struct, frozen=True, kw_only=True):
    """Where states are kept, for which engine and project, and how much of the disk they may take together."""

    folder: Path
    engine: str
    launch_key: LaunchKey
    limit_bytes: int
    session: str | None = None
    """The session that the client was told to go on with, where it was told which."""
    continues_session: bool = False
    """Whether the client goes on with an earlier session."""


class _Conversation(Struct, frozen=True):
    """What the engine holds: the session, and about how many tokens of it."""

    session: str
    tokens: int


class SlotSaver:
    """Saves and restores the one slot of an engine; `stop` it before the engine ends."""

    def __init__(
        self,
        options: SlotSaverOptions,
        upstream: Upstream,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._options = options
        self._upstream = upstream
        self._clock = clock
        self._sleep = sleep
        self._states = SlotStore(options.folder, options.engine, options.limit_bytes)
        self._off: str | None = None
        self._unproved: SlotSnapshot | None = None
        self._restored_tokens: int | None = None
        self._held: _Conversation | None = None
        self._saved: _Conversation | None = None
        self._seconds_for_last = 0.0
        self._is_saving = False
        self._taking_over: asyncio.Task[None] | None = None
        self._resting: asyncio.Task[None] | None = None

    @property
    def holds_what_goes_on(self) -> bool:
        """Whether the slot holds a session that is about to go on, and that nothing else should take the place of."""
        return self._unproved is not None and self._options.continues_session

    def health(self) -> JsonObject:
        """Return what `/health` shows."""
        return {
            "state": "on" if self._off is None else "off",
            "reason": self._off,
            "restored_tokens": self._restored_tokens,
            "is_proved": self._restored_tokens is not None and self._unproved is None and self._off is None,
            "saved_tokens": None if self._saved is None else self._saved.tokens,
        }

    async def restore(self) -> None:
        """
        Let the engine read the state of the project's session, if one is kept.

        Only an engine that has done nothing yet: a restore takes the place of whatever the slot holds, also when it
        fails.  Nobody is served until it is done.
        """
        if self._upstream.admission.running:
            return
        async with self._upstream.admission.turn(KEEPER):
            state = await asyncio.to_thread(self._states.wanted, self._options.launch_key, self._options.session)
            if state is None:
                return
            try:
                read = await restore_slot(self._upstream.backend, state.file_name, RESTORE_SECONDS)
                if read.tokens != state.tokens:
                    raise BackendGarbled(f"the engine restored {read.tokens:,} of {state.tokens:,} tokens")
            except BackendError as error:
                await asyncio.to_thread(self._states.forget, state)
                self._switch_off(str(error))
                return
        self._restored_tokens, self._unproved = read.tokens, state
        self._saved = _Conversation(state.session, state.tokens)

    def judge(self, reported: UsageReported) -> None:
        """Believe in the restore, or not, by what the engine counted for the first prompt after it."""
        state, cached, prompt = self._unproved, reported.cached_tokens, reported.input_tokens
        if state is None or cached is None or prompt is None:
            return
        self._unproved = None
        if cached < MIN_SHARE * min(state.tokens, prompt):
            self._switch_off(
                f"the engine said that it had restored {state.tokens:,} tokens, but found only {cached:,} of a prompt "
                f"of {prompt:,} in its cache"
            )

    def heard(self, log: ExchangeLog, outcome: Outcome) -> None:
        """Note what the engine holds after an exchange, and save it when it rests."""
        if self._off is not None or log.progress.attempts == 0 or log.progress.skipped_backends:
            return  # the engine has heard nothing of it
        self._stop_resting()
        self._held = _conversation(log) if outcome == "completed" else None
        if self._held is not None:
            self.judge(log.reported)
        if self._is_worth_saving() and self._seconds_for_last <= LONGEST_PAUSE_SECONDS:
            self._resting = asyncio.create_task(self._save_at_rest())

    async def stop(self) -> None:
        """Save what has not been saved, within bounds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_SAVE_SECONDS):
                if self._is_saving and self._resting is not None:
                    await self._resting
                if self._taking_over is not None:
                    await self._taking_over
                if self._is_worth_saving():
                    await self._save()
        resting = self._stop_resting()
        if resting is not None:
            await asyncio.wait({resting})

    async def _save_at_rest(self) -> None:
        await self._sleep(REST_SECONDS)
        await self._upstream.admission.run_when_idle(self._save)

    async def _save(self) -> None:
        """Have the engine write what it holds; whoever cancels this ends the wait, and nothing is kept."""
        held = self._held
        if held is None:
            return
        name = self._states.new_file_name()
        self._is_saving = True
        try:
            if not await asyncio.to_thread(self._states.has_room_for, held.tokens):
                self._switch_off(f"there is no room for it on the disk of {self._options.folder}")
                return
            began = self._clock()
            written = await save_slot(self._upstream.backend, name, RESTORE_SECONDS)
            self._seconds_for_last = self._clock() - began
        except (BackendError, OSError) as error:
            self._switch_off(str(error))
            self._states.discard(name)
        except asyncio.CancelledError:
            self._states.discard(name)
            raise
        else:
            self._taking_over = asyncio.create_task(self._take_over(held, name, written))
            await asyncio.shield(self._taking_over)
        finally:
            self._is_saving = False

    async def _take_over(self, held: _Conversation, name: str, written: SlotFile) -> None:
        try:
            stays = await asyncio.to_thread(self._states.keep, self._options.launch_key, held.session, name, written)
        except OSError as error:
            self._switch_off(str(error))
            return
        if stays:
            self._saved = held
        else:
            self._switch_off(f"a state takes {written.bytes:,} bytes, and {self._options.limit_bytes:,} are allowed")

    def _is_worth_saving(self) -> bool:
        if self._off is not None or self._held is None:
            return False
        before, now = self._saved, self._held
        return before is None or before.session != now.session or abs(now.tokens - before.tokens) >= MIN_GROWTH_TOKENS

    def _switch_off(self, reason: str) -> None:
        self._off = reason
        _log.warning("What the engine has computed is not kept any more in this run: %s", reason)

    def _stop_resting(self) -> asyncio.Task[None] | None:
        resting, self._resting = self._resting, None
        if resting is not None:
            resting.cancel()
        return resting


def _conversation(log: ExchangeLog) -> _Conversation | None:
    """Return which conversation an exchange was part of, if it is one that the user will go on with."""
    caller, asked, reported = log.caller, log.asked, log.reported
    if caller.session is None or caller.agent is not None or caller.request_class not in {"main", "unknown"}:
        return None
    if asked is None or not asked.tools or reported.input_tokens is None:
        return None
    return _Conversation(caller.session, reported.input_tokens + (reported.output_tokens or 0))
