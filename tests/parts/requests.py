"""Strategies for request bodies: everything the API defines, and unknown fields, roles and block types."""

from collections.abc import Mapping
from typing import TypeAlias

from hypothesis import strategies as st

from anyclaude.protocol.json_values import JsonValue

Json: TypeAlias = dict[str, JsonValue]

words = st.text(max_size=6)
json_values: st.SearchStrategy[JsonValue] = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False), words
    ),
    lambda inside: st.one_of(st.lists(inside, max_size=3), st.dictionaries(words, inside, max_size=3)),
    max_leaves=6,
)
json_objects: st.SearchStrategy[Json] = st.dictionaries(words, json_values, max_size=3)
unknown_fields = st.dictionaries(st.sampled_from(["cache_control", "citations", "x_new"]), json_values, max_size=2)


def objects(
    required: Mapping[str, st.SearchStrategy[JsonValue]],
    optional: Mapping[str, st.SearchStrategy[JsonValue]] | None = None,
) -> st.SearchStrategy[Json]:
    """Return objects with these fields and some unknown ones."""
    known = st.fixed_dictionaries(dict(required), optional=dict(optional or {}))
    return st.builds(lambda fields, more: {**more, **fields}, known, unknown_fields)


def tagged(kind: str, **required: st.SearchStrategy[JsonValue]) -> st.SearchStrategy[Json]:
    """Return objects of one `type`."""
    return objects({"type": st.just(kind), **required})


sources = st.one_of(
    tagged("base64", media_type=words, data=words),
    tagged("url", url=words),
    tagged("file", file_id=words),
    tagged("text", media_type=words, data=words),
)
plain_blocks = st.one_of(
    tagged("text", text=words),
    tagged("image", source=sources),
    tagged("document", source=sources),
    tagged("tool_reference", tool_name=words),
    tagged("tool_use", id=words, name=words, input=json_objects),
    tagged("thinking", thinking=words, signature=words),
    tagged("redacted_thinking", data=words),
    st.builds(lambda fields: {**fields, "type": "server_tool_use"}, json_objects),
    st.builds(lambda fields: {**fields, "type": "x_new_block"}, json_objects),
)
tool_results = objects(
    {"type": st.just("tool_result"), "tool_use_id": words},
    {"content": st.one_of(words, st.lists(plain_blocks, max_size=2)), "is_error": st.just(True)},
)
contents = st.one_of(words, st.lists(st.one_of(plain_blocks, tool_results), max_size=3))
turns = objects({"role": st.sampled_from(["user", "assistant", "system", "x_role"]), "content": contents})
some_words = words.filter(bool)
tools = objects(
    {"name": some_words},
    {
        "description": some_words,
        "input_schema": json_objects,
        "type": st.sampled_from(["custom", "web_search_20250305"]),
        "defer_loading": st.just(True),
        "cache_control": json_objects,
    },
)
parallel_off: dict[str, st.SearchStrategy[JsonValue]] = {"disable_parallel_tool_use": st.just(True)}
tool_choices = st.one_of(
    objects({"type": st.sampled_from(["auto", "any", "none"])}, parallel_off),
    objects({"type": st.just("tool"), "name": words}, parallel_off),
)
bodies = objects(
    {
        "model": words,
        "max_tokens": st.integers(0, 2**40),
        "messages": st.lists(turns, min_size=1, max_size=3),
    },
    {
        "system": st.one_of(some_words, st.lists(plain_blocks, max_size=2)),
        "tools": st.lists(tools, min_size=1, max_size=2),
        "tool_choice": tool_choices,
        "stop_sequences": st.lists(words, min_size=1, max_size=2),
        "temperature": st.floats(0, 2),
        "top_p": st.floats(0, 1),
        "top_k": st.integers(0, 100),
        "stream": st.just(True),
        "metadata": json_objects,
        "thinking": json_objects,
        "output_config": json_objects,
        "context_management": json_objects,
        "service_tier": words,
        "diagnostics": objects({"previous_message_id": st.one_of(st.none(), words)}),
        "safeguards": json_values,
    },
)
"""Request bodies without fields whose value is their default."""


@st.composite
def damaged(draw: st.DrawFn, whole: st.SearchStrategy[Json]) -> JsonValue:
    """Draw a body in which one value, at any depth, is replaced or removed."""
    return _damage(draw, draw(whole))


def _damage(draw: st.DrawFn, value: JsonValue) -> JsonValue:
    if isinstance(value, dict) and value and draw(st.integers(0, 3)):
        key = draw(st.sampled_from(sorted(value)))
        if draw(st.integers(0, 4)) == 0:
            return {name: kept for name, kept in value.items() if name != key}
        return {**value, key: _damage(draw, value[key])}
    if isinstance(value, list) and value and draw(st.integers(0, 3)):
        at = draw(st.integers(0, len(value) - 1))
        return [*value[:at], _damage(draw, value[at]), *value[at + 1 :]]
    return draw(json_values)
