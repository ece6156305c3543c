"""How many tokens a prompt has, by the engine's own tokenizer."""

from anyclaude.backends.http.client import Backend
from anyclaude.backends.query import answer_to
from anyclaude.dialects import Dialect
from anyclaude.protocol.messages_request import MessagesRequest

COUNT_SECONDS = 5.0
"""Tokenizing 300 kB takes an engine well under a second; the client estimates for itself when this is late."""


async def counted_tokens(request: MessagesRequest, model: str, backend: Backend, dialect: Dialect) -> int | None:
    """Return the engine's count, `None` if it cannot or will not say: an estimate serves better than a failure."""
    question = dialect.encode_token_count(request, model, backend.target.profile)
    if question is None:
        return None
    answer = await answer_to(question, backend, COUNT_SECONDS)
    return None if answer is None else dialect.decode_token_count(answer)
