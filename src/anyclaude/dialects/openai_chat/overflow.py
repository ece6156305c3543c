"""
The sentence for a prompt over the window, with the figures that the server gives.

Claude Code compacts its conversation on `prompt is too long: A tokens > B maximum`, and asks for a shorter reply on
`input length and max_tokens exceed context limit`.  Figures are only given where A is more than B.
"""

import re

from msgspec import Struct

MIN_REPLY_TOKENS = 4_096
"""With less room for a reply the conversation must be compacted.  The client would ask again for the rest of the window
less 1,000 tokens (Claude Code 2.1.330), and fewer than 3,000 do not hold a file edit."""

MAX_TOKENS = 100_000_000
"""No window is as large; a longer number is an identifier or a time."""

_NUMBER = re.compile(r"(?<![\w.-])(\d{1,9})(?![\w%]|\.\d)")
_MODEL_NAME = re.compile(r"\b[A-Za-z][\w.]*(?:-[\w.]*\w)+")

_PROMPT_AND_REPLY = re.compile(r"(\d+) ?\+ ?(\d+)\b(?! ?[-*])")  # Anthropic, TabbyAPI
_COMPARED = re.compile(r"(\d+)(?: tokens)? ?>=? ?\(?(\d+)(?! ?[-+\d])")  # Anthropic, transformers

_LIMIT = (
    re.compile(r"n_ctx\W{1,4}(\d+)", re.IGNORECASE),
    re.compile(r"\[\s*\d+\s*,\s*(\d+)\s*\]"),  # a range (DashScope)
    re.compile(r"(\d+) (?:tokens? )?max(?:imum)?\b", re.IGNORECASE),
    re.compile(r"context (?:length|size|window)(?: \w+){0,3}?\W{1,3}(\d+)", re.IGNORECASE),
    re.compile(
        r"(?:limit|max(?:imum|_\w+)?|allowed|supports?|window|less than|<=|cannot exceed|at most|up to|only)"
        r"[^\d\n.;]{0,40}?(?<!\w)(\d+)",
        re.IGNORECASE,
    ),
)
"""The size of the window, in tokens; the first pattern that matches wins."""

_PROMPT = (
    re.compile(
        r"(\d+) (?:input tokens|in the messages|in your prompt|tokens from the input|of text input|`inputs`)",
        re.IGNORECASE,
    ),
    re.compile(r"(?:n_keep|input length|prompt length|input|token count|requested tokens)\W{1,3}(\d+)", re.IGNORECASE),
    re.compile(r"(?:keep the first|resulted in|prompt contains|received|given:?) (\d+)", re.IGNORECASE),
    re.compile(r"(?:request|prompt) \((\d+) tokens\)", re.IGNORECASE),
    re.compile(r"requested (?:a total of |about )?(\d+) tokens", re.IGNORECASE),
)
"""The size of the prompt, in tokens; the first pattern that matches wins, else the first number over the limit."""

_REPLY = re.compile(
    r"(\d+) (?:in the completion|for +the completion|in the output|output tokens|tokens for the completion"
    r"|`max_new_tokens`)|too large: (\d+)",
    re.IGNORECASE,
)
"""The number of tokens asked for as a reply."""


class Figures(Struct, frozen=True):
    """What an error says about sizes, in tokens; `None` where it says nothing."""

    prompt: int | None = None
    limit: int | None = None
    reply: int | None = None


def figures_in(message: str, known: Figures) -> Figures:
    """Return the figures in a message; those that are `known` from fields of the error go before."""
    text = _with_plain_numbers(message)
    both, compared = _PROMPT_AND_REPLY.search(text), _COMPARED.search(text)
    limit = known.limit or (_figure(compared[2]) if compared else _first(_LIMIT, text))
    reply = _figure(both[2]) if both else _first((_REPLY,), text)
    prompt = known.prompt or (_figure(both[1]) if both else _first(_PROMPT, text))
    if prompt is None and compared:
        prompt = _figure(compared[1])
    if limit is not None and (prompt or 0) + (reply or 0) <= limit:
        numbers = map(int, _NUMBER.findall(text))
        prompt = next((number for number in numbers if limit < number < MAX_TOKENS), prompt)
    return Figures(prompt, limit, reply)


def too_long(message: str, known: Figures) -> str:
    """Return the sentence on which the client compacts the conversation, or asks for a shorter reply."""
    figures = figures_in(message, known)
    prompt, limit, reply = figures.prompt, figures.limit, figures.reply or 0
    if limit is None or prompt is None:
        return f"prompt is too long (the server says: {message})"
    if prompt + MIN_REPLY_TOKENS <= limit < prompt + reply and "at least" not in message:
        return f"input length and `max_tokens` exceed context limit: {prompt} + {reply} > {limit}"
    requested = prompt if prompt > limit else prompt + reply
    if requested <= limit:
        return f"prompt is too long (the server says: {message})"
    return f"prompt is too long: {requested} tokens > {limit} maximum (the server says: {message})"


def _first(patterns: tuple[re.Pattern[str], ...], text: str) -> int | None:
    for pattern in patterns:
        if found := pattern.search(text):
            return _figure(next(group for group in found.groups() if group))
    return None


def _figure(digits: str) -> int | None:
    return int(digits) if len(digits) < len(str(MAX_TOKENS)) else None


def _with_plain_numbers(message: str) -> str:
    """Return the message with numbers as digits (`200,049`, `128k`), and without the numbers of models' names."""
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", _MODEL_NAME.sub("model", message))
    return re.sub(r"(?<![\w.-])(\d{1,4})(?:\.(\d))?[kK]\b", lambda m: str(int(f"{m[1]}{m[2] or 0}") * 100), text)
