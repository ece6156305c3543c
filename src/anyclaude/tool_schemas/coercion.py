"""
Arguments made to fit a tool's schema, where the schema leaves one reading of what the model wrote.

Only what does not fit is touched.  Whoever calls this checks the result: a call that still does not fit is not a call.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cached_property

from msgspec import Struct

from anyclaude.protocol.json_values import JsonError, JsonObject, JsonValue, decode_json, encode_json

from .argument_names import renames
from .lenient_json import read_leniently
from .schema_checker import SchemaChecker, shown, type_name

WRAPPERS = frozenset({"arguments", "parameters", "input", "args", "params"})
"""The keys under which models write a call's arguments once more, as in the call that they are part of."""

LABELS = frozenset({"name", "tool", "tool_name", "function"})
"""The keys that name the tool beside them."""

ABSENT: tuple[JsonValue, ...] = (None, "", "null", "None")
"""Values that say that there is none."""

EMPTY: tuple[JsonValue, ...] = (*ABSENT, [], {})
"""Values without which nothing is lost, if the tool has no such argument."""

ALL_TYPES = frozenset({"object", "array", "string", "boolean", "integer", "number", "null"})
MAX_DIGITS = 15
"""Integers of up to 15 digits are exact as floats (IEEE 754 double), which JavaScript reads them as."""


MAX_MISFITS = 1_000
"""The values of one call that may be read anew.  A schema that refers to itself can ask for any number of readings."""


class Coerced(Struct, frozen=True):
    """A value, and what was changed in it, in words."""

    value: JsonValue
    changes: tuple[str, ...] = ()


def coerced_arguments(checker: SchemaChecker, tool: str, arguments: JsonObject, written: str) -> Coerced:
    """
    Return the arguments of a call to `tool`, changed to fit its schema as far as there is one reading of them.

    `written` is the text that the arguments were read from.
    """
    schema = checker.resolved(checker.schema)
    inner, changes = _unwrapped(arguments, schema, tool)
    try:
        fitted = _Coercion(checker, written).value(inner, schema, "")
    except RecursionError:
        return Coerced(arguments)
    return Coerced(fitted.value, (*changes, *fitted.changes))


def properties_of(schema: JsonObject) -> JsonObject:
    """Return the schemas of an object's properties by name."""
    properties = schema.get("properties")
    return properties if isinstance(properties, dict) else {}


def required_by(schema: JsonObject) -> frozenset[str]:
    """Return the names of the properties that an object must have."""
    required = schema.get("required")
    return frozenset(name for name in required if isinstance(name, str)) if isinstance(required, list) else frozenset()


def renamed_keys(keys: Iterable[str], schema: JsonObject) -> dict[str, str]:
    """Return the properties that keys mean which an object's schema does not have."""
    known = properties_of(schema).keys()
    is_closed = schema.get("additionalProperties") is False
    return dict(renames(keys, known, set(known) if is_closed else set(known & required_by(schema))))


def types_of(schema: JsonObject) -> frozenset[str]:
    """Return the types that a schema allows, of all its alternatives."""
    match schema:
        case {"type": str(only)}:
            return frozenset({only})
        case {"type": [*several]}:
            return frozenset(name for name in several if isinstance(name, str))
        case {"const": value}:
            return frozenset({type_name(value)})
        case {"enum": [*values]}:
            return frozenset(map(type_name, values))
        case {"properties": _}:
            return frozenset({"object"})
        case {"items": _}:
            return frozenset({"array"})
        case _:
            return ALL_TYPES


def alternatives(schema: JsonObject) -> list[JsonValue]:
    """Return the alternatives of which a value must fit one; none if there is only the schema itself."""
    for keyword in ("anyOf", "oneOf"):
        options = schema.get(keyword)
        if isinstance(options, list):
            return options
    return []


def _unwrapped(arguments: JsonObject, schema: JsonObject, tool: str) -> tuple[JsonObject, tuple[str, ...]]:
    """Return the arguments that stand one level too deep, alone or beside the name of their tool."""
    unknown = arguments.keys() - properties_of(schema).keys()
    wrapper = next(iter(unknown & WRAPPERS), "")
    labels = [arguments[key] for key in arguments if key != wrapper]
    is_alone = arguments.keys() - {wrapper} <= unknown & LABELS and all(label == tool for label in labels)
    inner = arguments.get(wrapper)
    if isinstance(inner, str):
        inner = _container(inner)
    if not wrapper or not is_alone or not isinstance(inner, dict):
        return arguments, ()
    return inner, (f"the arguments stood under {wrapper}",)


class _Coercion:
    """Changes the parts of one call's arguments."""

    def __init__(self, checker: SchemaChecker, written: str) -> None:
        self._checker = checker
        self._written = written
        self._remaining = MAX_MISFITS

    @cached_property
    def _numbers(self) -> frozenset[str]:
        """The numbers, and the words like numbers, in the text."""
        return frozenset(_NUMBERS.findall(self._written))

    def value(self, value: JsonValue, part: JsonValue, path: str) -> Coerced:
        """Return a value of a part of the schema; the value itself if it fits, or has no reading or several."""
        schema = self._checker.resolved(part)
        if not self._remaining or self._checker.fits(value, schema):
            return Coerced(value)
        self._remaining -= 1
        if options := alternatives(schema):
            return self._only_one((self.value(value, option, path) for option in options), schema, Coerced(value))
        types = types_of(schema)
        match value:
            case dict() if "object" in types:
                return self._object(value, schema, path)
            case list() if "array" in types:
                return self._array(value, schema, path)
            case _:
                readings = (self._reading(value, read, schema, path) for read in self._readings(value, schema, types))
                return self._only_one(readings, schema, Coerced(value))

    def _reading(self, value: JsonValue, read: JsonValue, schema: JsonObject, path: str) -> Coerced:
        inner = self.value(read, schema, path) if isinstance(read, dict | list) else Coerced(read)
        return Coerced(inner.value, (f"{path}: {shown(value)} is {shown(read)}", *inner.changes))

    def _only_one(self, readings: Iterable[Coerced], schema: JsonObject, otherwise: Coerced) -> Coerced:
        """Return the one reading that fits the schema."""
        fitting = [reading for reading in readings if self._checker.fits(reading.value, schema)]
        different = {repr(reading.value) for reading in fitting}
        return fitting[0] if len(different) == 1 else otherwise

    def _array(self, value: list[JsonValue], schema: JsonObject, path: str) -> Coerced:
        items = [self.value(item, schema.get("items"), f"{path}[{at}]") for at, item in enumerate(value)]
        return Coerced([item.value for item in items], tuple(change for item in items for change in item.changes))

    def _object(self, value: JsonObject, schema: JsonObject, path: str) -> Coerced:
        renamed, required = renamed_keys(value, schema), required_by(schema)
        found: dict[str, JsonValue] = {}
        changes: list[str] = []
        for key, item in value.items():
            name = renamed.get(key, key)
            inner = self._property(name, item, schema, f"{path}.{name}" if path else name, is_required=name in required)
            if name != key:
                changes.append(f"{key} is {name}")
            changes.extend(inner.changes)
            if inner is not DROPPED:
                found[name] = inner.value
            else:
                changes.append(f"{key}: {shown(item)} is left out")
        return Coerced(found, tuple(changes))

    def _property(self, name: str, item: JsonValue, schema: JsonObject, path: str, *, is_required: bool) -> Coerced:
        """Return the value of a property, `DROPPED` if it says that there is none."""
        properties = properties_of(schema)
        if name not in properties:
            is_closed = schema.get("additionalProperties") is False
            return (
                DROPPED if is_closed and item in EMPTY else self.value(item, schema.get("additionalProperties"), path)
            )
        inner = self.value(item, properties[name], path)
        is_absent = item in ABSENT and not is_required
        return DROPPED if is_absent and not self._checker.fits(inner.value, _part(properties[name])) else inner

    def _readings(self, value: JsonValue, schema: JsonObject, types: frozenset[str]) -> Iterator[JsonValue]:
        """Yield what else a value may mean; the schema decides which of it fits."""
        match value:
            case str():
                yield from _readings_of_text(value, schema, types)
            case bool():
                yield str(value).lower()
            case int() | float():
                text = str(value) if isinstance(value, int) else encode_json(value).decode()
                if text in self._numbers:  # 3.10 is no longer known from the number it was read as
                    yield text
                if isinstance(value, float) and value.is_integer() and abs(value) < 10**MAX_DIGITS:
                    yield int(value)
            case _:
                pass
        if "array" in types and value is not None and not isinstance(value, list) and not _is_list_in_words(value):
            yield [value]


DROPPED = Coerced(None)
"""Stands for a property that is left out; compared by identity."""


def _part(schema: JsonValue) -> JsonObject:
    return schema if isinstance(schema, dict) else {}


_NUMBERS = re.compile(r"[\w.+-]+")


def _readings_of_text(text: str, schema: JsonObject, types: frozenset[str]) -> Iterator[JsonValue]:
    choices = schema.get("enum")
    if isinstance(choices, list):
        yield from (choice for choice in choices if isinstance(choice, str) and _folded(choice) == _folded(text))
    read = scalar_or_container(text)
    if not isinstance(read, str):
        yield read


def scalar_or_container(text: str) -> JsonValue:
    """Return the value other than a string that a text means, as JSON or as Python's literal; else the text itself."""
    stripped = text.strip()
    literal = {"true": True, "false": False, "null": None, "none": None}
    if stripped.casefold() in literal:
        return literal[stripped.casefold()]
    if stripped[:1] in {"{", "["}:
        container = _container(stripped)
        return text if container is None else container
    try:
        number = decode_json(stripped.encode("utf-8", "surrogatepass"))
    except JsonError:
        return text
    is_exact = isinstance(number, float) or (isinstance(number, int) and len(stripped.lstrip("-")) <= MAX_DIGITS)
    return number if is_exact and not isinstance(number, bool) else text


def _container(text: str) -> JsonValue:
    """Return the object or array that a text is, `None` if it is none."""
    try:
        value = read_leniently(text)
    except JsonError:
        return None
    return value if isinstance(value, dict | list) else None


def _is_list_in_words(value: JsonValue) -> bool:
    """Return whether a text may be no value for an array, or several: how it must be divided is not certain."""
    return isinstance(value, str) and (
        value in ABSENT or any(mark in value for mark in ",;\n") or value.lstrip()[:1] in {"[", "{"}
    )


def _folded(choice: str) -> str:
    return choice.strip().casefold().replace("-", "_").replace(" ", "_")
