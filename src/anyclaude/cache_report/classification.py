"""Judge what became of a prompt: from where it parts from an earlier one, and from what the engine counted."""

import re

from msgspec import Struct

from anyclaude.protocol.deltas import UsageReported
from anyclaude.protocol.prompt import Difference, Prompt

from .findings import Cause, DifferenceLocation, Excerpt, Hint

SLACK_TOKENS = 128
"""What may be missing without being worth a word: the last token is always evaluated, templates say the end of a
last turn otherwise than that of an earlier one, and vLLM counts in blocks of up to 128 tokens."""

CONTEXT_BEFORE = 60
CONTEXT_BEHIND = 140
"""Characters of an excerpt on either side of the difference."""

SURROUNDINGS = 1_500
"""How far in front of a difference the heading may stand that tells what it is about: gitStatus lists twenty files."""

_MOMENT = re.compile(
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
"""How Claude Code begins a conversation that it has compacted."""


class Earlier(Struct, frozen=True):
    """What is known of the prompt that another one is compared with."""

    prompt: Prompt
    route: str
    input_tokens: int | None
    is_same_conversation: bool


class Comparison(Struct, frozen=True):
    """
    Two prompts: an earlier one, and the one that was answered by `route`.

    `common_tokens` are those both begin with by the engine's own tokenizer, where it was asked.
    """

    earlier: Earlier
    now: Prompt
    route: str
    difference: Difference | None
    common_tokens: int | None = None


def cause_of(comparison: Comparison, reported: UsageReported) -> Cause:
    """Return why the engine found what it found."""
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
    """Return where a difference is, without its words."""
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
    around = slice(max(difference.offset - CONTEXT_BEFORE, 0), difference.offset + CONTEXT_BEHIND)
    return Excerpt(difference.was[around], difference.now[around])


def hints_of(difference: Difference) -> tuple[Hint, ...]:
    """Return what the text at a difference looks like."""
    found: list[Hint] = []
    if any(_is_in_a_moment(text, difference.offset) for text in (difference.was, difference.now)):
        found.append("date_or_time")
    around = difference.now[max(difference.offset - SURROUNDINGS, 0) : difference.offset + CONTEXT_BEHIND]
    found += [hint for hint, sign in _SIGNS if sign in around]
    if COMPACTED in difference.now:
        found.append("compaction")
    return tuple(found)


def _missing_tokens(comparison: Comparison, reported: UsageReported) -> int | None:
    """
    Return how many tokens more than the slack were not found that could have been; `None` if nobody knows.

    Within a conversation that is the whole of its last prompt, for nothing in it had to change.  Of another
    conversation's it is what both begin with.
    """
    earlier, now, read, found = comparison.earlier, comparison.now, reported.input_tokens, reported.cached_tokens
    if read is None or found is None:
        return None
    could_be_found = earlier.input_tokens
    if comparison.difference is not None and not earlier.is_same_conversation:
        if comparison.common_tokens is None:
            return None
        could_be_found = comparison.common_tokens
    elif could_be_found is None:  # its reply was broken off before the engine told
        could_be_found = read * earlier.prompt.characters // max(now.characters, 1)
    could_be_found = min(could_be_found, read)
    return could_be_found - found - min(SLACK_TOKENS, could_be_found // 2)


def _is_in_a_moment(text: str, offset: int) -> bool:
    start = max(offset - CONTEXT_BEFORE, 0)
    moments = _MOMENT.finditer(text, start, offset + CONTEXT_BEHIND)
    return any(moment.start() <= offset <= moment.end() for moment in moments)
