"""A real llama.cpp continues a reply that was cut, and repeats none of it."""

import pytest
from msgspec.structs import replace
from tests.parts.engines import smollm2_engine, smollm2_model
from tests.parts.replies import text_of

from anyclaude.backends import BackendTarget
from anyclaude.backends.http import HttpBackend, open_session
from anyclaude.dialects import dialect_named
from anyclaude.engine.embedded import EmbeddedEngine
from anyclaude.exchange.resume import continuation_of
from anyclaude.profiles import profile_named
from anyclaude.protocol.deltas import Delta, UsageReported
from anyclaude.protocol.messages_request import MessagesRequest, Tool, Turn
from anyclaude.secret import Secret

__all__ = ["smollm2_engine", "smollm2_model"]

EMBEDDED = profile_named("embedded")
PLAIN = MessagesRequest(
    model="m", max_tokens=24, messages=(Turn("user", "Write four sentences about the sea."),), temperature=0.0
)
READ = Tool("Read", "Reads a file", {"type": "object", "properties": {"file_path": {"type": "string"}}})


async def reply(engine: EmbeddedEngine, request: MessagesRequest) -> list[Delta]:
    """Return the deltas of one reply, over a separate connection."""
    target = BackendTarget(profile=EMBEDDED, base_url=engine.base_url, model="m", api_key=Secret(engine.api_key))
    dialect = dialect_named(EMBEDDED.dialect)
    decoder = dialect.decoder("text/event-stream")
    deltas: list[Delta] = []
    wire = dialect.encode_request(request, "m", EMBEDDED).request
    async with (
        open_session() as session,
        HttpBackend(session, target).stream(wire, 120.0) as response,
    ):
        assert response.status == 200, await response.read_error()
        while chunk := await response.read_chunk(120.0):
            deltas += decoder.feed(chunk)
    return deltas + decoder.finish()


@pytest.mark.parametrize("tools", [(), (READ,)], ids=["plain", "with tools"])
async def test_the_engine_continues_from_any_token_with_new_text_only(
    tools: tuple[Tool, ...], smollm2_engine: EmbeddedEngine
) -> None:
    """At temperature 0 the model repeats its reply.  Only a streamed reply omits the prefill."""
    request = replace(PLAIN, tools=tools)
    first = [delta for delta in await reply(smollm2_engine, request) if not isinstance(delta, UsageReported)]
    for count in (8, 15):
        continuation = continuation_of(request, first[:count], EMBEDDED)

        fresh = continuation.splice.feed(await reply(smollm2_engine, continuation.request))

        assert continuation.request != request
        assert text_of([*first[:count], *fresh]).startswith(text_of(first))
