"""
Read from a refusal how the server wants the request.

Servers refuse a field, a value, a role, a name, and say which; the wordings are as many as the servers, so each rule
looks for the subject and the complaint, and for the same subject in the request that was refused.  A rule yields
amendments from the smallest change to the largest; the first that changes the profile is tried, and the next refusal
decides whether that was enough.  A subject that the refusal does not name, and that nothing in it implies, is never
changed.
"""

import re
from collections.abc import Callable, Iterator
from typing import TypeAlias

from anyclaude.dialects.base import WireRequest
from anyclaude.errors import BackendRejected
from anyclaude.profiles import Amendment, BackendProfile, Change, amended, error_wordings
from anyclaude.profiles.amendments import MAX_REASON_CHARACTERS
from anyclaude.protocol.json_values import decode_json

from . import field_refusals, message_refusals, tool_refusals
from .image_refusals import refuses_images
from .refusal import Refusal

OTHER_REASONS = frozenset({401, 402, 403, 408, 413, 429, 503, 504, 529})
"""Statuses that are not about what the request says: keys, money, size, load."""

CONTENT_REFUSED = re.compile(
    r"safety|\bpolic(?:y|ies)|guardrail|moderation|content (?:filter|violat|blocked)|inappropriate|prompt injection"
    r"|敏感|违规",
    re.IGNORECASE,
)
"""The request is refused for what the user or a tool wrote, in whatever form it is sent."""

Rule: TypeAlias = Callable[[Refusal], Iterator[Change]]


def amendment_for(refusal: BackendRejected, request: WireRequest, profile: BackendProfile) -> Amendment | None:
    """Return the smallest change to `profile` that the refusal asks for, `None` if it asks for none that is known."""
    words = str(refusal)
    is_about_something_else = CONTENT_REFUSED.search(words) or error_wordings.RATE_LIMITED.search(words)
    if refusal.status in OTHER_REASONS or refusal.is_too_long or is_about_something_else:
        return None
    body = decode_json(request.body)
    assert isinstance(body, dict)
    because = words[:MAX_REASON_CHARACTERS]
    for quirk, value in _changes(Refusal(refusal, body, profile)):
        amendment = Amendment(quirk, value, because)
        if amended(profile, [amendment]) != profile:
            return amendment
    return None


def _images(refusal: Refusal) -> Iterator[Change]:
    """Yield a sentence in place of each image."""
    if refusal.has_images and (refuses_images(refusal.message) or refuses_images(refusal.words)):
        yield "accepts_images", False


RULES: tuple[Rule, ...] = (
    _images,
    message_refusals.reasoning,
    message_refusals.last_turn,
    message_refusals.parallel_calls,
    message_refusals.names_of_results,
    message_refusals.content,
    message_refusals.system_role,
    message_refusals.tool_role,
    message_refusals.order_of_roles,
    tool_refusals.parser,
)
"""What is about the messages has its own ways to complain; the surest first."""

RULES_FOR_LIMITS: tuple[Rule, ...] = (
    tool_refusals.names_and_descriptions,
    field_refusals.ranges,
)
RULES_FOR_COMPLAINTS: tuple[Rule, ...] = (
    field_refusals.efforts,
    tool_refusals.forced_calls,
    field_refusals.reply_format,
    field_refusals.streaming,
    tool_refusals.support,
    field_refusals.fields,
    tool_refusals.schemas,
)


def _changes(refusal: Refusal) -> Iterator[Change]:
    """Yield the changes that the refusal may ask for, the surest first: a quirk and its value."""
    for rule in RULES:
        yield from rule(refusal)
    if refusal.is_complaint or refusal.says(
        r"exceed|too (?:long|large|small|many|high|low)|at (?:most|least)|maximum|minimum|range|above|limit\b|between"
    ):
        for rule in RULES_FOR_LIMITS:
            yield from rule(refusal)
    if refusal.is_complaint:
        for rule in RULES_FOR_COMPLAINTS:
            yield from rule(refusal)
