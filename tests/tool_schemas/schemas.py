"""Generated JSON schemas, as tools of MCP servers have them: valid ones, odd ones, and such as engines refuse."""

from hypothesis import strategies as st

from anyclaude.protocol.json_values import JsonObject, JsonValue

NAMES = ("a", "b", "file_path", "naïve", "x-y", "")
TYPES = ("string", "integer", "number", "boolean", "null", "array", "object")
PATTERNS = (
    *("^[a-z]+$", "^(a|b){1,3}$", "^a\\.b$", "", "^$", "a", "^\\d{3}$", "^(?=a)b$", "^(a$", "^[a$", "^a{3,1}$"),
    *("^a**$", "^*a$", "^[z-a]$", "^é+$", "^\\p{L}$", "^a{0,99999}$", "^(a)\\1$", "^a|b$", "^a{2}{3}$", "^(|a)$"),
    *("^[^\\]]$", "^(?:x)+$", "^a?b*c+$", "^.$", "^a+?$", "^{2}$", "^[-a]$", "^[a-]$", "^a{,3}$", "^a{$", "^[^^]$"),
)
REFERENCES = (
    *("#", "#/$defs/A", "#/$defs/B", "#/$defs/missing", "#/definitions/A", "https://example.com/a.json", "#anchor"),
    *("#/properties/a", "#/$defs/a~1b", "#/$defs/A%20B", "#/properties/a/items", "#/anyOf/0", "other.json#/a"),
)
LIMITS = st.one_of(st.integers(-1, 12), st.sampled_from([999, 1_000, 1_001, 2_001, 100_000, 2**40, 2.0, 2.5]))

scalars: st.SearchStrategy[JsonValue] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.floats(-5, 5, width=16),
    st.sampled_from(["", "a", "b", "é", '"\n']),
)
instances: st.SearchStrategy[JsonValue] = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)),
    max_leaves=6,
)


def _fields(inner: st.SearchStrategy[JsonValue]) -> st.SearchStrategy[JsonObject]:
    many = st.lists(inner, max_size=3)
    named = st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)
    return st.fixed_dictionaries(
        {},
        optional={
            "type": st.one_of(
                st.sampled_from((*TYPES, "any")), st.lists(st.sampled_from(TYPES), max_size=2, unique=True)
            ),
            "properties": named,
            "required": st.lists(st.sampled_from(NAMES), max_size=2, unique=True),
            "additionalProperties": st.one_of(st.booleans(), inner),
            "patternProperties": st.dictionaries(st.sampled_from(["^a", "b$"]), inner, max_size=1),
            "items": inner,
            "prefixItems": many,
            "minItems": LIMITS,
            "maxItems": LIMITS,
            "minLength": LIMITS,
            "maxLength": LIMITS,
            "minimum": st.integers(-50, 50),
            "maximum": st.integers(-50, 50),
            "pattern": st.sampled_from(PATTERNS),
            "format": st.sampled_from(["date", "uri", "uuid", "x"]),
            "enum": st.lists(scalars, max_size=3),
            "const": scalars,
            "anyOf": many,
            "oneOf": many,
            "allOf": many,
            "not": inner,
            "if": inner,
            "then": inner,
            "contains": inner,
            "maxContains": st.integers(0, 2),
            "unevaluatedProperties": st.just(False),
            "propertyNames": st.just({"pattern": "^a"}),
            "$ref": st.sampled_from(REFERENCES),
            "description": st.just("Text."),
        },
    )


parts: st.SearchStrategy[JsonValue] = st.recursive(
    st.one_of(st.booleans(), _fields(st.just({"type": "string"}))), _fields, max_leaves=3
)


@st.composite
def schemas(draw: st.DrawFn) -> JsonObject:
    """Return a whole schema with definitions that refer to each other."""
    root = draw(_fields(parts))
    definitions: JsonObject = {"A": draw(parts), "B": draw(parts), "a/b": {"type": "string"}, "A B": {}}
    return {**root, "$defs": definitions}
