"""Classify why the engine found what it found: from the first difference of two prompts, and the engine's counts."""

import re

from msgspec import Struct

from anyclaude.protocol.deltas import UsageReported
from anyclaude.protocol.prompt import Difference, Prompt

from .findings import Cause, DifferenceLocation, Excerpt, Hint

SLACK_TOKENS = 128
"""Missing tokens that are not reported: the last token is always evaluated, templates render the end of the last turn
differently from that of an earlier one, and vLLM counts in blocks of up to 128 tokens."""

CONTEXT_BEFORE = 60
CONTEXT_AFTER = 140
"""Characters of an excerpt on either side of the difference."""

SURROUNDINGS = 1_500
"""Characters before a difference in which a heading may identify it: gitStatus lists twenty files."""

_DATE_OR_TIME = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?|\d?\d:\d\d(?::\d\d)?|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}"
    r"|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day\b"
    r"|(?:January|February|March|April|May|June|July|August|September|October|November|December)\s+\d+(?:,\s*\d{4})?"
)

_SIGNS: tuple[tuple[Hint, str], ...] = (
    ("attribution", "x-anthropic-billing-header"),
    ("token_countdown", "<total_tokens>"),
    ("git_status", "gitStatus"),
)

COMPACTED = "This session is being continued from a previous conversation"
"""The beginning of a conversation that Claude Code has compacted."""


class Earlier(Struct, frozen=True):
    """The earlier prompt of a comparison."""

    prompt: Prompt
    route: str
    input_tokens: int | None
    is_same_conversation: bool


class Comparison(Struct, frozen=True):
    """
    An earlier prompt, and the one that `route` answered.

    `common_tokens` is the length of their common prefix by the engine's own tokenizer, where it was requested.
    """

    earlier: Earlier
    now: Prompt
    route: str
    difference: Difference | None
    common_tokens: int | None = None


def cause_of(comparison: Comparison, reported: UsageReported) -> Cause:
    """Return why the engine found as much of the prompt in its cache as it reported."""
    earlier, difference = comparison.earlier, comparison.difference
    if earlier.route != comparison.route:
        return "model_changed"
    missing = _missing_tokens(comparison, reported)
    if missing is not None and missing <= 0:
        return "nothing_lost" if earlier.is_same_conversation else "first_turn"
    if difference is None:
        return "not_reported" if missing is None else "engine_lost_it"
    if not earlier.is_same_conversation:
        return "first_turn" if missing is None else "engine_lost_it"
    match difference.section:
        case "system":
            return "system_changed"
        case "tools":
            return "tools_changed"
        case "messages":
            return "messages_changed"


def location_of(difference: Difference, now: Prompt) -> DifferenceLocation:
    """Return the location of a difference, without its text."""
    return DifferenceLocation(
        difference.section,
        difference.number,
        difference.name,
        difference.change,
        difference.characters,
        now.characters,
    )


def excerpt_of(difference: Difference) -> Excerpt:
    """Return the texts around a difference."""
    around = slice(max(difference.offset - CONTEXT_BEFORE, 0), difference.offset + CONTEXT_AFTER)
    return Excerpt(difference.was[around], difference.now[around])


def hints_of(difference: Difference) -> tuple[Hint, ...]:
    """Return what the text at a difference resembles."""
    found: list[Hint] = []
    if any(_is_in_date_or_time(text, difference.offset) for text in (difference.was, difference.now)):
        found.append("date_or_time")
    around = difference.now[max(difference.offset - SURROUNDINGS, 0) : difference.offset + CONTEXT_AFTER]
    found += [hint for hint, sign in _SIGNS if sign in around]
    if COMPACTED in difference.now:
        found.append("compaction")
    return tuple(found)


def _missing_tokens(comparison: Comparison, reported: UsageReported) -> int | None:
    """
    Return the number of tokens, beyond the slack, that could have been found and were not; `None` if unknown.

    Within a conversation, the whole last prompt could have been found, because nothing in it had to change; in another
    conversation's prompt, the common prefix.
    """
    earlier, now, read, found = comparison.earlier, comparison.now, reported.input_tokens, reported.cached_tokens
    if read is None or found is None:
        return None
    could_be_found = earlier.input_tokens
    if comparison.difference is not None and not earlier.is_same_conversation:
        if comparison.common_tokens is None:
            return None
        could_be_found = comparison.common_tokens
    elif could_be_found is None:  # its reply broke off before the engine reported it
        could_be_found = read * earlier.prompt.characters // max(now.characters, 1)
    could_be_found = min(could_be_found, read)
    return could_be_found - found - min(SLACK_TOKENS, could_be_found // 2)


def _is_in_date_or_time(text: str, offset: int) -> bool:
    start = max(offset - CONTEXT_BEFORE, 0)
    dates = _DATE_OR_TIME.finditer(text, start, offset + CONTEXT_AFTER)
    return any(date.start() <= offset <= date.end() for date in dates)
