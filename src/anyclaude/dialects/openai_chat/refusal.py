"""A refusal with the request that it answers: what the words say, and what the request has of it."""

import math
import re
from collections.abc import Iterator
from functools import cached_property
from typing import get_args

from anyclaude.errors import BackendRejected
from anyclaude.profiles import BackendProfile, Change
from anyclaude.protocol.json_values import JsonObject, JsonValue

from .refusal_words import COMPLAINT, EXPECTATIONS, plain_words

COMMON_WORDS = frozenset({"stop", "stream", "seed", "n", "user", "thinking", "reasoning"})
"""Names of fields that are words as well: only quoted, or as the name of a parameter, they mean the field."""

KEPT_FIELDS = frozenset({"model", "messages", "tools", "stream", "tool_choice", "response_format"})
"""Fields that are not simply left out: the first two are the request, the others have rules of their own."""

OTHER_NAMES = {
    "max_tokens": r"max(?:imum)?[_ ]?(?:completion[_ ]?|new[_ ]?|output[_ ]?)?tokens|(?:completion|output) tokens"
    r"|max(?:imum)? output",
    "parallel_tool_calls": r"parallel[_ ](?:tool|function)[_ ]call(?:s|ing)",
    "stop": r"stop[_ ]?sequences?",
    "reasoning_effort": r"reasoning[_. ]?effort|reasoning[_ ](?:value|level|mode)s?|thinking[_ ](?:level|effort)s?"
    r"|(?:support|enable|allow)\w* (?:thinking|reasoning)\b|(?:thinking|reasoning) (?:is|are|mode is) not",
}
"""What servers call a field, or what it is for."""

_ABOUT_ITSELF = frozenset({"", "messages", "model", "body", "input", "prompt", "validation_error"})
"""The names in `param` that say nothing about what is refused."""

_TELLING_CODE = re.compile(
    r"\S*(?:unsupported|not_supported|unknown|unrecognized|above_max|below_min|invalid_value)\S*"
)
"""A kind of fault that complains where the words do not: `unsupported_parameter`, `integer_above_max_value`."""

_ROLES = r"system|developer|user|assistant|tool|model"
_ACCEPTED_ROLES = re.compile(
    r"\b(?:one of|only|(?:should|must) be(?: in| either)?|expected|permitted|valid roles?|allowed|values are)"
    rf"((?:\W+(?:{_ROLES}|and|or|roles?)\b)+)",
    re.IGNORECASE,
)
_MESSAGE_INDEX = re.compile(r"\bmessages?\W{1,6}(\d+)\b|\bmessage (?:at )?(?:index|position) (\d+)", re.IGNORECASE)


