"""
Read from a refusal how the server wants the request.

Servers refuse a field, a value, a role, a name, and say which; the wordings are as many as the servers, so each rule
looks for the subject and the complaint, and for the same subject in the request that was refused.  A rule yields
amendments from the smallest change to the largest; the first that changes the profile is tried, and the next refusal
decides whether that was enough.  A subject that the refusal does not name, and that nothing in it implies, is never
changed.
"""

import re
from collections.abc import Iterator
from functools import cached_property
from typing import TypeAlias, get_args

from anyclaude.dialects.base import WireRequest
from anyclaude.errors import BackendRejected
from anyclaude.profiles import Amendment, BackendProfile, FieldRange, amended
from anyclaude.profiles.amendments import MAX_REASON_CHARACTERS
from anyclaude.profiles.base import EmptyContent, ReplyFormat, TextAfterResults
from anyclaude.protocol.json_values import JsonObject, JsonValue, decode_json

from .field_ranges import range_in
from .image_refusals import refuses_images

OTHER_REASONS = frozenset({401, 402, 403, 408, 413, 429, 503, 504, 529})
"""Statuses that are not about what the request says: keys, money, size, load."""

COMPLAINT = re.compile(
    r"unsupported|(?:not|n't) (?:be )?(?:support|permit|allow|accept|recogni|implement|enabled|available|valid)"
    r"|not compatible|incompatible|unknown|unrecogni|unexpected|extra (?:input|field)|forbidden|invalid|deprecated"
    r"|disabled|removed|cannot|can't|must not|may not|no such|additional propert|does not exist|mutually exclusive"
    r"|only .{0,60}(?:allowed|supported|accepted|permitted|valid)|should be|must be|expected|not (?:a )?legal|remove ",
    re.IGNORECASE,
)
"""The ways of saying that something is not taken."""

EXPECTATIONS = re.compile(
    r"(?:,? ?expected one of|\b(?:allowed|supported|valid|accepted|permitted|known) (?:fields|param\w*|keys|arguments)"
    r"(?: are)?:?).*",
    re.IGNORECASE | re.DOTALL,
)
"""A list of what the server does take, as serde appends to what it does not: nothing in it is refused."""

KEPT_FIELDS = frozenset({"model", "messages", "tools", "stream", "tool_choice", "response_format"})
"""Fields that are not simply left out: the first two are the request, the others have rules of their own."""

COMMON_WORDS = frozenset({"stop", "stream", "seed", "n", "user", "thinking", "reasoning"})
"""Names of fields that are words as well: only quoted, or as the name of a parameter, they mean the field."""

MAX_TOKENS_NAMES = r"max_?(?:completion_?|new_?|output_?)?tokens|maxoutputtokens|(?:completion|output) tokens"

Change: TypeAlias = tuple[str, bool | int | str | FieldRange]
"""A quirk and its new value."""


class Refusal:
    """A refusal with the request that it answers."""

    def __init__(self, words: str, body: JsonObject, profile: BackendProfile) -> None:
        self.words = words
        self.body = body
        self.profile = profile

    def says(self, pattern: str) -> bool:
        """Return whether the words match a pattern, in any case; what the server lists as accepted is not searched."""
        return re.search(pattern, self._refused_part, re.IGNORECASE | re.DOTALL) is not None

    def names(self, field: str) -> bool:
        """Return whether the words name a field of the body as something that is not taken."""
        name = MAX_TOKENS_NAMES if field == self.profile.max_tokens_field else re.sub("[_-]", "[_ -]?", field)
        if field in COMMON_WORDS:
            pattern = rf"[`'\"\[.]{name}[`'\"\]]|\b(?:body|param\w*|field|argument|option|property|key)\W+{name}\b"
            pattern += rf"|\b{name}\W+(?:param|field|argument|option|sequences)|^{name}\b:?|: {name}$"
        else:
            pattern = rf"(?<![\w-])(?:{name})(?!\w)"
        return re.search(pattern, self._refused_part, re.IGNORECASE) is not None

    @cached_property
    def is_complaint(self) -> bool:
        """Whether the words say that something is not taken."""
        return COMPLAINT.search(self.words) is not None

    @cached_property
    def _refused_part(self) -> str:
        return EXPECTATIONS.sub("", self.words)

    @cached_property
    def messages(self) -> list[JsonObject]:
        """The messages that were refused."""
        messages = self.body.get("messages")
        return [message for message in messages if isinstance(message, dict)] if isinstance(messages, list) else []

    @cached_property
    def roles(self) -> list[JsonValue]:
        """Their roles."""
        return [message.get("role") for message in self.messages]

    @cached_property
    def has_images(self) -> bool:
        """Whether a message has an image."""
        contents = [message.get("content") for message in self.messages]
        parts = [part for content in contents if isinstance(content, list) for part in content]
        return any(isinstance(part, dict) and part.get("type") == "image_url" for part in parts)

    def follows(self, role: str, other: str) -> bool:
        """Return whether a message of `other` follows one of `role`."""
        return (role, other) in zip(self.roles, self.roles[1:], strict=False)


