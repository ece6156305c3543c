"""
Pictures in the form in which the server takes them, and in words for a model that cannot see them.

What is sent of a picture follows from its bytes and from what its server takes, so the prefix stays from turn to turn.
"""

import asyncio
import secrets
from base64 import b64encode
from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from anyclaude.errors import Unreadable
from anyclaude.kept_values import KeptValues
from anyclaude.memory_budget import MemoryBudget
from anyclaude.profiles import BackendProfile
from anyclaude.protocol.content import Base64Source, ImageBlock
from anyclaude.protocol.detached_data import MIN_DATA_BYTES, Data, DetachedData, data_of, pieces_of
from anyclaude.protocol.messages_request import MessagesRequest
from anyclaude.protocol.picture_header import PictureHeader, header_of
from anyclaude.protocol.pictures import picture_key, pictures_in, with_changed_pictures
from anyclaude.reading.reader import Reader

from .picture_descriptions import PictureDescriptions

MAX_KEPT_BYTES = 64 * 1024 * 1024
"""What pictures became, for the next turns: 16 of 4 MB, the largest that are likely after they were scaled."""

PIECE_BYTES = 64 * 1024

UNKNOWN = "it is no picture of a type that is known, or it is broken"


class FittedPicture(Struct, frozen=True):
    """What is sent of a picture: its own bytes, others, or the reason why there is nothing to send."""

    media_type: str
    data: Data | None = None
    unusable_because: str = ""


class PictureReader:
    """
    Puts what a server takes in place of pictures; an `AttachmentReader`.

    A picture that the server takes as it is is not decoded, and its bytes stay as they are.
    """

    def __init__(
        self,
        reader: Reader,
        budget: MemoryBudget,
        profile_for: Callable[[MessagesRequest], BackendProfile | None],
        descriptions: PictureDescriptions | None = None,
    ) -> None:
        """`profile_for` returns the profile of the server and the model that a request goes to first."""
        self._reader = reader
        self._profile_for = profile_for
        self._descriptions = descriptions
        self._key = secrets.token_bytes()
        self._kept = KeptValues[str, FittedPicture](
            "pictures", budget, lambda _, fitted: fitted.data.size if fitted.data else 0, max_bytes=MAX_KEPT_BYTES
        )
        self._converting = asyncio.Lock()

    def finds(self, request: MessagesRequest) -> bool:
        """Return whether a picture needs anything: another form, a description, or a sentence."""
        return any(self._needs(block, request) for block in pictures_in(request))

    async def read(self, request: MessagesRequest) -> MessagesRequest:
        """Return the request with its pictures as they are sent."""
        profile = self._profile_for(request)
        assert profile is not None
        detached = dict(request.detached)
        done: dict[str, ImageBlock] = {}
        for block in pictures_in(request):
            key = picture_key(block)
            if key not in done and self._needs(block, request):
                done[key] = await self._read(block, detached, profile)
        if self._descriptions is not None and self._descriptions.describes(request):
            waiting = {key: block for key, block in done.items() if not block.unusable_because}
            described = await self._descriptions.describe(request, waiting, detached)
            done |= {key: replace(waiting[key], description=text) for key, text in described.items()}
        read = with_changed_pictures(request, lambda block: _in_place_of(block, done))
        return replace(read, detached=detached)

    def _needs(self, block: ImageBlock, request: MessagesRequest) -> bool:
        if not isinstance(block.source, Base64Source) or block.unusable_because or block.description:
            return False
        is_described = self._descriptions is not None and self._descriptions.describes(request)
        profile = self._profile_for(request)
        if profile is None or not (profile.accepts_images or is_described):
            return False
        header = header_of(block.source.data, request.detached)
        return is_described or header is None or _is_changed(header, block.source, profile)

    async def _read(self, block: ImageBlock, detached: dict[str, Data], profile: BackendProfile) -> ImageBlock:
        """Return a picture as it is sent; `detached` gets its data."""
        source = block.source
        assert isinstance(source, Base64Source)
        header = header_of(source.data, detached)
        if header is None:
            return replace(block, unusable_because=UNKNOWN)
        if not _must_be_converted(header, profile):
            return replace(block, source=replace(source, media_type=header.media_type))
        fitted = await self._fitted(picture_key(block), source.data, detached, profile.max_image_edge)
        if fitted.data is None:
            return replace(block, unusable_because=fitted.unusable_because)
        if fitted.data.size < MIN_DATA_BYTES:
            text = b"".join(fitted.data.pieces).decode()
        else:
            text = fitted.data.digest
            detached[text] = fitted.data
        return replace(block, source=Base64Source(fitted.media_type, text, source.extra))

    async def _fitted(self, key: str, data: str, detached: DetachedData, max_edge: int) -> FittedPicture:
        """Return what a picture becomes: once, however many requests have it."""
        key = f"{key} {max_edge}"
        async with self._converting:
            if (kept := self._kept.used(key)) is not None:
                return kept
            try:
                result = await self._reader.read(
                    "picture", pieces_of(data, detached), {"max_edge": max_edge}, is_base64=True
                )
            except Unreadable as error:
                fitted = FittedPicture("", unusable_because=str(error))
                if error.code in {"unavailable", "timed_out"}:  # may not be the picture's fault
                    return fitted
            else:
                fitted = FittedPicture(_media_type(result.value), data_of(_base64(result.data), self._key))
            self._kept.keep(key, fitted)
            return fitted


def _is_changed(header: PictureHeader, source: Base64Source, profile: BackendProfile) -> bool:
    return header.media_type != source.media_type or _must_be_converted(header, profile)


def _must_be_converted(header: PictureHeader, profile: BackendProfile) -> bool:
    is_read = header.media_type in profile.image_types
    return not is_read or max(header.width, header.height) > profile.max_image_edge


def _in_place_of(block: ImageBlock, done: dict[str, ImageBlock]) -> ImageBlock:
    """Return what a picture became, with the fields of this one."""
    found = done.get(picture_key(block))
    return block if found is None else replace(found, extra=block.extra)


def _media_type(value: object) -> str:
    return str(value["media_type"]) if isinstance(value, dict) else ""


def _base64(data: bytes) -> tuple[bytes, ...]:
    """Return base64 in pieces."""
    step = PIECE_BYTES // 4 * 3
    return tuple(b64encode(data[start : start + step]) for start in range(0, len(data), step))
