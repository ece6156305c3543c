"""What refusals ask for that are about one field of the body: another name or value, or to leave it out."""

from collections.abc import Iterator

from anyclaude.profiles import Change, FieldRange
from anyclaude.profiles.base import ReplyFormat

from .field_ranges import range_in, values_in
from .refusal import Refusal
from .refused_fields import EFFORTS


def ranges(refusal: Refusal) -> Iterator[Change]:
    """Yield the range of a number, or of a list's length, that the refusal states and the request has left."""
    found = range_in(refusal.words)
    if found is None:
        return
    lowest, highest = found
    for field, value in refusal.body.items():
        size = len(value) if isinstance(value, list) and field == "stop" else value
        if isinstance(size, bool) or not isinstance(size, int | float) or not refusal.names(field):
            continue
        is_limit = field == refusal.profile.max_tokens_field
        if is_limit and highest is not None and highest < 1:
            continue  # what is left of the window for the reply, and no limit of the field
        if (highest is not None and size > highest) or (lowest is not None and size < lowest):
            yield "field_ranges", FieldRange("max_tokens" if is_limit else field, lowest, highest)


def efforts(refusal: Refusal) -> Iterator[Change]:
    """Yield the efforts that the refusal lists, if the request has another."""
    effort = refusal.body.get("reasoning_effort")
    accepted = tuple(value for value in values_in(refusal.words) if value in (*EFFORTS, "default"))
    is_meant = refusal.names("reasoning_effort") or refusal.says(rf"[`'\"]{effort}[`'\"]")
    if isinstance(effort, str) and accepted and effort not in accepted and is_meant:
        yield "field_ranges", FieldRange("reasoning_effort", values=accepted)


def reply_format(refusal: Refusal) -> Iterator[Change]:
    """Yield a weaker way to ask for JSON."""
    wanted = refusal.body.get("response_format")
    if wanted is None or not refusal.says(
        r"response[_ ]?(?:format|mime)|json[_ ]?(?:schema|object|mode)|structured[_ ]?outputs?|guided|grammar"
    ):
        return
    if refusal.profile.forces_calls_by == "json_schema":
        yield "forces_calls_by", "tool_choice"
    yield from refusal.later_values("reply_format", ReplyFormat)


def streaming(refusal: Refusal) -> Iterator[Change]:
    """Yield a request for the whole reply, unless another field is named before the stream."""
    if refusal.body.get("stream") is not True:
        return
    place = refusal.place_of("stream")
    if refusal.says(
        r"(?<!only )\b(?:support|allow|enable)\w* (?:\w+ ){0,3}stream(?:ing|ed)\b|verified to stream"
        r"|stream(?:ing)?(?: mode| output| responses?)? (?:is |are )?(?:currently )?(?:not|un)\W?(?:\w+ )?"
        r"(?:support|allow|enabl|implement|avail)"
    ) or (place is not None and place <= refusal.first_place):
        yield "streams", False


def fields(refusal: Refusal) -> Iterator[Change]:
    """Yield another name for a field, or leave it out: first what the words name first."""
    for _, field in sorted(refusal.named_fields):
        if field == refusal.profile.max_tokens_field:
            other = "max_completion_tokens" if field == "max_tokens" else "max_tokens"
            if refusal.says(rf"\b{other}\b"):
                yield "max_tokens_field", other
            if not refusal.says(rf"\b{field}\b"):
                continue
        yield "omitted_fields", field
