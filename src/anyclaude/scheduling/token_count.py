"""The number of tokens in a prompt, from the engine's own tokenizer."""

from anyclaude.backends import Backend, query_or_none
from anyclaude.dialects import TokenizerApi, WireRequest

COUNT_SECONDS = 5.0
"""The time limit of a count.  An engine tokenizes 300 kB in well under a second; after that, the client estimates."""


async def count_prompt_tokens(encoded: WireRequest, backend: Backend, tokenizer: TokenizerApi) -> int | None:
    """Return the engine's token count, `None` if there is none in time: the caller can use an estimate instead."""
    question = tokenizer.encode_token_count(encoded)
    if question is None:
        return None
    answer = await query_or_none(backend, question, COUNT_SECONDS)
    return None if answer is None else tokenizer.decode_token_count(answer)
