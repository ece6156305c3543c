"""
Saves what the engine has computed, and restores it in the next run.

The slot is saved when a conversation rests and when the run ends, and restored when a run starts.  Whether a restore
worked shows in the engine's own count of cached tokens, not in its answer: some builds and models report success and
evaluate everything again (llama.cpp issues 26676 and 28194).  Then nothing more is saved or restored in this run.
"""

import asyncio
import contextlib
import logging
from pathlib import Path

from msgspec import Struct

from anyclaude.backends import SlotFile, restore_slot, save_slot
from anyclaude.errors import BackendError, BackendGarbled
from anyclaude.exchange import Clock, ExchangeEnded, ExchangeListener
from anyclaude.protocol.deltas import UsageReported
from anyclaude.protocol.json_values import JsonObject
from anyclaude.scheduling import Requester, Upstream

from .first_prompt import LaunchKey
from .slot_store import SlotSnapshot, SlotStore

REST_SECONDS = 10.0
"""If no request follows a reply for this long, the user is reading or thinking; tools return sooner."""

LONGEST_PAUSE_SECONDS = 1.0
"""The engine serves no request while it writes.  If a save took longer, the next one waits for the end of the run."""

MIN_GROWTH_TOKENS = 256
"""Fewer new tokens are evaluated again faster than a snapshot is written."""

RESTORE_SECONDS = 60.0
"""A snapshot of 4 GiB takes a slow disk (100 MB/s) 40 s."""

LAST_SAVE_SECONDS = 10.0
"""How long the end of a run may be delayed; 4 GiB take a usual disk (500 MB/s) 8 s."""

MIN_SHARE = 0.5
"""A restore that works provides nearly all of the snapshot; one that fails provides none, or the first few tokens."""

RESTORING = Requester("slot snapshot")
"""The requester of a restore, for which every request has to wait."""

_log = logging.getLogger(__name__)


class SlotSaverOptions(Struct, frozen=True, kw_only=True):
    """Where snapshots are kept, for which engine and launch, and how much of the disk all of them may take."""

    folder: Path
    engine: str
    launch_key: LaunchKey
    limit_bytes: int
    session: str | None = None
    """The session that the client was told to continue, if it was named."""
    continues_session: bool = False
    """Whether the client continues an earlier session."""


class _Conversation(Struct, frozen=True):
    """What the slot holds: the session, and about how many tokens of it."""

    session: str
    tokens: int


