"""JSON as typed values, and the only place where bytes become them."""

import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias, cast

import msgspec

from anyclaude.secret import masked

from .slices import SLICE_BYTES, slices, unescaped_slices

JsonValue: TypeAlias = "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
JsonObject: TypeAlias = Mapping[str, JsonValue]
Container: TypeAlias = dict[str, JsonValue] | list[JsonValue]

MAX_DEPTH = 128
"""The nesting limit of objects and arrays.  The real client's tool schemas stay under 20; overflow needs thousands."""


MAX_DIGITS = 4_000
"""Python refuses to read an integer of more than 4,300 digits; none that means anything has a hundredth of them."""


PIECE_CHARACTERS = 4 * 1024
"""What is looked at in one call, which takes up to 5 ms: as long as every character is half of one."""


class JsonError(ValueError):
    """These bytes are not acceptable JSON; the text gives the reason in a few words."""


def decode_json(body: bytes, max_depth: int = MAX_DEPTH) -> JsonValue:
    """
    Parse one JSON document.

    Half a surrogate pair, which JavaScript leaves of an emoji that it cuts in two, becomes U+FFFD:
    otherwise one in its history would get every later request of a client's session rejected.

    Raises:
        JsonError: when the syntax or the UTF-8 is invalid, or the document nests deeper than `max_depth`.
    """
    try:
        value = _parse(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise JsonError(str(error)) from error
    except RecursionError as error:
        raise JsonError("nested too deeply") from error
    if _deeper_than(value, max_depth):
        raise JsonError(f"nested deeper than {max_depth} levels")
    return value


def masked_json(value: JsonValue) -> JsonValue:
    """Return a value without the secrets of this process in its texts, for what is logged or reported."""
    match value:
        case str():
            return masked(value)
        case Mapping():
            return {name: masked_json(part) for name, part in value.items()}
        case Sequence():
            return [masked_json(part) for part in value]
        case _:
            return value


def decode_lenient_json(body: bytes, max_depth: int = MAX_DEPTH) -> JsonValue:
    """
    Parse one JSON document of a program that does not keep to the specification.

    Control characters in a string stay, a byte order mark is dropped, and a number that JSON cannot express is null, in
    any spelling.  Half a surrogate pair stays, because its other half may be in another document, and so does a byte
    that is not UTF-8, as U+DC80 to U+DCFF (PEP 383): `with_whole_characters` makes characters of both.

    Raises:
        JsonError: when the syntax is invalid in any other way, the document nests deeper than `max_depth`, or it
            contains a zero byte, which is damage: no server writes one.
    """
    (value,) = _lenient_values(body, max_depth, read=_parse_leniently)
    return value


def decode_json_sequence(body: bytes, max_depth: int = MAX_DEPTH) -> Sequence[JsonValue]:
    """
    Parse one JSON document as `decode_lenient_json` does, or several, one after another.

    Raises:
        JsonError: as `decode_lenient_json`, for any of them.
    """
    return _lenient_values(body, max_depth, read=_parse_one_after_another)


def _lenient_values(body: bytes, max_depth: int, read: Callable[[str], list[JsonValue]]) -> list[JsonValue]:
    if 0 in body:
        raise JsonError("it contains a zero byte")
    text = _text_of(body).removeprefix("\ufeff")
    try:
        values = read(text)
    except (ValueError, RecursionError):
        try:
            values = read(_NO_NUMBERS.sub(_null_for_no_number, text))
        except (ValueError, RecursionError) as error:
            raise JsonError(str(error)) from error
    if any(_deeper_than(value, max_depth) for value in values):
        raise JsonError(f"nested deeper than {max_depth} levels")
    return values


def with_whole_characters(text: str) -> str:
    """Return a text in which halves of a surrogate pair and bytes of a character are joined; others become U+FFFD."""
    text = _ESCAPED_BYTES.sub(_decoded_bytes, text)
    return "".join(piece.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace") for piece in _pieces(text))


def _pieces(text: str) -> Iterator[str]:
    """Yield a text in pieces that divide no pair, so that other threads can run."""
    start = 0
    while start < len(text):
        end = start + PIECE_CHARACTERS
        end -= "\ud800" <= text[end - 1 : end] <= "\udbff"  # the first half goes with what follows
        yield text[start:end]
        start = end


def encode_json(value: JsonValue) -> bytes:
    """Return the compact JSON of `value`, its keys in their order."""
    return msgspec.json.encode(value)


def canonical_json(value: JsonValue) -> bytes:
    """Return the compact JSON of `value`, its keys sorted: the same for values that differ in their order only."""
    return msgspec.json.encode(value, order="sorted")


def _text_of(body: bytes) -> str:
    try:
        return body.decode("utf-8", "surrogatepass")  # halves of a character that were encoded one by one
    except UnicodeDecodeError:
        return body.decode(errors="surrogateescape")


def _parse_leniently(text: str) -> list[JsonValue]:
    return [cast(JsonValue, _LENIENT.decode(text))]


def _parse_one_after_another(text: str) -> list[JsonValue]:
    values: list[JsonValue] = []
    at = _after_blanks(text, 0)
    while at < len(text):
        value, end = _LENIENT.raw_decode(text, at)
        values.append(cast(JsonValue, value))
        at = _after_blanks(text, end)
    return values or _parse_leniently(text)


_BLANKS = re.compile(r"\s*+")


def _after_blanks(text: str, at: int) -> int:
    found = _BLANKS.match(text, at)
    return found.end() if found else at


_ESCAPED_BYTES = re.compile("(?<![\ud800-\udbff])[\udc80-\udcff]+")


def _decoded_bytes(found: re.Match[str]) -> str:
    return found[0].encode(errors="surrogateescape").decode(errors="replace")


_NO_NUMBERS = re.compile(
    r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[+-]?\b(?:nan(?:\((?:ind|snan)\)|\b)|inf(?:inity)?\b)', re.DOTALL | re.IGNORECASE
)
"""
Every string, so that nothing in one is touched, and what C's `printf` writes for a number that is none.

A string without its end is one too: a search that goes on behind its first quote takes the square of its length.
"""


def _null_for_no_number(found: re.Match[str]) -> str:
    return found[0] if found[0].startswith('"') else "null"


def _null(constant: str) -> None:
    """Return the value of `NaN` and the infinities."""


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _bounded(digits: str) -> int | None:
    return int(digits) if len(digits) <= MAX_DIGITS else None


_LENIENT = json.JSONDecoder(strict=False, parse_constant=_null, parse_float=_finite, parse_int=_bounded)


def _parse(body: bytes) -> JsonValue:
    try:
        return cast(JsonValue, msgspec.json.decode(body))
    except msgspec.DecodeError:
        repaired = _without_half_pairs(body)
        if repaired == body:
            raise
        return cast(JsonValue, msgspec.json.decode(repaired))


_HIGH, _LOW = rb"\\u[dD][89abAB][0-9a-fA-F]{2}", rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_HALF_PAIR = re.compile(rb"%b(?!%b)|(?<!%b)%b" % (_HIGH, _LOW, _HIGH, _LOW))


_PAIR_BYTES = len(r"\ud83d\ude00")


def _without_half_pairs(body: bytes) -> bytes:
    """
    Return JSON with U+FFFD for each half of a surrogate pair, in steps between which other threads can run.

    A zero byte, which no JSON has, stands for two backslashes meanwhile, so that any other one begins an escape.
    """
    if 0 in body:
        return body
    marked = b"".join([piece.replace(rb"\\", b"\0") for piece in unescaped_slices(body)])
    repaired = bytearray()
    position = 0
    for half in _half_pairs(marked):
        repaired += marked[position : half.start()] + rb"\ufffd"
        position = half.end()
    if not position:
        return body
    repaired += marked[position:]
    return b"".join([piece.replace(b"\0", rb"\\") for piece in slices(bytes(repaired))])


def _half_pairs(marked: bytes) -> Iterator[re.Match[bytes]]:
    """Yield each half, searched for in slices that end behind any pair that begins in them."""
    for start in range(0, len(marked), SLICE_BYTES):
        end = start + SLICE_BYTES
        position = start
        while (half := _HALF_PAIR.search(marked, position, end + _PAIR_BYTES)) is not None and half.start() < end:
            yield half
            position = half.end()


def _deeper_than(value: JsonValue, limit: int) -> bool:
    """Return whether a value nests deeper; goes level by level, so that the check itself cannot overflow the stack."""
    level: list[Container] = [[value]]
    for _ in range(limit):
        level = [inside for inside in _containers_in(level) if inside]
        if not level:
            return False
    return next(_containers_in(level), None) is not None


def _containers_in(level: Iterable[Container]) -> Iterator[Container]:
    """Yield the containers directly inside these.  Compares exact types for speed: every request is walked in full."""
    for container in level:
        for value in container.values() if isinstance(container, dict) else container:
            if type(value) is dict or type(value) is list:
                yield value
