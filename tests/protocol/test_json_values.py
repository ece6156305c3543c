"""JSON is decoded strictly and encoded again without changes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.parts.requests import json_values

from anyclaude.protocol.json_values import (
    MAX_DEPTH,
    PIECE_CHARACTERS,
    JsonError,
    JsonValue,
    canonical_json,
    decode_json,
    decode_json_sequence,
    decode_lenient_json,
    encode_json,
    with_whole_characters,
)


@given(json_values)
def test_json_written_by_python_is_decoded_to_the_same_value(value: JsonValue) -> None:
    assert decode_json(json.dumps(value).encode()) == value


@given(json_values)
def test_a_decoded_value_is_encoded_in_the_same_order(value: JsonValue) -> None:
    compact = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
    ours = encode_json(decode_json(compact))

    assert json.dumps(json.loads(ours)) == json.dumps(json.loads(compact))


@given(json_values)
def test_canonical_json_is_the_json_of_the_value_with_sorted_keys(value: JsonValue) -> None:
    def with_reversed_keys(value: JsonValue) -> JsonValue:
        match value:
            case dict():
                return {name: with_reversed_keys(value[name]) for name in reversed(value)}
            case list():
                return [with_reversed_keys(item) for item in value]
            case _:
                return value

    assert canonical_json(with_reversed_keys(value)) == canonical_json(value)
    assert json.loads(canonical_json(value)) == value


@given(st.binary(max_size=40))
def test_any_bytes_are_decoded_as_python_does_or_rejected(body: bytes) -> None:
    try:
        value = decode_json(body)
    except JsonError as error:
        assert str(error)
    else:
        assert value == json.loads(body)


def nested(opening: str, closing: str, depth: int) -> bytes:
    return (opening * depth + "1" + closing * depth).encode()


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
def test_a_document_can_nest_to_the_limit_and_no_deeper(opening: str, closing: str) -> None:
    levels = opening.count("[") + opening.count("{")
    deepest = MAX_DEPTH // levels

    assert decode_json(nested(opening, closing, deepest)) is not None
    with pytest.raises(JsonError, match="nested deeper than 128 levels"):
        decode_json(nested(opening, closing, deepest + 1))


def test_the_depth_is_that_of_the_deepest_part() -> None:
    shallow, deep = b"[1,{}]", nested("[", "]", MAX_DEPTH)

    with pytest.raises(JsonError):
        decode_json(b"[" + b",".join([shallow, deep, shallow]) + b"]")


@pytest.mark.parametrize("depth", [5_000, 1_000_000])
@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_excessive_nesting_is_rejected(opening: bytes, depth: int) -> None:
    with pytest.raises(JsonError):
        decode_json(opening * depth)


@pytest.mark.parametrize(
    "body",
    [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"01", b"1.", b"'a'", b"{a:1}", b"[1,]", b'"\n"', b"\xef\xbb\xbf1"],
)
def test_invalid_json_is_rejected(body: bytes) -> None:
    with pytest.raises(JsonError):
        decode_json(body)


@pytest.mark.parametrize("body", [b'"\xed\xa0\xbd"', b'"\xff"', b'["\\ud83d", "\xff"]'])
def test_invalid_unicode_is_rejected(body: bytes) -> None:
    with pytest.raises(JsonError):
        decode_json(body)


@pytest.mark.parametrize("value", ["😀", "\u2028", "\x00", "\ufeff", "\ufffd"])
def test_unusual_but_valid_text_is_preserved(value: str) -> None:
    assert decode_json(encode_json(value)) == value
    assert decode_json(json.dumps(value).encode()) == value


@pytest.mark.parametrize("value", [2**53 + 1, 2**64, -(2**64), 10**4000, -0.0, 5e-324, 1.7976931348623157e308])
def test_numbers_are_preserved_to_the_last_digit(value: JsonValue) -> None:
    again = decode_json(encode_json(value))

    assert again == value
    assert type(again) is type(value)


def test_json_is_encoded_without_spaces_and_in_utf8() -> None:
    assert encode_json({"b": [1, None], "a": "é"}) == '{"b":[1,null],"a":"é"}'.encode()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'"cut \ud83d"', "cut \ufffd"),
        (r'"\ude00 rest"', "\ufffd rest"),
        (r'"\ud83d\ud83d\ude00"', "\ufffd\U0001f600"),
        (r'{"\ud83d": "\\ud83d"}', {"\ufffd": "\\ud83d"}),
        (r'"\\\ud83d"', "\\\ufffd"),
    ],
)
def test_half_a_surrogate_pair_becomes_a_replacement_character_and_nothing_else_changes(
    text: str, value: JsonValue
) -> None:
    assert decode_json(text.encode()) == value


@given(json_values)
def test_valid_json_is_decoded_leniently_to_the_same_value(value: JsonValue) -> None:
    body = encode_json(value)

    assert decode_lenient_json(body) == decode_json(body)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'"a\tb\n"', "a\tb\n"),
        (b'"\xff"', "\udcff"),
        (b"[NaN,-Infinity,1e999,1.5]", [None, None, None, 1.5]),
        (rb'"\ud83d"', "\ud83d"),
        (b'"\xed\xa0\xbd"', "\ud83d"),
        (b"\xef\xbb\xbf1", 1),
        (b"[nan,-nan(ind),inf,-infinity,+INF]", [None] * 5),
        (b'{"nan":" inf, \\" nan","a":nan}', {"nan": ' inf, " nan', "a": None}),
        (b"9" * 5_000, None),
    ],
)
def test_what_json_forbids_is_decoded_leniently(body: bytes, value: JsonValue) -> None:
    assert decode_lenient_json(body) == value


@pytest.mark.parametrize("body", [b"", b"{", b"{a:1}", b'"a\0b"', b"[1,]", b"[" * 200 + b"]" * 200, b"[" * 100_000])
def test_what_has_no_meaning_is_rejected_even_leniently(body: bytes) -> None:
    with pytest.raises(JsonError):
        decode_lenient_json(body)


@given(st.text(st.characters(codec="utf-8")))
def test_a_text_of_whole_characters_is_not_changed(text: str) -> None:
    assert with_whole_characters(text) == text


def test_halves_that_belong_together_are_joined_and_others_replaced() -> None:
    assert with_whole_characters("\ud83d\ude00 \ud83d \ude00") == "\U0001f600 \ufffd \ufffd"
    assert with_whole_characters("\udcc3\udca9 \udcff \ud83d\udcc3") == "é \ufffd \U0001f4c3"


@pytest.mark.parametrize("shift", [-3, -2, -1, 0])
def test_halves_of_a_character_are_joined_anywhere_in_a_long_text(shift: int) -> None:
    before = "a" * (PIECE_CHARACTERS + shift)

    assert (
        with_whole_characters(before + "\ud83d\ud83d\ude00\ud83d" + before) == f"{before}\ufffd\U0001f600\ufffd{before}"
    )


@given(st.lists(json_values, min_size=1, max_size=4), st.sampled_from([" ", "\n", " \r\n "]))
def test_documents_one_after_another_are_read_in_their_order(values: list[JsonValue], between: str) -> None:
    text = between.join(json.dumps(value) for value in values)

    assert decode_json_sequence(text.encode()) == [decode_lenient_json(json.dumps(value).encode()) for value in values]


@pytest.mark.parametrize("body", [b"", b" ", b'{"a":1}x', b'{"a":1}{', b"{} \x00"])
def test_an_incomplete_sequence_is_an_error(body: bytes) -> None:
    with pytest.raises(JsonError):
        decode_json_sequence(body)
