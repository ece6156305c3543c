"""Schemas are checked within bounds: nothing is fetched, and no foreign pattern can take long."""

import re
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.protocol.json_values import JsonObject, JsonValue
from anyclaude.tool_schemas.schema_checker import MAX_MATCHED_CHARACTERS, MAX_SHOWN, SchemaChecker, shown, type_name

READ: JsonObject = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "file_path": {"type": "string"},
        "limit": {"type": ["number", "null"]},
        "mode": {"enum": ["a", "b"]},
        "edits": {"type": "array", "items": {"type": "object", "required": ["old"], "additionalProperties": False}},
        "short": {"type": "string", "maxLength": 2},
    },
    "required": ["file_path"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"file_path": "/a"}, ""),
        ({}, "`file_path` is missing"),
        ({"file_path": 1}, "`file_path` must be of type string, not integer"),
        ({"file_path": "", "limit": "x"}, "`limit` must be of type number or null, not string"),
        ({"file_path": "", "mode": "c"}, '`mode` must be one of "a", "b"'),
        ({"file_path": "", "edits": [{}]}, "`edits[0].old` is missing"),
        ({"file_path": "", "extra": 1}, "`extra` is unknown"),
        ({"file_path": "", "short": "abc"}, "`short` does not fit the schema's `maxLength`: 2"),
        ([], "the arguments are not a JSON object"),
    ],
)
def test_a_problem_names_the_argument_and_what_was_expected(arguments: JsonValue, problem: str) -> None:
    assert SchemaChecker(READ).problem(arguments) == problem


@pytest.mark.parametrize(
    "schema",
    [
        None,
        {"type": 5},
        {"type": "nonsense"},
        {"properties": []},
        {"$ref": "#"},
        {"$ref": "#/nowhere"},
        {"$ref": "https://schemas.invalid/tool.json"},
        {"properties": {"a": {"$ref": "https://schemas.invalid/tool.json"}}},
        {"$schema": "https://schemas.invalid/draft", "properties": {"a": {"$ref": "file:///etc/passwd"}}},
    ],
)
def test_a_schema_that_cannot_be_used_fits_every_object(
    schema: JsonObject | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: pytest.fail("a schema was fetched"))
    checker = SchemaChecker(schema)

    assert checker.problem({"a": 1}) == ""
    assert checker.problem("text") != ""


@pytest.mark.parametrize("pattern", ["(a+)+$", "^(a|a)*$", r"(a)\1*$", "a*a*a*b", "a{1,}a{1,}$"])
def test_a_pattern_that_may_take_long_is_not_matched(pattern: str, monkeypatch: pytest.MonkeyPatch) -> None:
    checker = SchemaChecker({"type": "object", "properties": {"a": {"pattern": pattern}}})
    monkeypatch.setattr(re, "search", lambda *_: pytest.fail("the pattern was matched"))

    assert checker.problem({"a": "a" * 100 + "!"}) == ""


def test_a_plain_pattern_is_matched_against_a_short_text_only() -> None:
    checker = SchemaChecker({"type": "object", "properties": {"a": {"pattern": "^[a-z]+$"}}})

    assert checker.problem({"a": "abc"}) == ""
    assert checker.problem({"a": "ABC"}) != ""
    assert checker.problem({"a": "A" * (MAX_MATCHED_CHARACTERS + 1)}) == ""


def test_patterns_of_keys_are_not_matched() -> None:
    schema: JsonObject = {
        "type": "object",
        "patternProperties": {"(x+)+$": {"type": "number"}},
        "additionalProperties": False,
    }

    assert SchemaChecker(schema).problem({"x" * 100 + "!": "a"}) == ""


def test_a_part_of_a_schema_with_a_draft_of_its_own_is_bounded_through_a_reference_to_the_root() -> None:
    schema: JsonObject = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {"next": {"$ref": "#"}, "a": {"type": "string", "pattern": "(a+)+$"}},
    }

    assert SchemaChecker(schema).problem({"next": {"a": "a" * 100 + "!"}}) == ""
    assert SchemaChecker(schema).problem({"next": {"a": 1}}) == "`next.a` must be of type string, not integer"


def test_a_part_is_found_through_references_and_single_alternatives() -> None:
    schema: JsonObject = {
        "$defs": {"a/b": {"type": "string"}, "loop": {"$ref": "#/$defs/loop"}},
        "properties": {"x": {"allOf": [{"$ref": "#/$defs/a~1b"}], "description": "X"}},
    }
    checker = SchemaChecker(schema)

    assert checker.resolved({"$ref": "#/$defs/a~1b"}) == {"type": "string"}
    assert checker.resolved({"allOf": [{"$ref": "#/$defs/a~1b"}], "description": "X"}) == {"type": "string"}
    assert checker.resolved({"$ref": "#/$defs/loop"}) == {}
    assert checker.resolved({"$ref": "other.json"}) == {}
    assert checker.resolved(True) == {}
    assert checker.fits("a", {"$ref": "#/$defs/a~1b"})
    assert not checker.fits(1, {"$ref": "#/$defs/a~1b"})


def test_a_value_nested_too_deeply_for_the_library_does_not_fit() -> None:
    checker = SchemaChecker({"type": "object", "additionalProperties": {"$ref": "#"}})
    value: JsonValue = {}
    for _ in range(2_000):
        value = {"a": value}

    assert checker.problem(value) == "the arguments are nested too deeply to be checked"


def test_a_schema_that_refers_to_itself_without_end_is_checked_at_any_depth_of_the_stack() -> None:
    schema: JsonObject = {"properties": {"a": {"$ref": "#/$defs/x"}}, "$defs": {"x": {"if": {"$ref": "#/$defs/x"}}}}

    def at_depth(calls: int) -> str:
        return at_depth(calls - 1) if calls else SchemaChecker(schema).problem({"a": 1})

    assert {at_depth(calls) for calls in range(40)} == {"the arguments are nested too deeply to be checked"}


def test_a_number_too_large_for_the_library_does_not_raise() -> None:
    checker = SchemaChecker({"type": "object", "properties": {"a": {"type": "number", "multipleOf": 0.5}}})

    assert isinstance(checker.problem({"a": 10**400}), str)


KEYWORDS = st.sampled_from(["type", "properties", "items", "$ref", "anyOf", "pattern", "required", "enum"])
SCALARS: st.SearchStrategy[JsonValue] = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
values = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYWORDS, inner | st.just("#"), max_size=3)
)


@given(st.dictionaries(KEYWORDS, values, max_size=4))
def test_any_schema_can_be_checked(schema: JsonObject) -> None:
    assert isinstance(SchemaChecker(schema).problem({"type": [{"items": None}]}), str)


def test_values_are_shown_shortly_and_types_by_their_names() -> None:
    assert shown({"a": "b"}) == '{"a":"b"}'
    assert len(shown("x" * 1_000)) == MAX_SHOWN + 1
    assert shown(2**70) == str(2**70)
    every: list[JsonValue] = [None, True, 1, 1.5, "", [], {}]
    assert list(map(type_name, every)) == ["null", "boolean", "integer", "number", "string", "array", "object"]
