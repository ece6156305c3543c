"""
The bodies that are arriving, within the memory that all requests share.

When there is no room for more, the body that has been silent longest makes room: one that has stopped, or comes byte by
byte, would otherwise keep others out until its time is over.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

from aiohttp import StreamReader

from anyclaude.errors import RequestTimeout, RequestTooLarge
from anyclaude.memory_budget import MemoryBudget, Reservation
from anyclaude.protocol.detached_data import MAX_TEXT_BYTES, RequestBody, certain_text_bytes, too_much_text

from .options import Limits

STEP_BYTES = 64 * 1024
"""What must arrive for a body to count as one that arrives; about what is read from a socket at once."""

MAX_SHORT_PIECES = 256
"""How many short pieces are held until they are joined: as objects they take 8 KiB beside their bytes."""

SILENT_SECONDS = 1.0
"""A body that did not advance for so long may have to make room; even a slow tunnel sends a step in this time."""


@dataclass(slots=True, eq=False)
class ArrivingBody:
    """A body of which a part has arrived."""

    held: Reservation
    advanced_at: float
    patience: asyncio.Timeout
    bytes: int = 0
    next_step_bytes: int = STEP_BYTES


class Bodies:
    """Reads bodies; the memory that one takes is reserved for its request as it arrives."""

    def __init__(self, budget: MemoryBudget, clock: Callable[[], float], key: bytes = b"") -> None:
        """Read within a budget; `key` is that of the marks for detached data (`RequestBody`)."""
        self._clock = clock
        self._key = key
        self._arriving: set[ArrivingBody] = set()
        budget.give_up_a_request = self._drop_longest_silent

    async def read(
        self, content: StreamReader, held: Reservation, limits: Limits, *, bounds_text: bool = False
    ) -> RequestBody:
        """
        Return a body; its bytes are added to `held`.

        With `bounds_text`, one that has too much text is refused as soon as that is certain.

        Raises:
            RequestTooLarge: when it is larger than `Limits.body_bytes`, or has too much text.
            MemoryExhausted: when there is no room for it, and no silent body makes some.
            RequestTimeout: when it is not complete after `Limits.body_seconds`, or had to make room for others.
        """
        body = ArrivingBody(held, self._clock(), asyncio.timeout(limits.body_seconds))
        self._arriving.add(body)
        try:
            async with body.patience:
                pieces = [piece async for piece in _gathered(self._pieces(content, body, limits, bounds_text))]
                return RequestBody(tuple(pieces), self._key)
        except TimeoutError as error:
            if body in self._arriving:
                why = f"was not complete after {limits.body_seconds:g} s"
            else:
                why = f"stopped after {body.bytes:,} bytes, while other requests needed the room"
            raise RequestTimeout(f"the request's body {why}") from error
        finally:
            self._arriving.discard(body)

    async def _pieces(
        self, content: StreamReader, body: ArrivingBody, limits: Limits, bounds_text: bool
    ) -> AsyncGenerator[bytes, None]:
        text_bytes = 0
        while piece := await content.readany():
            body.bytes += len(piece)
            if body.bytes > limits.body_bytes:
                raise too_large(limits)
            text_bytes += certain_text_bytes(piece) if bounds_text else 0
            if text_bytes > MAX_TEXT_BYTES:
                raise too_much_text()
            if body.bytes >= body.next_step_bytes:
                body.next_step_bytes = body.bytes + STEP_BYTES
                body.advanced_at = self._clock()
            body.held.grow(len(piece))
            yield piece
            await asyncio.sleep(0)  # what has arrived already is read without a wait

    def _drop_longest_silent(self) -> bool:
        """Drop the body that has not advanced for the longest time; return whether one was silent for long."""
        until = self._clock() - SILENT_SECONDS
        silent = [body for body in self._arriving if body.advanced_at <= until]
        if not silent:
            return False
        body = min(silent, key=lambda body: body.advanced_at)
        self._arriving.discard(body)
        body.held.release()
        body.patience.reschedule(asyncio.get_running_loop().time())
        return True


async def _gathered(pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Yield the pieces, short ones joined: each alone takes the memory of an object."""
    short: list[bytes] = []
    size = 0
    async for piece in pieces:
        short.append(piece)
        size += len(piece)
        if size >= STEP_BYTES or len(short) >= MAX_SHORT_PIECES:
            yield b"".join(short)
            short, size = [], 0
    if short:
        yield b"".join(short)


def too_large(limits: Limits) -> RequestTooLarge:
    """Return the refusal of a body that is larger than the limit."""
    return RequestTooLarge(f"the request's body is larger than {limits.body_bytes:,} bytes")
