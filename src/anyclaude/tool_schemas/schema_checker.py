"""
Whether a value fits a JSON schema, decided by `jsonschema` within safe bounds.

A schema that is invalid, or refers to something outside itself, fits every object: nothing is fetched, and the client
decides.  Schemas and values are foreign, and Python's regular expressions can take exponential time: a `pattern` is
checked only if it has no group, no reference and at most one repetition, against a text of up to 1,000 characters; that
takes at most quadratic time.  Otherwise it counts as matched.  So does every `format`, and every key that
`patternProperties` or `unevaluatedProperties` would check.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias, cast

from anyclaude.protocol.json_values import JsonObject, JsonValue, encode_json

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

    Keyword: TypeAlias = Callable[[Validator, object, object, JsonObject], Iterable[ValidationError] | None]

MAX_MATCHED_CHARACTERS = 1_000
MAX_UNIQUE_ITEMS = 100
"""Items that cannot be sorted are compared in pairs, each with 50 others on average."""

GROUP_OR_REFERENCE = re.compile(r"\(|\\[1-9]")
REPETITION = re.compile(r"[*+]|\{\d*,\d*\}")

MAX_REFERENCES = 8
"""A reference to a reference is rare; more of them are a circle."""

ANNOTATIONS = frozenset({"title", "description", "default", "examples", "deprecated"})
"""Keywords that say nothing about the value."""

BROKEN = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, re.error)
"""What `jsonschema` raises for schemas that pass its own check, and for values such as numbers of 400 digits."""

NOT_AN_OBJECT = "the arguments are not a JSON object"
MAX_SHOWN = 100
"""The length of a value in a sentence: enough to recognise it."""

TYPES = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}


class SchemaChecker:
    """Checks the arguments of one tool, and their parts."""

    def __init__(self, schema: JsonObject | None) -> None:
        self._validator = None if schema is None else _validator_of(schema)
        self.schema: JsonObject = {} if schema is None or self._validator is None else schema
        """The schema; empty if it cannot be used."""

    def problem(self, value: JsonValue) -> str:
        """Return in a sentence why the value does not fit the schema; empty if it does."""
        if not isinstance(value, dict):
            return NOT_AN_OBJECT
        if self._validator is None:
            return ""
        from referencing.exceptions import Unresolvable  # imported by `_validator_of`

        try:
            with _panics_as_recursion_errors():
                return next((_sentence(error) for error in self._validator.iter_errors(value)), "")
        except Unresolvable:
            return ""
        except RecursionError:
            return "the arguments are nested too deeply to be checked"
        except BROKEN as error:
            return f"the arguments cannot be checked: {error}"

    def fits(self, value: JsonValue, part: JsonObject) -> bool:
        """Return whether a value fits a part of the schema."""
        if self._validator is None:
            return True
        from referencing.exceptions import Unresolvable  # imported by `_validator_of`

        try:
            with _panics_as_recursion_errors():
                return self._validator.evolve(schema=part).is_valid(value)
        except Unresolvable:
            return True
        except (RecursionError, *BROKEN):
            return False

    def resolved(self, part: JsonValue) -> JsonObject:
        """Return a part of the schema, or what it refers to within the schema; empty if it says nothing."""
        for _ in range(MAX_REFERENCES):
            match part:
                case {"$ref": str(reference)}:
                    part = self._at(reference)
                case {"allOf": [only], **rest} if rest.keys() <= ANNOTATIONS:
                    part = only
                case dict():
                    return part
                case _:
                    break
        return {}

    def _at(self, reference: str) -> JsonValue:
        """Return the part at a JSON pointer into the schema; `None` for other references."""
        part: JsonValue = self.schema
        start, *keys = reference.split("/")
        for key in keys:
            part = part.get(key.replace("~1", "/").replace("~0", "~")) if isinstance(part, Mapping) else None
        return part if start == "#" else None


@contextmanager
def _panics_as_recursion_errors() -> Iterator[None]:
    """
    Raise `RecursionError` where Rust code panics because of one.

    `rpds`, which `referencing` keeps its registry in, panics if Python's stack ends while it compares keys.  The panic
    is a `BaseException` that no module exports.
    """
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise RecursionError("the schema refers to itself without end") from error


def type_name(value: JsonValue) -> str:
    """Return the name of a value's type in JSON schemas."""
    return "null" if value is None else TYPES[type(value)]


