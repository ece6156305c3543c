"""
Schemas that an engine's grammar compiler takes.

llama.cpp makes a grammar of each offered tool's schema and of the schema of a reply.  One that it cannot compile fails
the whole request, and some occupy the engine for minutes.  Such a schema is loosened here: what was valid stays valid.
What the compiler takes stays as it is, because the schemas of tools are part of the prompt.

What it takes was found by experiment (llama.cpp b11549, requests to the embedded engine):

* refused: `true`, `false` and `null` for a schema; unknown types; empty `enum`, `type`, `anyOf`, `oneOf`, `allOf`;
  limits that are no integers or are negative; references to other documents, to the root, with escapes, in a circle;
* no answer in 8 s, and the engine is busy: a lower limit above the upper one, an `enum` of 2,000 values;
* ignored: `not`, `if`, `contains`, `propertyNames`, `patternProperties`, `dependentSchemas`, `minProperties`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

from anyclaude.protocol.json_values import JsonObject, JsonValue

TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})

MAX_REPETITIONS = 1_000
"""llama.cpp refuses a grammar that repeats a part more than 2,000 times; `maxItems` of 2,000 is already too many."""

MAX_ALTERNATIVES = 300
"""The time grows with the square: an `enum` of 1,000 values took 5 s, 400 optional properties 0.9 s."""

SIMPLE_PATTERN = re.compile(
    r"""\^(?:
        [^\\^$()\[\]{}*+?|.\x00-\x1f\x7f-\U0010ffff]    # a character that stands for itself
      | \\[^\w\s\x00-\x1f\x7f-\U0010ffff]               # an escaped one
      | \[\^?(?:[^\\\[\]^\x00-\x1f\x7f-\U0010ffff]|\\[^\w\s\x00-\x1f\x7f-\U0010ffff])+\]
      | \((?:\?:)? | \) | \| | \.
      | [*+?] | \{[0-9]{1,3}(?:,[0-9]{0,3})?\}
    )*\$""",
    re.VERBOSE,
)
"""The patterns that every release compiles: ASCII, without classes such as `\\d`, with repetitions under 1,000."""

ALTERNATIVES_AT_TOP = re.compile(r"\\.|\[(?:\\.|[^\]])*\]|(?P<open>\()|(?P<close>\))|(?P<bar>\|)|.", re.DOTALL)

DOUBLE_QUANTIFIER = re.compile(r"(?<!\\)[*+?}][*+?{]|[(|^][*+?{](?!:)")

PARTS: Mapping[str, str] = {
    **dict.fromkeys(("properties", "$defs", "definitions"), "by name"),
    **dict.fromkeys(("anyOf", "oneOf", "allOf"), "alternatives"),
    "prefixItems": "list",
    "items": "schema or list",
    "additionalProperties": "schema or boolean",
}
"""The keywords with schemas in them that the compiler reads, and their shapes."""

IMMEDIATE = ("anyOf", "oneOf", "allOf")
"""A reference from one of these to the schema around it would be a rule that begins with itself."""

LIMITS: Mapping[str, str] = {"minLength": "maxLength", "minItems": "maxItems"}
"""The lower limits, each with its upper one."""

MAX_POINTER_CHARACTERS = 2_000
"""A longer pointer is not made: of many parts below a long name, each would have all of the name in it."""

MAX_FOLLOWED = 500
"""The schemas that are looked through for a circle: more than the alternatives of one, and more than any known tool
has; a reference that leads to more of them is left out like a circle."""

MAX_FOLLOWED_IN_ALL = 5_000
"""Of all references of a schema, of which others are dropped: two with chains of 1,500 references took 40 s."""

UNSAFE = ("~", "/oneOf/")
"""A reference with an escape is refused; one through `oneOf`, which may become `anyOf`, would point to nothing."""

DEPENDENT = frozenset(
    {
        *("not", "if", "then", "else", "contains", "minContains", "maxContains", "propertyNames", "dependentSchemas"),
        *("patternProperties", "unevaluatedItems", "unevaluatedProperties", "$dynamicRef"),
    }
)
"""Keywords that the compiler ignores and that may mean less is valid when another part allows more."""


def for_grammar(schema: JsonObject, place: str = "#") -> JsonObject:
    """
    Return `schema` as the compiler takes it, the same object if it takes it as it is.

    `place` is where the schema will stand inside another one: references to its own parts are made to point there.
    """
    places = dict(_places(schema, "#"))
    loosening = _Loosening(places, place)
    loosened = loosening.of(schema, "#")
    if not loosening.has_loosened:
        return schema if place == "#" else loosened
    return _Loosening(places, place, drops_dependent=True).of(schema, "#")


def _places(schema: JsonValue, pointer: str) -> Iterator[tuple[str, JsonObject]]:
    """Yield every schema that the compiler reads, with the pointer to it."""
    parts: JsonObject = schema if isinstance(schema, dict) else {}
    yield pointer, parts
    for keyword, value in parts.items():
        for step, part in _parts_of(parts, keyword, value):
            if below := _below(pointer, f"/{keyword}{step}"):
                yield from _places(part, below)


def _below(pointer: str, step: str) -> str:
    """Return the pointer to a part of a schema, "" if it is too long to be followed."""
    return pointer + step if pointer and len(pointer) + len(step) <= MAX_POINTER_CHARACTERS else ""


def _parts_of(schema: JsonObject, keyword: str, value: JsonValue) -> Iterator[tuple[str, JsonValue]]:
    """Yield the schemas in a keyword that is kept, with the rest of the pointer to each."""
    match PARTS.get(keyword), value:
        case "by name", dict():
            if not _is_too_wide(schema, keyword):
                yield from ((f"/{name}", part) for name, part in value.items())
        case "alternatives", list():
            if 0 < len(value) <= MAX_ALTERNATIVES:
                yield from ((f"/{position}", part) for position, part in enumerate(value))
        case (("list" | "schema or list"), list()):
            yield from ((f"/{position}", part) for position, part in enumerate(value))
        case (("schema or list" | "schema or boolean"), dict()):
            yield "", value
        case _:
            pass


def _is_too_wide(schema: JsonObject, keyword: str) -> bool:
    properties, required = schema.get(keyword), schema.get("required")
    if keyword != "properties" or not isinstance(properties, dict):
        return False
    needed = {name for name in required if isinstance(name, str)} if isinstance(required, list) else set()
    return len(properties.keys() - needed) > MAX_ALTERNATIVES


class _Dropped:
    """Stands for a keyword that is left out."""


DROPPED: Final = _Dropped()

Kept: TypeAlias = "JsonValue | _Dropped"


class _Loosening:
    """One pass over a schema; `places` are the schemas that references may point to."""

    def __init__(self, places: Mapping[str, JsonObject], place: str, *, drops_dependent: bool = False) -> None:
        self.has_loosened = False
        self._places = places
        self._followed = 0
        self._place = place
        self._drops_dependent = drops_dependent

    def of(self, schema: JsonValue, pointer: str) -> JsonObject:
        """Return one schema loosened."""
        if not isinstance(schema, dict):
            self.has_loosened = True
            return {}
        kept: dict[str, JsonValue] = {}
        for keyword, value in schema.items():
            loosened = self._keyword(schema, keyword, value, pointer)
            if isinstance(loosened, _Dropped):
                self.has_loosened = True
            else:
                kept[keyword] = loosened
        return self._without_dependent(self._without_contradictions(kept, schema))

    def _keyword(self, schema: JsonObject, keyword: str, value: JsonValue, pointer: str) -> Kept:
        if keyword in PARTS:
            return self._parts(schema, keyword, value, _below(pointer, f"/{keyword}"))
        if keyword in LIMITS or keyword in LIMITS.values():
            return self._limit(keyword, value)
        match keyword:
            case "$ref":
                return self._reference(value, pointer)
            case "pattern":
                return value if isinstance(value, str) and is_simple_pattern(value) else DROPPED
            case "enum":
                return value if isinstance(value, list) and 0 < len(value) <= MAX_ALTERNATIVES else DROPPED
            case "type":
                return value if _is_known_type(value) else DROPPED
            case "format":
                return value if isinstance(value, str) else DROPPED
            case "minimum" | "maximum":
                return value if isinstance(value, int | float) and not isinstance(value, bool) else DROPPED
            case _:
                return value

    def _parts(self, schema: JsonObject, keyword: str, value: JsonValue, pointer: str) -> Kept:
        parts = [(step, self.of(part, _below(pointer, step))) for step, part in _parts_of(schema, keyword, value)]
        match PARTS[keyword], value:
            case "by name", dict():
                return (
                    dict(zip(value, (part for _, part in parts), strict=True)) if len(parts) == len(value) else DROPPED
                )
            case "alternatives", list():
                return [part for _, part in parts] if parts else DROPPED
            case (("list" | "schema or list"), list()):
                return [part for _, part in parts]
            case (("schema or list" | "schema or boolean"), dict()):
                return parts[0][1]
            case "schema or boolean", bool():
                return value
            case _:
                return DROPPED

    def _limit(self, keyword: str, value: JsonValue) -> Kept:
        if isinstance(value, float) and value.is_integer():
            self.has_loosened = True
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            return DROPPED
        if value <= MAX_REPETITIONS:
            return value
        self.has_loosened = True
        return MAX_REPETITIONS if keyword in LIMITS else DROPPED

    def _reference(self, value: JsonValue, pointer: str) -> Kept:
        if not isinstance(value, str) or value == "#" or value not in self._places or any(x in value for x in UNSAFE):
            return DROPPED
        return DROPPED if self._leads_back(value, pointer) else self._place + value[1:]

    def _leads_back(self, target: str, origin: str) -> bool:
        """Return whether a reference from `origin` to `target` begins a circle without any text in it."""
        seen: set[str] = set()
        ahead = [target]
        while ahead:
            pointer = ahead.pop()
            self._followed += 1
            if pointer == origin or len(seen) > MAX_FOLLOWED or self._followed > MAX_FOLLOWED_IN_ALL:
                return True
            if pointer in seen or pointer not in self._places:
                continue
            seen.add(pointer)
            schema = self._places[pointer]
            ahead += [step for step in (schema.get("$ref"),) if isinstance(step, str)]
            for keyword in IMMEDIATE:
                ahead += [f"{pointer}/{keyword}{step}" for step, _ in _parts_of(schema, keyword, schema.get(keyword))]
        return False

    def _without_contradictions(self, kept: dict[str, JsonValue], schema: JsonObject) -> dict[str, JsonValue]:
        """Leave out what cannot be fulfilled together, and what only had a meaning beside a keyword that is gone."""
        for lower, upper in LIMITS.items():
            least, most = kept.get(lower), kept.get(upper)
            if isinstance(least, int) and isinstance(most, int) and least > most:
                self.has_loosened = True
                del kept[lower]
        if "properties" in schema and "properties" not in kept:
            kept.pop("additionalProperties", None)
        if "prefixItems" in schema and "prefixItems" not in kept:
            kept.pop("items", None)
        return kept

    def _without_dependent(self, kept: dict[str, JsonValue]) -> dict[str, JsonValue]:
        if not self._drops_dependent:
            return kept
        if "patternProperties" in kept:
            kept.pop("additionalProperties", None)
        if "oneOf" in kept:
            alternatives = kept.pop("oneOf")
            kept.setdefault("anyOf", alternatives)
        return {keyword: value for keyword, value in kept.items() if keyword not in DEPENDENT}


def _is_known_type(value: JsonValue) -> bool:
    if isinstance(value, str):
        return value in TYPES
    return isinstance(value, list) and bool(value) and all(isinstance(name, str) and name in TYPES for name in value)


def is_simple_pattern(pattern: str) -> bool:
    """Return whether every release of llama.cpp compiles a pattern, and compiles it to what it means."""
    if SIMPLE_PATTERN.fullmatch(pattern) is None or DOUBLE_QUANTIFIER.search(pattern):
        return False
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return False
    return not _has_alternatives_at_top(pattern)


def _has_alternatives_at_top(pattern: str) -> bool:
    """Return whether a `|` is outside all groups: then `^` and `$` are not the ends of every alternative."""
    depth = 0
    for token in ALTERNATIVES_AT_TOP.finditer(pattern):
        depth += (token["open"] is not None) - (token["close"] is not None)
        if token["bar"] is not None and depth == 0:
            return True
    return False
