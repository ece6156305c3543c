"""Bounds on the JSON of a request, which no conversation reaches."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyclaude.errors import RequestTooLarge
from anyclaude.protocol.json_bounds import (
    MAX_CONTAINERS,
    MAX_KEYS,
    MAX_TEXT_BYTES,
    MAX_VALUES,
    PIECE_BYTES,
    JsonContents,
    check_bounds,
    contents_of,
    is_bounded,
)

AWKWARD = st.text(st.sampled_from('[]{}:",\\aé\n 😀'), max_size=20)
JSON = st.recursive(
    AWKWARD | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(AWKWARD, inner, max_size=4),
    max_leaves=30,
)


def counted(value: object) -> tuple[int, int, int]:
    """Return the containers, the keys and the commas of a value."""
    if not isinstance(value, dict | list):
        return 0, 0, 0
    keys = len(value) if isinstance(value, dict) else 0
    inner = [counted(item) for item in (value.values() if isinstance(value, dict) else value)]
    containers, more_keys, commas = (sum(each[place] for each in inner) for place in range(3))
    return 1 + containers, keys + more_keys, max(len(value) - 1, 0) + commas


@given(JSON, st.booleans(), st.integers(0, 5))
def test_brackets_and_colons_count_outside_of_strings_only(value: object, is_ascii: bool, shift: int) -> None:
    padding = (
        "\\" * (PIECE_BYTES // 2) + "a" * shift
    )  # so that a piece ends anywhere in what follows, also in an escape
    body = json.dumps([padding, value, padding, value], ensure_ascii=is_ascii).encode(errors="surrogatepass")
    containers, keys, commas = counted(value)

    assert contents_of(body) == JsonContents(len(body), 1 + 2 * containers, 2 * keys, 3 + 2 * commas)


@pytest.mark.parametrize(("unit", "most"), [(b"{},", MAX_CONTAINERS), (b"1,", MAX_VALUES)])
def test_an_event_of_more_parts_than_any_reply_is_not_bounded(unit: bytes, most: int) -> None:
    assert is_bounded(b"[" + unit * (most - 1) + b"1]")
    assert not is_bounded(b"[" + unit * (most + 1) + b"1]")
    assert is_bounded(b'["' + unit * (most + 1) + b'"]')


def test_base64_is_no_text() -> None:
    data = base64.b64encode(bytes(range(256)) * 100_000).decode()
    body = json.dumps({"messages": [data, data], "text": "[" * 100}).encode()

    contents = contents_of(body)

    assert (contents.containers, contents.keys) == (2, 2)
    assert contents.text_bytes < 4 * PIECE_BYTES
    check_bounds(body)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"[" + b"[]," * MAX_CONTAINERS + b"[]]", "objects and lists"),
        (b"[" + b"[ ] ,\n" * MAX_CONTAINERS + b"[]]", "objects and lists"),
        (b"{" + b'"a":1,' * MAX_KEYS + b'"a":1}', "keys"),
        (b'["' + b"word " * (MAX_TEXT_BYTES // 5) + b'"]', "no model's window"),
        (b'["' + rb"\\" * (MAX_TEXT_BYTES // 2) + b'"]', "no model's window"),
        (b'["' + rb"\ud83d" * (MAX_TEXT_BYTES // 6) + b'"]', "no model's window"),
        (b"[" + b" " * MAX_TEXT_BYTES + b"]", "no model's window"),
        (b"[" + b"1," * (MAX_TEXT_BYTES // 2) + b"1]", "no model's window"),
    ],
)
def test_what_takes_long_to_decode_is_refused(body: bytes, words: str) -> None:
    with pytest.raises(RequestTooLarge, match=words):
        check_bounds(body)


def test_text_may_contain_any_number_of_brackets() -> None:
    code = "if (a[i] == {}) { return [b: c]; }\n" * 100_000
    assert code.count("[") > MAX_CONTAINERS

    check_bounds(json.dumps({"system": code}).encode())


@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_a_field_that_is_decoded_in_one_call_is_small(separators: tuple[str, str]) -> None:
    def body(size: int) -> bytes:
        return json.dumps({"messages": ["x" * 10**6], "model": "a" * size}, separators=separators).encode()

    check_bounds(body(1_000))
    with pytest.raises(RequestTooLarge, match="model: should have at most 131,072 bytes"):
        check_bounds(body(140_000))