def amendment_for(refusal: BackendRejected, request: WireRequest, profile: BackendProfile) -> Amendment | None:
    """Return the smallest change to `profile` that the refusal asks for, `None` if it asks for none that is known."""
    words = str(refusal)
    if refusal.status in OTHER_REASONS or refusal.is_too_long:
        return None
    body = decode_json(request.body)
    assert isinstance(body, dict)
    because = words[:MAX_REASON_CHARACTERS]
    for quirk, value in _changes(Refusal(words, body, profile)):
        amendment = Amendment(quirk, value, because)
        if amended(profile, [amendment]) != profile:
            return amendment
    return None


def _changes(refusal: Refusal) -> Iterator[Change]:
    """Yield the changes that the refusal may ask for, the surest first: a quirk and its value."""
    if refusal.has_images and refuses_images(refusal.words):
        yield "accepts_images", False
    yield from _reasoning(refusal)
    yield from _last_turn(refusal)
    yield from _order_of_roles(refusal)
    yield from _system_role(refusal)
    yield from _tools(refusal)
    yield from _content(refusal)
    if refusal.is_complaint or refusal.says(r"exceed|too (?:long|large|small|many|high|low)|at (?:most|least)|maximum"):
        yield from _names_and_descriptions(refusal)
        yield from _ranges(refusal)
    if refusal.is_complaint:
        yield from _forced_calls(refusal)
        yield from _reply_format(refusal)
        yield from _fields(refusal)
        yield from _schemas(refusal)


def _reasoning(refusal: Refusal) -> Iterator[Change]:
    """Yield what becomes of the reasoning of earlier turns, which a server demands or does not know."""
    has_calls = any("tool_calls" in message for message in refusal.messages)
    if has_calls and refusal.says(r"thought[_ ]?signature") and refusal.says(r"missing|required|must|not set|empty"):
        yield "requires_signatures", True
    if not refusal.says(r"reasoning[_ ]?(?:content|details)|thinking (?:block|content)|\breasoning\b.{0,40}\bmessage"):
        return
    if refusal.says(
        r"missing|must be (?:passed|sent|provided|included|present)|required|passed back|is not set|expected"
    ):
        if refusal.profile.earlier_reasoning == "drop":
            yield "earlier_reasoning", "reasoning_content"
        yield "earlier_reasoning", "always_reasoning_content"
    elif refusal.is_complaint and any("reasoning_content" in message for message in refusal.messages):
        yield "earlier_reasoning", "drop"


def _last_turn(refusal: Refusal) -> Iterator[Change]:
    """Yield another form for a conversation that ends in the assistant's words."""
    is_prefill = refusal.roles[-1:] == ["assistant"] and "tool_calls" not in refusal.messages[-1]
    if is_prefill and refusal.says(
        r"prefill|pre-fill|(?:last|final|end)\b.{0,60}\b(?:role|message|turn|user|assistant)|(?:must|should) end with"
        r"|continue_final_message|add_generation_prompt|assistant messages? at the end|partial"
    ):
        yield "prefill", "in_question"


