"""
Save and restore the state of llama.cpp's slots, as files on the server's disk.

`POST /slots/N?action=save|restore` with `{"filename"}`; the folder is set when the server starts
(`--slot-save-path`).  Observed with b11549: a restore that fails leaves the slot empty, so restore only into an empty
slot.
"""

from typing import TypeVar

import msgspec
from msgspec import Struct

from anyclaude.dialects import WireRequest
from anyclaude.errors import BackendGarbled, BackendRejected
from anyclaude.shown_text import shown

from .base import Backend
from .query import query

T = TypeVar("T")

SLOT = 0
"""The only slot: with several, it would be unknown which of them holds a conversation."""

EXCERPT_CHARACTERS = 200
"""The part of an unexpected answer that an error quotes: enough to recognise an error document."""


class SlotFile(Struct, frozen=True):
    """The tokens that were saved or restored, and the bytes they take."""

    tokens: int
    bytes: int


class _Saved(Struct):
    n_saved: int
    n_written: int


class _Restored(Struct):
    n_restored: int
    n_read: int


async def save_slot(backend: Backend, file_name: str, within_seconds: float) -> SlotFile:
    """Save the slot's state to a file.  Raises `BackendError`."""
    saved = await _act(backend, "save", file_name, within_seconds, _Saved)
    return SlotFile(saved.n_saved, saved.n_written)


async def restore_slot(backend: Backend, file_name: str, within_seconds: float) -> SlotFile:
    """Restore the slot's state from a file.  Raises `BackendError`."""
    restored = await _act(backend, "restore", file_name, within_seconds, _Restored)
    return SlotFile(restored.n_restored, restored.n_read)


async def _act(backend: Backend, action: str, file_name: str, within_seconds: float, kind: type[T]) -> T:
    path = f"/slots/{SLOT}?action={action}"
    request = WireRequest(path, msgspec.json.encode({"filename": file_name}), accept="application/json", at_root=True)
    reply = await query(backend, request, within_seconds)
    excerpt = shown(reply.body.decode(errors="replace"))[:EXCERPT_CHARACTERS]
    if not reply.is_ok:
        raise BackendRejected(f"the server cannot {action} its slot: {excerpt}", reply.status, "api_error")
    if (result := reply.decoded(kind)) is None:
        raise BackendGarbled(f"the server's answer does not describe the {action} of its slot: {excerpt}")
    return result
