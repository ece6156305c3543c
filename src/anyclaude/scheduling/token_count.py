"""How many tokens a prompt has, by the engine's own tokenizer."""

from anyclaude.backends import Backend, query_or_none
from anyclaude.dialects import TokenizerApi, WireRequest

COUNT_SECONDS = 5.0
"""Tokenizing 300 kB takes an engine well under a second; the client estimates for itself when this is late."""


async def counted_tokens(encoded: WireRequest, backend: Backend, tokenizer: TokenizerApi) -> int | None:
    """Return the engine's count, `None` if it cannot or will not say: an estimate serves better than a failure."""
    question = tokenizer.encode_token_count(encoded)
    if question is None:
        return None
    answer = await query_or_none(backend, question, COUNT_SECONDS)
    return None if answer is None else tokenizer.decode_token_count(answer)
