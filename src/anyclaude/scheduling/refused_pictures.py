"""
The pictures that one server has refused, so that none stays in the way of the next turn.

A client repeats a picture in every later request.  Where a request is refused, for whatever is said, it is sent again
without the pictures that this model has never accepted; if it is accepted then, they are left out from now on.
"""

from collections.abc import Iterable
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from anyclaude.bounded_dict import BoundedDict
from anyclaude.errors import BackendRejected
from anyclaude.protocol.content import ImageBlock
from anyclaude.protocol.messages_request import MessagesRequest
from anyclaude.protocol.pictures import picture_key, pictures_in, with_changed_pictures

MAX_PICTURES = 4_096
"""Pictures that are remembered, at 100 bytes each: those of all sessions of a day."""

MAX_REASON_CHARACTERS = 200

OTHER_REASONS = frozenset({401, 402, 403, 404, 408, 429})
"""Statuses that are not about what is sent: keys, money, address, load.  413 may be about a picture."""

PictureOfModel: TypeAlias = tuple[str, str]
"""A model, and the key of a picture."""


class LeftOut(Struct, frozen=True):
    """The pictures that a request is sent without, and why: in the server's words."""

    keys: frozenset[str] = frozenset()
    because: str = ""


NOTHING_LEFT_OUT = LeftOut()


class RefusedPictures:
    """Remembers which pictures the models of one server have accepted, and which refused."""

    def __init__(self) -> None:
        self._accepted = BoundedDict[PictureOfModel, None](MAX_PICTURES)
        self._refused = BoundedDict[PictureOfModel, str](MAX_PICTURES)

    def suspects(self, request: MessagesRequest, model: str, refusal: BackendRejected) -> LeftOut:
        """Return the pictures to which a refusal may be due: those that the model has not accepted before."""
        if refusal.status in OTHER_REASONS or refusal.is_transient or refusal.is_too_long:
            return NOTHING_LEFT_OUT
        keys = {(model, key) for key in _keys(request)} - self._accepted.keys() - self._refused.keys()
        return LeftOut(frozenset(key for _, key in keys), str(refusal)[:MAX_REASON_CHARACTERS])

    def without(self, request: MessagesRequest, model: str, left_out: LeftOut) -> MessagesRequest:
        """Return the request with a sentence in place of each picture that is left out, or was refused before."""
        if not self._refused and not left_out.keys:
            return request

        def changed(block: ImageBlock) -> ImageBlock:
            key = picture_key(block)
            words = left_out.because if key in left_out.keys else self._refused.get((model, key))
            return block if words is None else replace(block, unusable_because=f"the server refused it: {words}")

        return with_changed_pictures(request, changed)

    def accepted(self, request: MessagesRequest, model: str, left_out: LeftOut) -> None:
        """Note that a request was accepted; what it was sent without is the cause of the refusal before."""
        for key in left_out.keys:
            self._refused[model, key] = left_out.because
        for key in _keys(request):
            if (model, key) not in self._refused:
                self._accepted[model, key] = None


def _keys(request: MessagesRequest) -> Iterable[str]:
    return (key for block in pictures_in(request) if (key := picture_key(block)) and not block.unusable_because)
