"""Bounds on the JSON of a request, which no conversation reaches."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.errors import RequestTooLarge
from anyclaude.protocol.detached_data import MAX_TEXT_BYTES
from anyclaude.protocol.json_bounds import (
    MAX_CONTAINERS,
    MAX_DIGITS,
    MAX_ESCAPES,
    MAX_KEYS,
    MAX_VALUES,
    JsonContents,
    check_bounds,
    contents_of,
    is_bounded,
)
from anyclaude.protocol.slices import SLICE_BYTES

AWKWARD = st.text(st.sampled_from('[]{}:",\\aé\n 😀'), max_size=20)
JSON = st.recursive(
    AWKWARD | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(AWKWARD, inner, max_size=4),
    max_leaves=30,
)


def counted(value: object) -> JsonContents:
    """Return the containers, keys and values of a value."""
    match value:
        case dict():
            inner = [counted(item) for item in value.values()]
            own = JsonContents(1, len(value), max(len(value) - 1, 0))
        case list():
            inner = [counted(item) for item in value]
            own = JsonContents(1, 0, max(len(value) - 1, 0))
        case _:
            return JsonContents()
    return JsonContents(
        own.containers + sum(each.containers for each in inner),
        own.keys + sum(each.keys for each in inner),
        own.values + sum(each.values for each in inner),
    )


@given(JSON, st.booleans(), st.integers(0, 5))
def test_what_stands_in_strings_does_not_count(value: object, is_ascii: bool, shift: int) -> None:
    padding = "\\" * (SLICE_BYTES // 2) + "a" * shift  # so that a slice ends anywhere in what follows
    whole = [padding, value, padding, value]
    body = json.dumps(whole, ensure_ascii=is_ascii).encode(errors="surrogatepass")
    expected = counted(whole)

    contents = contents_of(body)

    assert (contents.containers, contents.keys, contents.values) == (
        expected.containers,
        expected.keys,
        expected.values,
    )
    assert contents.escapes == body.count(b"\\")


@pytest.mark.parametrize(("unit", "most"), [(b"{},", MAX_CONTAINERS), (b"1,", MAX_VALUES)])
def test_an_event_of_more_parts_than_any_reply_is_not_bounded(unit: bytes, most: int) -> None:
    assert is_bounded(b"[" + unit * (most - 1) + b"1]")
    assert not is_bounded(b"[" + unit * (most + 1) + b"1]")
    assert is_bounded(b'["' + unit * (most + 1) + b'"]')


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"[" + b"[]," * MAX_CONTAINERS + b"[]]", "objects and lists"),
        (b"[" + b"[ ] ,\n" * MAX_CONTAINERS + b"[]]", "objects and lists"),
        (b"{" + b'"a":1,' * MAX_KEYS + b'"a":1}', "keys"),
        (b"[" + b"1," * MAX_VALUES + b"1,1]", "values"),
        (b'{"messages":[' + b'"",' * MAX_VALUES + b'"",""]}', "values"),
        (b'["' + rb"\\" * (MAX_ESCAPES // 2 + 1) + b'"]', "escaped characters"),
        (b'["' + rb"\ud83d" * (MAX_ESCAPES + 1) + b'"]', "escaped characters"),
        (b'["' + rb"\n" * (MAX_ESCAPES + 1), "escaped characters"),
        (b"[" + b" " * 200_000 + b"1" * 4 * MAX_DIGITS + b"]", "number of more than 128 digits"),
        (b'{"a":' + b"9" * 1_000_000, "number of more than 128 digits"),
        (b"[" + b'{"a":1},' * 45_000 + b'"",' * 150_000 + b'"' + rb"\n" * 900_000, "too much of all at once"),
    ],
)
def test_what_takes_long_to_decode_is_refused(body: bytes, words: str) -> None:
    with pytest.raises(RequestTooLarge, match=words):
        check_bounds(body)


@pytest.mark.parametrize(
    "text",
    [
        "0123456789" * (MAX_TEXT_BYTES // 20),
        "word, " * (MAX_TEXT_BYTES // 6),
        'if (a[i] == {}) { return [b: c, "d"]; }\n' * 100_000,
    ],
)
def test_text_may_consist_of_anything(text: str) -> None:
    check_bounds(json.dumps({"system": text}).encode())


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_a_field_that_is_decoded_in_one_call_is_small(separators: tuple[str, str]) -> None:
    def body(size: int) -> bytes:
        return json.dumps({"messages": ["x" * 10**6], "model": "a" * size}, separators=separators).encode()

    check_bounds(body(1_000))
    with pytest.raises(RequestTooLarge, match="model: should have at most 131,072 bytes"):
        check_bounds(body(140_000))
