"""
Schemas of tools in the few keywords that every server takes.

They are those that the strictest known servers have in common: Gemini's API takes a subset of OpenAPI 3.0, in which a
`$ref`, a `const`, a list of types, an `anyOf` with null, an enum of numbers or an array without items ends the request
("Unknown name", "missing field"); older llama.cpp servers raise on patterns and references ("Unrecognized schema").
What the keywords cannot say is said in the description, for the model; calls are checked against the tool's own schema.
"""

from collections.abc import Iterable

from anyclaude.protocol.json_values import JsonObject, JsonValue, encode_json

MAX_SCHEMAS = 2_000
"""A schema whose references refer to each other can become any size; the largest known tools have about 300 parts."""

MAX_NOTE_CHARACTERS = 200
"""An alternative that is longer than this is left out: the description is read with every prompt."""

TYPES = frozenset({"string", "number", "integer", "boolean", "array", "object"})


def portable_schema(schema: JsonObject) -> JsonObject:
    """
    Return a schema of a tool's arguments with no other keywords than `type`, `description`, `enum`, `properties`,
    `required` and `items`.
    """
    portable = _Reduction(schema).reduced(schema, ())
    return portable if portable["type"] == "object" else _any_object(portable.get("description"))


class _Reduction:
    """The reduction of one schema; `inside` holds the references that led to a part, which ends those in a circle."""

    def __init__(self, root: JsonObject) -> None:
        self._root = root
        self._remaining = MAX_SCHEMAS

    def reduced(self, schema: JsonValue, inside: tuple[str, ...]) -> JsonObject:
        """Return a part in the common keywords."""
        self._remaining -= 1
        if not isinstance(schema, dict) or self._remaining < 0:
            return {"type": "string"} if self._remaining >= 0 else _any_object()
        if isinstance(reference := schema.get("$ref"), str):
            target = None if reference in inside else self._at(reference)
            if target is None:
                return _any_object(schema.get("description"))
            beside = {name: value for name, value in schema.items() if name != "$ref"}
            return self.reduced({**target, **beside}, (*inside, reference))
        schema, others = self._one_of(_merged(schema))
        if "$ref" in schema:
            return self.reduced({**schema, **_described(_with_note(schema, others))}, inside)
        kind = _type_of(schema)
        enum = _values(schema)
        notes = [*others, *_enum_note(enum, kind)]
        reduced: dict[str, JsonValue] = {"type": kind, **_described(_with_note(schema, notes))}
        if kind == "string" and enum and all(isinstance(value, str) for value in enum):
            reduced["enum"] = enum
        if kind == "object":
            reduced |= self._properties(schema, inside)
        if kind == "array":
            items = schema.get("items", schema.get("prefixItems"))
            reduced["items"] = self.reduced(items[0] if isinstance(items, list) and items else items, inside)
        return reduced

    def _properties(self, schema: JsonObject, inside: tuple[str, ...]) -> JsonObject:
        properties = schema.get("properties")
        properties = properties if isinstance(properties, dict) else {}
        required = schema.get("required")
        needed: list[JsonValue] = [name for name in _items(required) if isinstance(name, str) and name in properties]
        reduced: JsonObject = {name: self.reduced(part, inside) for name, part in properties.items()}
        return {"properties": reduced, **({"required": needed} if needed else {})}

    def _one_of(self, schema: JsonObject) -> tuple[JsonObject, list[str]]:
        """Return the first alternative, an object if one is, and a note that names the types of the others."""
        options = [*_items(schema.get("anyOf")), *_items(schema.get("oneOf"))]
        kept = [option for option in options if isinstance(option, dict) and option.get("type") != "null"]
        if not kept:
            return schema, []
        chosen = next((option for option in kept if self._is_object(option)), kept[0])
        beside = {name: value for name, value in schema.items() if name not in {"anyOf", "oneOf"}}
        others = [option for option in kept if option is not chosen]
        notes = [f"Or: {encode_json(option).decode()}" for option in others]
        merged, more = self._one_of(_merged({**beside, "allOf": [chosen]}))
        return merged, [*(note for note in notes if len(note) <= MAX_NOTE_CHARACTERS), *more]

    def _is_object(self, option: JsonObject) -> bool:
        reference = option.get("$ref")
        target = self._at(reference) if isinstance(reference, str) else option
        return target is not None and _type_of(target) == "object"

    def _at(self, reference: str) -> JsonObject | None:
        """Return the part of the schema that a local reference names, `None` if there is none."""
        if not reference.startswith("#"):
            return None
        part: JsonValue = self._root
        for step in reference.removeprefix("#").split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            part = part.get(key) if isinstance(part, dict) else None
        return part if isinstance(part, dict) else None