def shown(value: JsonValue) -> str:
    """Return a value as JSON, shortened if it is long."""
    try:
        text = encode_json(value).decode()
    except (OverflowError, UnicodeEncodeError):
        text = repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def _validator_of(schema: JsonObject) -> "Validator | None":
    """Return the validator of a schema, `None` if it cannot be used."""
    from jsonschema import SchemaError  # 130 ms that a start does not have
    from jsonschema.exceptions import UnknownType
    from jsonschema.validators import Draft202012Validator, extend, validator_for
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    try:
        draft = validator_for(schema, default=Draft202012Validator)
        draft.check_schema(dict(schema))
        # `$schema` in a part would select the class without bounds; a registry of our own cannot fetch anything
        parts = {key: part for key, part in schema.items() if key != "$schema"}
        bounded = extend(draft, _bounded(draft.VALIDATORS))  # type: ignore[no-untyped-call]
        validator = bounded(parts, registry=Registry())
        with _panics_as_recursion_errors():
            validator.is_valid({})
    except (SchemaError, Unresolvable, UnknownType, RecursionError, *BROKEN):
        return None
    return cast("Validator", validator)


def _bounded(keywords: "Mapping[str, Keyword]") -> "dict[str, Keyword]":
    """Return the keywords that can take too long, limited to what is quick."""

    def only_if(is_quick: Callable[[object, object, JsonObject], bool], name: str) -> "Keyword":
        def checked(
            validator: "Validator", rule: object, value: object, part: JsonObject
        ) -> "Iterable[ValidationError]":
            return (keywords[name](validator, rule, value, part) or ()) if is_quick(rule, value, part) else ()

        return checked

    def never(rule: object, value: object, part: JsonObject) -> bool:
        return False

    quick: dict[str, Callable[[object, object, JsonObject], bool]] = {
        "pattern": lambda rule, value, _: _is_quick_to_match(rule, value),
        "uniqueItems": lambda _, value, __: isinstance(value, list) and len(value) <= MAX_UNIQUE_ITEMS,
        "additionalProperties": lambda _, __, part: "patternProperties" not in part,
        "patternProperties": never,
        "unevaluatedProperties": never,
        "format": never,
    }
    return {name: only_if(is_quick, name) for name, is_quick in quick.items() if name in keywords}


def _is_quick_to_match(pattern: object, value: object) -> bool:
    return (
        isinstance(pattern, str)
        and isinstance(value, str)
        and len(value) <= MAX_MATCHED_CHARACTERS
        and GROUP_OR_REFERENCE.search(pattern) is None
        and len(REPETITION.findall(pattern)) <= 1
    )


def _sentence(error: "ValidationError") -> str:
    """Return what is wrong, naming the argument and what was expected of it."""
    place = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in error.absolute_path).lstrip(".")
    instance = cast(JsonValue, error.instance)
    match error.validator, error.validator_value:
        case "required", list(names) if isinstance(instance, dict):
            missing = next((name for name in names if name not in instance), "")
            return f"`{place}.{missing}` is missing" if place else f"`{missing}` is missing"
        case "type", expected:
            types = [expected] if isinstance(expected, str) else cast(list[str], expected)
            return f"`{place}` must be of type {' or '.join(types)}, not {type_name(instance)}"
        case "enum", list(values):
            return f"`{place}` must be one of {', '.join(map(shown, values))}"
        case "additionalProperties", False if isinstance(instance, dict):
            known = error.schema.get("properties", {}) if isinstance(error.schema, dict) else {}
            unknown = next((key for key in instance if key not in known), "")
            return f"`{place}.{unknown}` is unknown" if place else f"`{unknown}` is unknown"
        case keyword, expected:
            return f"`{place}` does not fit the schema's `{keyword}`: {shown(cast(JsonValue, expected))}"
