"""JSON with slips has the one value that it can mean, or none; a text that was cut has none."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from anyclaude.protocol.json_values import JsonError, JsonValue, decode_json
from anyclaude.tool_schemas.lenient_json import CutOff, read_leniently, unescaped

texts = st.text(st.sampled_from("ab \n\t'\",:{}[]/#é🙂"), max_size=8)
values: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(texts, values, max_size=4)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{'a': 'it is \"it\"'}", {"a": 'it is "it"'}),
        (r"{'a': 'it\'s'}", {"a": "it's"}),
        ('{"a": "it\'s"}', {"a": "it's"}),
        ('{"a": 1,}', {"a": 1}),
        ('{"a": [1, 2, ], }', {"a": [1, 2]}),
        ('{"a": True, "b": False, "c": None}', {"a": True, "b": False, "c": None}),
        ('{"a": "x\ny\tz\x00"}', {"a": "x\ny\tz\x00"}),
        ('{"a": 1 // one\n, # two\n /* three */ "b": 2}', {"a": 1, "b": 2}),
        ('{"a": "http://x # y /* z */"}', {"a": "http://x # y /* z */"}),
        ('{"a": [1, {"b": "c"', {"a": [1, {"b": "c"}]}),
        ('{"a": [1, {"b": 2}', {"a": [1, {"b": 2}]}),
        ('{"a": [1, {"b": 2}}', {"a": [1, {"b": 2}]}),
        ('{"a": 1}}]}', {"a": 1}),
        ('{a: 1, b_c: "d"}', {"a": 1, "b_c": "d"}),
        ('{"a": """x "y" \nz"""}', {"a": 'x "y" \nz'}),
        ("{'a': '''it's'''}", {"a": "it's"}),
        (r'{"a": "\d+\.py"}', {"a": r"\d+\.py"}),
        (r'{"a": "\ud83d\ude42 \ud83d"}', {"a": "🙂 \ufffd"}),
        ('{"a": "\ud83d"}', {"a": "\ufffd"}),
        ('{"a": 1, "a": 1}', {"a": 1}),
        ('{"a": ""}', {"a": ""}),
        ('{“a”: “it is "it"”}', {"a": 'it is "it"'}),
        ("{}", {}),
    ],
)
def test_a_slip_is_understood(text: str, value: JsonValue) -> None:
    assert read_leniently(text) == value


@pytest.mark.parametrize(
    "text",
    [
        '{"a": "x',
        '{"a": "x}',
        "{'a': 'x}",
        '{"a": "x\\',
        '{"a": """x"}',
        '{"a": 1,',
        '{"a": 12',
        '{"a":',
        '{"a"',
        '{"a',
        "{",
        "",
        "[",
        '[1, "b", ',
        '{"a": [',
    ],
)
def test_a_text_that_was_cut_is_not_completed(text: str) -> None:
    with pytest.raises(CutOff):
        read_leniently(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": NaN}',
        '{"a": Infinity}',
        '{"a": 1e999}',
        '{"a": undefined}',
        '{"a": 01}',
        '{"a": 0x10}',
        '{"a": ls}',
        '{"a": "x "y" z"}',
        '{"a": "x" "b": 1}',
        '{"a" "b"}',
        '{"a": 1} and so on',
        'Now: {"a": 1}',
        '{"a": 1, "a": 2}',
        '{"a": [1}, "b": 2}',
        r'{"a": "C:\Users\new"}',
        '{"a": 1 // not closed }',
        '{"a": 1 /* not closed }',
        '{"a": (1, 2)}',
        '{"a": """, "b": """}',
        "[" * 100_000,
        '{"a":' * 100_000,
        "<" * 1_000_000,
    ],
)
def test_what_has_no_reading_or_several_is_refused(text: str) -> None:
    with pytest.raises(JsonError):
        read_leniently(text)


@given(values)
def test_json_is_read_as_json(value: JsonValue) -> None:
    text = json.dumps([value])

    assert read_leniently(text) == decode_json(text.encode())


@given(objects)
@example({"a": "'\"\n"})
def test_python_s_notation_is_read_as_json(value: dict[str, JsonValue]) -> None:
    assert read_leniently(repr(value)) == decode_json(json.dumps(value).encode())


@given(objects)
def test_unescaped_line_breaks_are_read_as_escaped_ones(value: dict[str, JsonValue]) -> None:
    text = json.dumps(value, indent=1)

    assert read_leniently(text.replace("\\n", "\n").replace("\\t", "\t")) == decode_json(text.encode())


@given(objects, st.integers(0, 200))
def test_nothing_but_closing_brackets_is_ever_added(value: dict[str, JsonValue], cut: int) -> None:
    part = json.dumps(value)[:cut]
    try:
        read = read_leniently(part)
    except JsonError:
        return

    assert json.dumps(read).rstrip("]}") == part.rstrip("]}")


@given(st.text(st.sampled_from("\"'\\{}[]:,/*#\n truefalsn0123456789.e-+x"), max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        json.dumps(read_leniently(text))
    except JsonError as error:
        assert str(error)


def test_a_kept_backslash_and_an_escape_in_one_string_have_two_readings() -> None:
    assert unescaped(r"\d\"\\") == '\\d"\\'
    with pytest.raises(JsonError):
        unescaped(r"\d\n")
