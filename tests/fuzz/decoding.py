"""What bytes may do to us at most: be understood, or be refused in the way that is foreseen for them."""

from collections.abc import Sequence
from itertools import count

from tests.parts.referee import judge
from tests.parts.replies import message_of

from anyclaude.dialects import dialect_named, tokenizer_for
from anyclaude.errors import BackendError, InvalidRequest
from anyclaude.profiles import PROFILES
from anyclaude.protocol.events import StreamEvent, encode_event
from anyclaude.protocol.json_values import decode_json
from anyclaude.protocol.message_stream import MessageStream
from anyclaude.protocol.messages_request import decode_request

OPENAI_CHAT = dialect_named("openai_chat")


def take_request(body: bytes) -> str:
    """Decode a request, and say it to every kind of server if it is one; anything but a refusal is raised."""
    try:
        request = decode_request(body)
    except InvalidRequest as error:
        str(error).encode()
        return "refused"
    for profile in PROFILES:
        encoded = OPENAI_CHAT.encode_request(request, "m", profile)
        decode_json(encoded.request.body)
        tokenizer_for(profile).encode_token_count(encoded.request)
    return "understood"


def take_reply(pieces: Sequence[bytes]) -> str:
    """Decode a backend's bytes to the end, and judge what the client gets; anything but a backend's error is raised."""
    numbers = count(1)
    stream = MessageStream("msg_1", "m", lambda: f"toolu_{next(numbers)}")
    decoder = OPENAI_CHAT.decoder("text/event-stream")
    events: list[StreamEvent] = stream.open()
    try:
        for piece in pieces:
            events += stream.feed(decoder.feed(piece))
        events += stream.feed(decoder.finish())
        events += stream.close()
    except BackendError as error:
        events += stream.fail(error)
    verdict = judge(b"".join(map(encode_event, events)))
    assert verdict.outcome in {"whole", "failed"}
    if verdict.outcome == "whole":
        assert len(message_of(events).content) == len(verdict.blocks)
    return verdict.outcome


def take_refusal(status: int, body: bytes) -> str:
    """Decode the body of an error."""
    error = OPENAI_CHAT.decode_error(status, body, None, PROFILES[0])
    str(error).encode()
    return error.kind