def _order_of_roles(refusal: Refusal) -> Iterator[Change]:
    """Yield another order of messages, for servers and templates that keep to one."""
    if not refusal.says(
        r"alternat|unexpected role|(?:role|message)s?\W.{0,80}\b(?:after|follow|precede|before|order|must be)"
        r"|(?:after|following|before) .{0,40}\brole|expected .{0,30}\brole|same number of (?:function )?calls"
    ):
        return
    if "system" in refusal.roles[1:]:
        yield "mid_conversation_system", "user_reminder"
    if refusal.follows("tool", "user"):
        yield from _steps("text_after_results", refusal.profile.text_after_results, get_args(TextAfterResults))
    if "tool" in refusal.roles:
        yield "tools_sent_as", "words"


def _system_role(refusal: Refusal) -> Iterator[Change]:
    """Yield another place for instructions whose role is refused."""
    if not refusal.says(
        r"(?:system|developer) (?:role|message|prompt|instruction)s?\b|role\W{1,4}(?:system|developer)\b"
        r"|(?:system|developer)\W{1,3}(?:is|role)|variant\W+(?:system|developer)\b|only .{0,60}\broles? (?:are|is)"
        r"|(?:role|message).{0,60}\b(?:system|developer)\b"
    ):
        return
    if not refusal.is_complaint and not refusal.says(r"beginning|first|raise"):
        return
    if "system" in refusal.roles[1:]:
        yield "mid_conversation_system", "user_reminder"
    elif refusal.roles[:1] == ["system"]:
        yield "system_prompt", "first_user_message"


def _tools(refusal: Refusal) -> Iterator[Change]:
    """Yield how tools are offered where the server has no field, no role or no parser for them."""
    if "tools" in refusal.body and refusal.says(r"enable-auto-tool-choice|tool-call-parser|tool[_ ]call[_ ]parser"):
        yield "auto_tool_choice", "none"
    has_tools = "tools" in refusal.body or "tool" in refusal.roles
    tools = r"(?:tools?|tool[_ ](?:use|usage|calls?|calling)|functions?(?:[_ ]call(?:s|ing)?)?)"
    if has_tools and refusal.says(
        r"(?:support|allow|enable|accept|implement|handle)\w*\s+(?:\w+ ){0,2}"
        rf"[`'\"]?{tools}[`'\"]?(?![\w\[.-]|[_ ]choice)"
        rf"|[`'\"]?\b{tools}[`'\"]? (?:is|are|was|were)?\s?(?:not|un)\W?(?:currently |yet )?"
        r"(?:supported|allowed|available|enabled|permitted|implemented)"
        r"|(?:unknown|unsupported|unrecogni[sz]ed|unexpected|extra)\b.{0,40}[`'\"]tools[`'\"]"
        r"|(?:body|extra)\W+tools\W+(?:extra|unexpected|not)|tools: extra"
        r"|role\W{1,4}tool\b.{0,30}(?:not|un)|(?:invalid|unknown|unsupported)\b.{0,30}\brole\W{1,4}tool\b"
        r"|variant\W+tool\b"
    ):
        yield "tools_sent_as", "words"


def _content(refusal: Refusal) -> Iterator[Change]:
    """Yield another content of messages that have only calls, and the name of a result."""
    has_calls = any("tool_calls" in message and not message.get("content") for message in refusal.messages)
    if has_calls and refusal.says(
        r"(?<!\w)content\b.{0,80}(?:null|none\b|missing|required|string|empty|blank)"
        r"|(?:null|none|missing|required|empty|blank)\b.{0,60}(?<!\w)content\b"
    ):
        yield from _steps("empty_content", refusal.profile.empty_content, get_args(EmptyContent))
    if "tool" in refusal.roles and refusal.says(
        r"function_response\.name|(?:tool|function)\b.{0,60}(?:missing|require\w*|must have|needs|empty)\b.{0,20}\bname"
        r"|\bname\b.{0,30}(?:required|missing|empty).{0,40}\b(?:tool|function)"
    ):
        yield "names_results", True