class Refusal:
    """A refusal with the request that it answers."""

    def __init__(self, refusal: BackendRejected, body: JsonObject, profile: BackendProfile) -> None:
        self.message = str(refusal)
        words = plain_words(self.message)
        param = refusal.param.strip()
        if param.lower() not in _ABOUT_ITSELF and param not in self.message:
            words = f"'{plain_words(param)}': {words}"
        if not COMPLAINT.search(words):
            words = " ".join([words, *_TELLING_CODE.findall(refusal.code)])
        self.words = words
        self.body = body
        self.profile = profile

    def says(self, pattern: str) -> bool:
        """Return whether the words match a pattern, in any case; what the server lists as accepted is not searched."""
        return self.place_of_words(pattern) is not None

    def place_of_words(self, pattern: str) -> int | None:
        """Return where the words match a pattern, `None` if they do not."""
        found = re.search(pattern, self._refused_part, re.IGNORECASE | re.DOTALL)
        return None if found is None else found.start()

    def place_of(self, field: str) -> int | None:
        """Return where the words name a field of the body, `None` if they do not."""
        is_limit = field == self.profile.max_tokens_field
        name = re.sub("[_-]", "[_ -]?", field)
        if field in COMMON_WORDS:
            pattern = (
                rf"[`'\"\[.]{name}(?:[`'\"\]]|=)|\b(?:body|param\w*|field|argument|option|property|key)\W+{name}\b"
            )
            pattern += rf"|\b{name}\W+(?:param|field|argument|option(?!s)|sequences)|^{name}\b:?|: {name}$"
        else:
            pattern = rf"(?<![\w-])(?:{name})(?!\w)"
        if other := OTHER_NAMES.get("max_tokens" if is_limit else field):
            pattern += rf"|(?<![\w-])(?:{other})(?!\w)"
        found = re.search(pattern, self._refused_part, re.IGNORECASE)
        return None if found is None else found.start()

    def names(self, field: str) -> bool:
        """Return whether the words name a field of the body as something that is not taken."""
        return self.place_of(field) is not None

    @cached_property
    def named_fields(self) -> list[tuple[int, str]]:
        """The fields of the body that the words name and that can be left out, each with its place in the words."""
        named: list[tuple[int, str]] = []
        for field, value in self.body.items():
            names = [] if field in KEPT_FIELDS else [field, *_names_within(value)]
            found = [place for name in names if (place := self.place_of(name)) is not None]
            if found:
                named.append((min(found), field))
        return named

    @property
    def first_place(self) -> float:
        """The place of the first of them, infinite if there is none."""
        return min((place for place, _ in self.named_fields), default=math.inf)

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
    def message_index(self) -> int | None:
        """The message that the words point to, `None` if they point to none of the request."""
        found = _MESSAGE_INDEX.search(self.words)
        index = None if found is None else int(found[1] or found[2])
        return index if index is not None and index < len(self.messages) else None

    @cached_property
    def refused_roles(self) -> frozenset[str]:
        """The roles of the request that are not among those that the words list as accepted, or are pointed to."""
        if self.says("alternat|after|follow"):
            return frozenset()
        accepted = {
            role.lower()
            for found in _ACCEPTED_ROLES.finditer(self.words)
            for role in re.findall(_ROLES, found[1], re.IGNORECASE)
        }
        sent = {str(role) for role in self.roles}
        if {"user", "assistant"} <= accepted or ("user" in accepted and self.says(r"\broles?\b")):
            return frozenset(sent - accepted - ({"assistant"} if "model" in accepted else set()))
        if self.message_index is not None and self.says(r"\broles?\b") and not self.says("content"):
            named = set(re.findall(rf"\b(?:{_ROLES})\b", self._refused_part, re.IGNORECASE))
            role = str(self.roles[self.message_index])
            return frozenset({role}) if named <= {role} else frozenset()
        return frozenset()

    @cached_property
    def has_images(self) -> bool:
        """Whether a message has an image."""
        contents = [message.get("content") for message in self.messages]
        parts = [part for content in contents if isinstance(content, list) for part in content]
        return any(isinstance(part, dict) and part.get("type") == "image_url" for part in parts)

    @cached_property
    def has_calls(self) -> bool:
        """Whether a message of the assistant has calls."""
        return any("tool_calls" in message for message in self.messages)

    @cached_property
    def has_tools(self) -> bool:
        """Whether the request has tools, or results of tools."""
        return "tools" in self.body or "tool" in self.roles

    def later_values(self, quirk: str, values: object) -> Iterator[Change]:
        """Yield the values of a quirk after its present one, in the order of the type that lists them."""
        steps = get_args(values)
        yield from ((quirk, step) for step in steps[steps.index(getattr(self.profile, quirk)) + 1 :])

    def follows(self, role: str, other: str) -> bool:
        """Return whether a message of `other` follows one of `role`."""
        return (role, other) in zip(self.roles, self.roles[1:], strict=False)


def _names_within(value: JsonValue) -> list[str]:
    """Return the names of the fields in an object of the body, which a refusal may name instead of the object."""
    return [name for name in value if name != "type"] if isinstance(value, dict) else []
