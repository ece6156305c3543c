"""
The wordings of servers' errors, as regular expressions.

Each is from the source or the documentation of the server named beside it.  A dialect decides where they apply.
"""

import re

PROMPT_TOO_LONG = re.compile(
    r"context_length_exceeded"  # OpenAI
    r"|exceed_context_size"  # llama.cpp
    r"|maximum context length"  # OpenAI, vLLM, OpenRouter, SGLang, Mistral
    r"|exceeds?\b.{0,60}\bcontext (?:length|size|window)"  # llama.cpp, llama-cpp-python, OpenAI, Ollama
    r"|longer than the (?:model's )?context length"  # SGLang
    r"|exceeds the maximum (?:allowed length|number of tokens allowed)"  # SGLang, Gemini
    r"|context the overflows|greater than the context length|n_keep\W{1,3}\d+\W+n_ctx"  # LM Studio
    r"|(?:prompt|input) (?:is )?too long"  # Ollama, oMLX, Bedrock
    r"|exceeded max context length"  # Ollama
    r"|`inputs` (?:tokens \+|must have less than)",  # text-generation-inference
    re.IGNORECASE,
)
"""The prompt has more tokens than the window, or leaves no room for a reply."""

CONTEXT_LIMIT = (
    re.compile(r"context (?:length|size|window)(?: is| of(?: only)?)? \(?(\d+)", re.IGNORECASE),
    re.compile(
        r"(?:n_ctx|allowed length|tokens allowed|maximum context|must be <=|less than)\W{1,3}(\d+)", re.IGNORECASE
    ),
    re.compile(r"(\d+) maximum context length", re.IGNORECASE),
)
"""The size of the window, in tokens; the first pattern that matches wins."""

PROMPT_TOKENS = (
    re.compile(r"(\d+) (?:input tokens|in the messages|tokens from the input|of text input|`inputs`)", re.IGNORECASE),
    re.compile(r"(?:n_keep|input length|input|request|token count|requested tokens)\W{1,3}(\d+)", re.IGNORECASE),
    re.compile(r"(?:keep the first|resulted in|prompt contains|too long:|given:) (\d+)", re.IGNORECASE),
    re.compile(r"requested (?:about )?(\d+) tokens", re.IGNORECASE),
)
"""The size of the prompt, in tokens; the first pattern that matches wins."""

REPLY_TOKENS = re.compile(
    r"(\d+) (?:in the completion|output tokens|tokens for the completion)|too large: (\d+)", re.IGNORECASE
)
"""The number of tokens asked for as a reply."""

STILL_STARTING = re.compile(r"loading|warming up|busy|queue|pending requests|overloaded|try again", re.IGNORECASE)
"""With status 503: the server cannot answer yet, and will."""

RATE_LIMITED = re.compile(
    r"\brate[ _-]?limit|too many requests|requests per (?:second|minute|day)|\b[RT]P[MD]\b", re.IGNORECASE
)
"""An error without a status that says "not so fast", which is over after a while; a spent quota is not."""

POSSIBLE_SECRET = re.compile(r"\b(?:sk-|Bearer\s+)\S+|[A-Za-z0-9_*-]{20,}")
"""A possible key in an error message, which LiteLLM and OpenAI echo; only applied where a key was refused."""