def _merged(schema: JsonObject) -> JsonObject:
    """Return a schema joined with those of its `allOf`; of two values of a keyword the schema's own counts."""
    merged: dict[str, JsonValue] = {name: value for name, value in schema.items() if name != "allOf"}
    parts = [_merged(part) for part in _items(schema.get("allOf")) if isinstance(part, dict)]
    for part in parts:
        for name, value in part.items():
            merged.setdefault(name, value)
    if parts and isinstance(merged.get("properties"), dict):
        merged["properties"] = _first_of_each(_dicts(part.get("properties") for part in (schema, *parts)))
    if parts and isinstance(merged.get("required"), list):
        merged["required"] = _joined(_items(part.get("required")) for part in (schema, *parts))
    return merged


def _dicts(values: Iterable[JsonValue]) -> list[dict[str, JsonValue]]:
    return [value for value in values if isinstance(value, dict)]


def _first_of_each(several: list[dict[str, JsonValue]]) -> dict[str, JsonValue]:
    """Return the members of several objects, those of the later ones before; of one name, the first counts."""
    values: dict[str, JsonValue] = {}
    for members in several:
        for name, value in members.items():
            values.setdefault(name, value)
    return {name: values[name] for members in reversed(several) for name in members}


def _joined(several: Iterable[list[JsonValue]]) -> list[JsonValue]:
    """Return the names of several lists, each list without those of the lists before."""
    joined: list[JsonValue] = []
    known: set[str] = set()
    for names in several:
        new = [name for name in names if isinstance(name, str) and name not in known]
        joined += new
        known.update(new)
    return joined


def _type_of(schema: JsonObject) -> str:
    """Return the one type of a schema: the first that it names, or the one that its keywords and values imply."""
    kinds = [schema.get("type"), *_items(schema.get("type"))]
    for kind in kinds:
        if isinstance(kind, str) and kind in TYPES:
            return kind
    if "properties" in schema or "additionalProperties" in schema:
        return "object"
    if "items" in schema or "prefixItems" in schema:
        return "array"
    values = _values(schema)
    if values and all(isinstance(value, bool) for value in values):
        return "boolean"
    if values and all(isinstance(value, int | float) for value in values):
        return "number"
    return "string"


def _values(schema: JsonObject) -> list[JsonValue]:
    """Return the values that a schema allows, if it lists them; null is left out."""
    values = [schema["const"]] if "const" in schema else _items(schema.get("enum"))
    return [value for value in values if value is not None]


def _enum_note(values: list[JsonValue], kind: str) -> Iterable[str]:
    if values and not (kind == "string" and all(isinstance(value, str) for value in values)):
        yield "One of: " + ", ".join(encode_json(value).decode() for value in values)


def _with_note(schema: JsonObject, notes: Iterable[str]) -> str:
    description = schema.get("description")
    own = [description] if isinstance(description, str) and description else []
    return " ".join([*own, *notes])


def _any_object(description: JsonValue = None) -> JsonObject:
    return {"type": "object", **_described(description), "properties": {}}


def _described(description: JsonValue) -> JsonObject:
    return {"description": description} if isinstance(description, str) and description else {}


def _items(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []
