"""Decodes arbitrary bytes, and raises unless they are accepted or refused with the documented error."""

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


def request_outcome(body: bytes) -> str:
    """
    Decode a request, and encode it for every kind of server; return `accepted` or `refused`.

    Any exception other than `InvalidRequest` propagates.
    """
    try:
        request = decode_request(body)
    except InvalidRequest as error:
        str(error).encode()
        return "refused"
    for profile in PROFILES:
        encoded = OPENAI_CHAT.encode_request(request, "m", profile)
        decode_json(encoded.request.body)
        tokenizer_for(profile).encode_token_count(encoded.request)
    return "accepted"


def reply_outcome(pieces: Sequence[bytes]) -> str:
    """
    Decode a backend's reply, check the stream for the client, and return its outcome.

    Any exception other than `BackendError` propagates.
    """
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


def refusal_kind(status: int, body: bytes) -> str:
    """Decode the body of an error response, and return the kind of the error."""
    error = OPENAI_CHAT.decode_error(status, body, None, PROFILES[0])
    str(error).encode()
    return error.kind
