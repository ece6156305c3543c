"""Documents and pictures that come with a request, read before its prompt is prepared, because that takes time."""

from collections.abc import Sequence
from typing import Protocol

from anyclaude.protocol.messages_request import MessagesRequest


class AttachmentReader(Protocol):
    """
    Reads one kind of attachment, and puts what it has read in its place.

    What it puts there follows from the attachment alone, so that the prefix stays from turn to turn.
    """

    def finds(self, request: MessagesRequest) -> bool:
        """Return whether the request has anything to read; called for every request, and in a thread."""
        ...

    async def read(self, request: MessagesRequest) -> MessagesRequest:
        """Return the request with what was read; an attachment that cannot be read gets a note that says why."""
        ...


def has_unread_attachments(readers: Sequence[AttachmentReader], request: MessagesRequest) -> bool:
    """Return whether one of the readers has something to read."""
    return any(reader.finds(request) for reader in readers)


async def read_attachments(readers: Sequence[AttachmentReader], request: MessagesRequest) -> MessagesRequest:
    """Return the request with all that the readers have read."""
    for reader in readers:
        if reader.finds(request):
            request = await reader.read(request)
    return request
