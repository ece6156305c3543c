"""
Saves the engine's slot, and restores it in the next run.

The slot is saved when a conversation is idle and when the run ends, and restored when a run starts.  A restore is
verified by the engine's count of cached tokens, not by its answer: some builds and models report success and evaluate
everything again (llama.cpp issues 26676 and 28194).  Then nothing more is saved or restored in this run.
"""

import asyncio
import contextlib
import logging
from pathlib import Path

from msgspec import Struct

from anyclaude.backends import SlotFile, restore_slot, save_slot
from anyclaude.errors import BackendError, BackendGarbled, ConnectionsExhausted
from anyclaude.exchange import Clock, ExchangeEnded, ExchangeListener
from anyclaude.protocol.deltas import UsageReported
from anyclaude.protocol.json_values import JsonObject
from anyclaude.scheduling import Requester, Upstream

from .launches import LaunchKey
from .slot_store import SlotSnapshot, SlotStore

IDLE_SECONDS = 10.0
"""If no request follows a reply for this long, the user is reading or thinking; tools return sooner."""

MAX_IDLE_SAVE_SECONDS = 1.0
"""The engine serves no request while it writes.  If a save took longer, the next one is made at the end of the run."""

MIN_GROWTH_TOKENS = 256
"""Evaluating fewer new tokens again takes less time than writing a snapshot."""

RESTORE_SECONDS = 60.0
"""A snapshot of 4 GiB takes a slow disk (100 MB/s) 40 s."""

FINAL_SAVE_SECONDS = 10.0
"""How long the end of a run may be delayed; 4 GiB take a usual disk (500 MB/s) 8 s."""

MIN_CACHED_SHARE = 0.5
"""After a restore that worked, the engine finds nearly all tokens of the snapshot in its cache; after one that failed,
none or the first few."""

MAX_SHARED_BYTES = 512 * 1024**2
"""A snapshot of another launch, of which only the beginning is of use, is not restored if it is larger: reading this
much takes a slow disk (100 MB/s) 5 s, in which most machines evaluate the tools of a prompt."""

RESTORING = Requester("slot snapshot")
"""The requester of a restore; every request waits until it is done."""

_log = logging.getLogger(__name__)


class SlotSaverOptions(Struct, frozen=True, kw_only=True):
    """The folder of snapshots, the engine and the launch that they belong to, and the limit of their total size."""

    folder: Path
    engine: str
    launch_key: LaunchKey
    limit_bytes: int
    session: str | None = None
    """The session that the client continues, if the user named it."""
    continues_session: bool = False
    """Whether the client continues an earlier session."""


class _SlotContent(Struct, frozen=True):
    """The session whose conversation the slot holds, and the approximate number of its tokens."""

    session: str
    tokens: int


def snapshot_to_restore(options: SlotSaverOptions) -> tuple[SlotSnapshot | None, bool]:
    """Return the snapshot that a launch restores, and whether it is of its own key."""
    store = SlotStore(options.folder, options.engine, options.limit_bytes)
    own = store.best_for(options.launch_key, options.session)
    if own is not None or options.continues_session:
        return own, True
    return store.nearest(options.launch_key, MAX_SHARED_BYTES), False


class SlotSaver(ExchangeListener):
    """Saves and restores the one slot of an engine; `stop` it before the engine ends."""

    def __init__(self, options: SlotSaverOptions, upstream: Upstream, clock: Clock) -> None:
        self._options = options
        self._upstream = upstream
        self._clock = clock
        self._store = SlotStore(options.folder, options.engine, options.limit_bytes)
        self._off_reason: str | None = None
        self._unverified: SlotSnapshot | None = None
        self._is_verified = False
        self._restored_tokens: int | None = None
        self._held: _SlotContent | None = None
        self._saved: _SlotContent | None = None
        self._last_save_seconds = 0.0
        self._is_saving = False
        self._storing: asyncio.Task[None] | None = None
        self._idle_save: asyncio.Task[None] | None = None

    @property
    def holds_continued_session(self) -> bool:
        """Whether the slot holds a session that is about to be continued, and must not be evicted."""
        return self._unverified is not None and self._options.continues_session

    def health(self) -> JsonObject:
        """Return the object that `/health` shows."""
        return {
            "state": "on" if self._off_reason is None else "off",
            "reason": self._off_reason,
            "restored_tokens": self._restored_tokens,
            "is_proved": self._is_verified,
            "saved_tokens": None if self._saved is None else self._saved.tokens,
        }

    async def restore(self) -> None:
        """
        Restore the snapshot of the launch's session, or else one that begins alike.

        How much of the latter will be found is not known, so it is not verified.
        Nothing is restored if a request is running already: a restore replaces the content of the slot, even when it
        fails.  New requests wait until it is done.
        """
        if self._upstream.admission.running:
            return
        async with self._upstream.admission.turn(RESTORING):
            snapshot, is_own = await asyncio.to_thread(snapshot_to_restore, self._options)
            if snapshot is None:
                return
            try:
                await self._load(snapshot)
            except ConnectionsExhausted:
                return  # not the snapshot's fault
            except BackendError as error:
                await asyncio.to_thread(self._store.remove, snapshot)
                self._switch_off(str(error))
                return
        self._restored_tokens, self._unverified = snapshot.tokens, snapshot if is_own else None
        self._saved = _SlotContent(snapshot.session, snapshot.tokens)

    def exchange_ended(self, event: ExchangeEnded) -> None:
        """Note what the slot holds after an exchange, and save it when the conversation is idle."""
        record = event.record
        if self._off_reason is not None or record.attempts == 0 or record.skipped_backends:
            return  # the engine did not get the request
        if event.caller.is_gateway:
            if event.outcome == "completed":
                self._verify_restore(event.reported)
            return
        self._cancel_idle_save()
        self._held = _content_after(event) if event.outcome == "completed" else None
        if self._held is not None:
            self._verify_restore(event.reported)
        if self._is_worth_saving() and self._last_save_seconds <= MAX_IDLE_SAVE_SECONDS:
            self._idle_save = asyncio.create_task(self._save_when_idle())

    async def stop(self) -> None:
        """Save the slot if it has changed since the last save, within `FINAL_SAVE_SECONDS`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FINAL_SAVE_SECONDS):
                if self._is_saving and self._idle_save is not None:
                    await self._idle_save
                if self._storing is not None:
                    await self._storing
                if self._is_worth_saving():
                    await self._save()
        if (cancelled := self._cancel_idle_save()) is not None:
            await asyncio.wait({cancelled})

    def _verify_restore(self, reported: UsageReported) -> None:
        """Verify a restore by the engine's counts of the first prompt after it."""
        snapshot, cached, prompt = self._unverified, reported.cached_tokens, reported.input_tokens
        if snapshot is None or cached is None or prompt is None:
            return
        self._unverified = None
        if cached < MIN_CACHED_SHARE * min(snapshot.tokens, prompt):
            self._switch_off(
                f"the engine reported {snapshot.tokens:,} restored tokens, but found only {cached:,} of a prompt "
                f"of {prompt:,} in its cache"
            )
        else:
            self._is_verified = True

    async def _load(self, snapshot: SlotSnapshot) -> None:
        """Have the engine read a snapshot.  Raises `BackendError`, also if the engine read only part of it."""
        read = await restore_slot(self._upstream.backend, snapshot.file_name, RESTORE_SECONDS)
        if read.tokens != snapshot.tokens:
            raise BackendGarbled(f"the engine restored {read.tokens:,} of {snapshot.tokens:,} tokens")

    async def _save_when_idle(self) -> None:
        await self._clock.sleep(IDLE_SECONDS)
        await self._upstream.admission.run_when_idle(self._save)

    async def _save(self) -> None:
        """Have the engine write the slot to a file, which is discarded if this is cancelled."""
        held = self._held
        if held is None:
            return
        name = self._store.new_file_name()
        self._is_saving = True
        try:
            if not await asyncio.to_thread(self._store.has_room_for, held.tokens):
                self._switch_off(f"the disk of {self._options.folder} has no room for a snapshot")
                return
            began = self._clock.seconds()
            written = await save_slot(self._upstream.backend, name, RESTORE_SECONDS)
            self._last_save_seconds = self._clock.seconds() - began
        except (BackendError, OSError) as error:
            self._switch_off(str(error))
            self._store.discard(name)
        except ConnectionsExhausted:
            self._store.discard(name)
        except asyncio.CancelledError:
            self._store.discard(name)
            raise
        else:
            self._storing = asyncio.create_task(self._store_file(held, name, written))
            await asyncio.shield(self._storing)
        finally:
            self._is_saving = False

    async def _store_file(self, held: _SlotContent, name: str, written: SlotFile) -> None:
        try:
            is_stored = await asyncio.to_thread(self._store.keep, self._options.launch_key, held.session, name, written)
        except OSError as error:
            self._switch_off(str(error))
            return
        if is_stored:
            self._saved = held
        else:
            self._switch_off(
                f"a snapshot takes {written.bytes:,} bytes, which is over the limit of {self._options.limit_bytes:,}"
            )

    def _is_worth_saving(self) -> bool:
        if self._off_reason is not None or self._held is None:
            return False
        before, now = self._saved, self._held
        return before is None or before.session != now.session or abs(now.tokens - before.tokens) >= MIN_GROWTH_TOKENS

    def _switch_off(self, reason: str) -> None:
        self._off_reason = reason
        _log.warning("Slot snapshots are switched off for this run: %s", reason)

    def _cancel_idle_save(self) -> asyncio.Task[None] | None:
        idle_save, self._idle_save = self._idle_save, None
        if idle_save is not None:
            idle_save.cancel()
        return idle_save


def _content_after(event: ExchangeEnded) -> _SlotContent | None:
    """Return the content of the slot after an exchange, if it is a conversation that the user will continue."""
    caller, request, reported = event.caller, event.request, event.reported
    if caller.session is None or not caller.is_main_conversation:
        return None
    if request is None or not request.tools or reported.input_tokens is None:
        return None
    return _SlotContent(caller.session, reported.input_tokens + (reported.output_tokens or 0))