class SlotSaver(ExchangeListener):
    """Saves and restores the one slot of an engine; `stop` it before the engine ends."""

    def __init__(self, options: SlotSaverOptions, upstream: Upstream, clock: Clock) -> None:
        self._options = options
        self._upstream = upstream
        self._clock = clock
        self._store = SlotStore(options.folder, options.engine, options.limit_bytes)
        self._off: str | None = None
        self._unproved: SlotSnapshot | None = None
        self._restored_tokens: int | None = None
        self._held: _Conversation | None = None
        self._saved: _Conversation | None = None
        self._seconds_for_last = 0.0
        self._is_saving = False
        self._keeping: asyncio.Task[None] | None = None
        self._resting: asyncio.Task[None] | None = None

    @property
    def holds_continued_session(self) -> bool:
        """Whether the slot holds a session that is about to be continued, and must not be evicted."""
        return self._unproved is not None and self._options.continues_session

    def health(self) -> JsonObject:
        """Return the object that `/health` shows."""
        return {
            "state": "on" if self._off is None else "off",
            "reason": self._off,
            "restored_tokens": self._restored_tokens,
            "is_proved": self._restored_tokens is not None and self._unproved is None and self._off is None,
            "saved_tokens": None if self._saved is None else self._saved.tokens,
        }

    async def restore(self) -> None:
        """
        Restore the snapshot of the launch's session, if there is one.

        Only into an engine that has not served a request: a restore replaces whatever the slot holds, even when it
        fails.  Requests wait until it is done.
        """
        if self._upstream.admission.running:
            return
        async with self._upstream.admission.turn(RESTORING):
            snapshot = await asyncio.to_thread(self._store.best_for, self._options.launch_key, self._options.session)
            if snapshot is None:
                return
            try:
                read = await restore_slot(self._upstream.backend, snapshot.file_name, RESTORE_SECONDS)
                if read.tokens != snapshot.tokens:
                    raise BackendGarbled(f"the engine restored {read.tokens:,} of {snapshot.tokens:,} tokens")
            except BackendError as error:
                await asyncio.to_thread(self._store.remove, snapshot)
                self._switch_off(str(error))
                return
        self._restored_tokens, self._unproved = read.tokens, snapshot
        self._saved = _Conversation(snapshot.session, snapshot.tokens)

    def exchange_ended(self, event: ExchangeEnded) -> None:
        """Note what the slot holds after an exchange, and save it when the conversation rests."""
        record = event.record
        if self._off is not None or record.attempts == 0 or record.skipped_backends:
            return  # the engine did not get the request
        if event.caller.is_gateway:
            if event.outcome == "completed":
                self._check_restore(event.reported)
            return
        self._stop_resting()
        self._held = _conversation(event) if event.outcome == "completed" else None
        if self._held is not None:
            self._check_restore(event.reported)
        if self._is_worth_saving() and self._seconds_for_last <= LONGEST_PAUSE_SECONDS:
            self._resting = asyncio.create_task(self._save_at_rest())

    async def stop(self) -> None:
        """Save what has not been saved, within `LAST_SAVE_SECONDS`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_SAVE_SECONDS):
                if self._is_saving and self._resting is not None:
                    await self._resting
                if self._keeping is not None:
                    await self._keeping
                if self._is_worth_saving():
                    await self._save()
        resting = self._stop_resting()
        if resting is not None:
            await asyncio.wait({resting})

    def _check_restore(self, reported: UsageReported) -> None:
        """Compare the engine's counts of the first prompt after a restore with the snapshot."""
        snapshot, cached, prompt = self._unproved, reported.cached_tokens, reported.input_tokens
        if snapshot is None or cached is None or prompt is None:
            return
        self._unproved = None
        if cached < MIN_SHARE * min(snapshot.tokens, prompt):
            self._switch_off(
                f"the engine reported {snapshot.tokens:,} restored tokens, but found only {cached:,} of a prompt "
                f"of {prompt:,} in its cache"
            )

    async def _save_at_rest(self) -> None:
        await self._clock.sleep(REST_SECONDS)
        await self._upstream.admission.run_when_idle(self._save)

    async def _save(self) -> None:
        """Have the engine write the slot; cancelling the wait discards the file."""
        held = self._held
        if held is None:
            return
        name = self._store.new_file_name()
        self._is_saving = True
        try:
            if not await asyncio.to_thread(self._store.has_room_for, held.tokens):
                self._switch_off(f"there is no room for it on the disk of {self._options.folder}")
                return
            began = self._clock.seconds()
            written = await save_slot(self._upstream.backend, name, RESTORE_SECONDS)
            self._seconds_for_last = self._clock.seconds() - began
        except (BackendError, OSError) as error:
            self._switch_off(str(error))
            self._store.discard(name)
        except asyncio.CancelledError:
            self._store.discard(name)
            raise
        else:
            self._keeping = asyncio.create_task(self._keep(held, name, written))
            await asyncio.shield(self._keeping)
        finally:
            self._is_saving = False

    async def _keep(self, held: _Conversation, name: str, written: SlotFile) -> None:
        try:
            is_kept = await asyncio.to_thread(self._store.keep, self._options.launch_key, held.session, name, written)
        except OSError as error:
            self._switch_off(str(error))
            return
        if is_kept:
            self._saved = held
        else:
            self._switch_off(f"a snapshot takes {written.bytes:,} bytes, and {self._options.limit_bytes:,} are allowed")

    def _is_worth_saving(self) -> bool:
        if self._off is not None or self._held is None:
            return False
        before, now = self._saved, self._held
        return before is None or before.session != now.session or abs(now.tokens - before.tokens) >= MIN_GROWTH_TOKENS

    def _switch_off(self, reason: str) -> None:
        self._off = reason
        _log.warning("Slot snapshots are switched off for this run: %s", reason)

    def _stop_resting(self) -> asyncio.Task[None] | None:
        resting, self._resting = self._resting, None
        if resting is not None:
            resting.cancel()
        return resting


def _conversation(event: ExchangeEnded) -> _Conversation | None:
    """Return the conversation of an exchange, if it is one that the user will continue."""
    caller, request, reported = event.caller, event.request, event.reported
    if caller.session is None or not caller.is_main_conversation:
        return None
    if request is None or not request.tools or reported.input_tokens is None:
        return None
    return _Conversation(caller.session, reported.input_tokens + (reported.output_tokens or 0))
