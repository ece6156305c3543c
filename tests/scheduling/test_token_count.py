"""The engine's own token count if it is available, never an error."""

import pytest
from tests.parts.fake_backend import FakeBackend, FakeReply
from tests.parts.gateway import target_at

from anyclaude.dialects import dialect_named, tokenizer_for
from anyclaude.errors import BackendError, BackendTimeout, BackendTruncated, BackendUnreachable
from anyclaude.profiles import BackendName
from anyclaude.protocol.messages_request import MessagesRequest, Turn
from anyclaude.scheduling.token_count import count_prompt_tokens

HELLO = MessagesRequest(model="x", max_tokens=1, messages=(Turn("user", "Hello"),))


async def counted(reply: FakeReply | BackendError, kind: BackendName = "llamacpp") -> tuple[int | None, int]:
    """Return the count, and the number of requests to the server."""
    backend = FakeBackend(target_at("http://fake/v1", kind), reply)
    profile = backend.target.profile
    encoded = dialect_named(profile.dialect).encode_request(HELLO, "model", profile).request
    tokens = await count_prompt_tokens(encoded, backend, tokenizer_for(profile))
    return tokens, len(backend.requests)


async def test_the_engine_counts_the_tokens() -> None:
    assert await counted(FakeReply(chunks=(b'{"input_', b'tokens": 47}'))) == (47, 1)


async def test_a_server_that_cannot_count_is_not_asked() -> None:
    assert await counted(FakeReply(chunks=(b'{"input_tokens": 47}',)), "ollama") == (None, 0)


@pytest.mark.parametrize(
    "reply",
    [
        FakeReply(status=404),
        FakeReply(chunks=(b"nonsense",)),
        FakeReply(chunks=(b'{"input_tokens": ', BackendTruncated("broken"))),
        FakeReply(chunks=(BackendTimeout("silent"),)),
        BackendUnreachable("refused"),
    ],
)
async def test_a_failed_count_is_none(reply: FakeReply | BackendError) -> None:
    assert await counted(reply) == (None, 1)