def _names_and_descriptions(refusal: Refusal) -> Iterator[Change]:
    """Yield a plainer form of the tools' names and descriptions."""
    if "tools" not in refusal.body:
        return
    if refusal.says(r"description") and refusal.says(r"too long|length|characters|exceed|at most|maximum"):
        limit = range_in(refusal.words)
        yield "max_description_characters", int(limit[1]) if limit and limit[1] and limit[1] >= 1 else 1024
    if refusal.says(
        r"(?:tool|function)s?(?:\[\d+\]|\.\d+)?(?:\.|\b[_ '`\"]*)(?:function\.)?[_ '`\"]*names?\b"
        r"|names? of (?:the )?(?:tool|func)"
    ) and refusal.says(r"pattern|character|too long|length|invalid|match|must (?:start|begin|be|only|contain)|at most"):
        yield "tool_names", "plain"


def _ranges(refusal: Refusal) -> Iterator[Change]:
    """Yield the range of a number, or of a list's length, that the refusal states and the request has left."""
    found = range_in(refusal.words)
    if found is None:
        return
    lowest, highest = found
    for field, value in refusal.body.items():
        size = len(value) if isinstance(value, list) and field == "stop" else value
        if isinstance(size, bool) or not isinstance(size, int | float) or not refusal.names(field):
            continue
        if (highest is not None and size > highest) or (lowest is not None and size < lowest):
            name = "max_tokens" if field == refusal.profile.max_tokens_field else field
            yield "field_ranges", FieldRange(name, lowest, highest)


def _forced_calls(refusal: Refusal) -> Iterator[Change]:
    """Yield a weaker way to have a tool called."""
    choice = refusal.body.get("tool_choice")
    if choice is None or not (refusal.says(r"tool[_ ]?choice") or (choice == "required" and refusal.names("required"))):
        return
    is_named_refused = isinstance(choice, dict) and refusal.says(r"string|object|dict|map|named|function|type|enum")
    if is_named_refused and not refusal.says(r"required (?:or|and)|or required"):
        yield "accepts_named_tool_choice", False
    if isinstance(choice, dict) or choice == "required":
        yield "forces_calls_by", "words"
    yield "omitted_fields", "tool_choice"


def _reply_format(refusal: Refusal) -> Iterator[Change]:
    """Yield a weaker way to ask for JSON."""
    wanted = refusal.body.get("response_format")
    if wanted is None or not refusal.says(
        r"response[_ ]?format|json[_ ]?(?:schema|object|mode)|structured[_ ]?outputs?|guided|grammar"
    ):
        return
    if refusal.profile.forces_calls_by == "json_schema":
        yield "forces_calls_by", "tool_choice"
    yield from _steps("reply_format", refusal.profile.reply_format, get_args(ReplyFormat))


def _fields(refusal: Refusal) -> Iterator[Change]:
    """Yield another name for a field, or leave it out."""
    if refusal.body.get("stream") is True and (
        refusal.names("stream")
        or refusal.says(r"(?:support|allow|enable)\w* streaming|streaming (?:is|are|mode is) (?:not|un)")
    ):
        yield "streams", False
    for field, value in refusal.body.items():
        if field in KEPT_FIELDS or not any(refusal.names(name) for name in (field, *_names_within(value))):
            continue
        if field == refusal.profile.max_tokens_field:
            other = "max_completion_tokens" if field == "max_tokens" else "max_tokens"
            if refusal.says(rf"\b{other}\b"):
                yield "max_tokens_field", other
            if not refusal.says(rf"\b{field}\b"):
                continue
        yield "omitted_fields", field


def _schemas(refusal: Refusal) -> Iterator[Change]:
    """Yield plainer schemas of the tools."""
    if "tools" not in refusal.body:
        return
    is_about_schemas = refusal.says(
        r"schema|\bparameters\b|propert(?:y|ies)\b|\$ref|anyof|oneof|allof|grammar|function_declarations"
        r"|cannot find field"
    )
    if is_about_schemas and (
        refusal.says(r"tool|function|grammar|parameters") or "response_format" not in refusal.body
    ):
        yield "plain_tool_schemas", True


def _names_within(value: JsonValue) -> list[str]:
    """Return the names of the fields in an object of the body, which a refusal may name instead of the object."""
    return [name for name in value if name != "type"] if isinstance(value, dict) else []


def _steps(quirk: str, now: str, steps: tuple[str, ...]) -> Iterator[Change]:
    """Yield the values after the present one."""
    yield from ((quirk, step) for step in steps[steps.index(now) + 1 :])
