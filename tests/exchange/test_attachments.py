"""Attachments are read by every reader that finds some, in order."""

from msgspec.structs import replace

from anyclaude.exchange.attachments import has_unread_attachments, read_attachments
from anyclaude.protocol.messages_request import MessagesRequest, Turn


class Upper:
    """Reads lower-case turns."""

    def finds(self, request: MessagesRequest) -> bool:
        return any(isinstance(turn.content, str) and turn.content.islower() for turn in request.messages)

    async def read(self, request: MessagesRequest) -> MessagesRequest:
        turns = (replace(turn, content=str(turn.content).upper()) for turn in request.messages)
        return replace(request, messages=tuple(turns))


async def test_what_is_found_is_read_once() -> None:
    request = MessagesRequest(model="m", max_tokens=1, messages=(Turn("user", "hello"),))
    readers = (Upper(), Upper())

    assert has_unread_attachments(readers, request)
    read = await read_attachments(readers, request)

    assert read.messages == (Turn("user", "HELLO"),)
    assert not has_unread_attachments(readers, read)
    assert await read_attachments(readers, read) is read
