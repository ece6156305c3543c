"""The JSON text of a call's arguments, read as an object although its syntax may be wrong."""

import re
from collections.abc import Iterator, Set
from typing import cast

from msgspec import Struct

from anyclaude.protocol.json_values import JsonError, JsonObject, JsonValue, decode_json

from .lenient_json import CutOff, read_leniently, unescaped

SYNTAX = "JSON syntax"
ENCODED_TWICE = "arguments that are encoded twice"
NOTHING = "no arguments"

MAX_ENCODINGS = 3
"""The number of JSON strings around the arguments: two were seen in the wild, where two layers each add one."""

MAX_REPAIRED_CHARACTERS = 100_000
"""The longest text for json-repair, whose look-ahead at every quote is not linear; this takes it 0.2 s."""


class Reading(Struct, frozen=True):
    """Arguments as an object, and what was changed in their text to read them."""

    arguments: JsonObject
    changes: tuple[str, ...] = ()


def read_arguments(text: str, known: Set[str] = frozenset()) -> Reading:
    """
    Return the arguments that `text` means; an empty text means none.

    `known` are the arguments that the tool has, which tell a key from a string with quotes in it.

    Raises:
        JsonError: when it is not an object, was cut, or has no reading or several.
    """
    if not text.strip():
        return Reading({})
    value, changes = _read(text, known)
    for _ in range(MAX_ENCODINGS):
        if not isinstance(value, str) or not value.strip():
            break
        value, more = _read(value, known)
        changes = (ENCODED_TWICE, *more)
    if isinstance(value, dict):
        return Reading(value, changes)
    if value is None or value == "" or value == []:
        return Reading({}, (*changes, NOTHING))
    raise JsonError("the arguments are not a JSON object")


def _read(text: str, known: Set[str]) -> tuple[JsonValue, tuple[str, ...]]:
    """Return the value of a text by the strictest reader that takes it, and the name of the repair."""
    try:
        return decode_json(text.encode("utf-8", "surrogatepass")), ()
    except JsonError as strict:
        try:
            return read_leniently(text), (SYNTAX,)
        except CutOff:
            raise
        except JsonError as lenient:
            value = _with_quotes_in_strings(text, known)
            if value is None:
                raise JsonError(f"{lenient}; as JSON: {strict}") from lenient
            return value, (SYNTAX,)


def _with_quotes_in_strings(text: str, known: Set[str]) -> JsonObject | None:
    """
    Return the arguments of a text whose strings contain quotes that should have been escaped, `None` if unsure.

    json-repair decides by heuristics where a string ends, and drops what does not fit.  Its result counts only if it
    has no argument that the tool does not have, and differs from the text in nothing but quotes and white space
    between the strings.
    """
    if len(text) > MAX_REPAIRED_CHARACTERS:
        return None
    from json_repair import loads  # 50 ms that a start does not have

    try:
        repaired = loads(text, skip_json_loads=True)
        is_certain = _is_conserved(unescaped(text), cast(JsonValue, repaired))
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return None
    return (
        cast(JsonObject, repaired) if is_certain and isinstance(repaired, dict) and repaired.keys() <= known else None
    )


QUOTES_AND_BLANKS = re.compile(r'["\s]+')
CLOSING = re.compile(r"[\s\]}]+\Z")


def _is_conserved(text: str, repaired: JsonValue) -> bool:
    """Return whether every string stands in the text behind a quote, in order, and nothing else was lost or added."""
    tokens = list(_tokens(repaired))
    at = 0
    for token in tokens:
        if isinstance(token, _Text):
            at = text.find(f'"{token}', at)
            if at < 0:
                return False
            at += 1 + len(token)
    last = next((token for token in reversed(tokens) if token not in {"}", "]"}), "")
    if isinstance(last, _Text) and not CLOSING.sub("", text).endswith('"'):
        return False
    return QUOTES_AND_BLANKS.sub("", "".join(tokens)) == QUOTES_AND_BLANKS.sub("", text)


class _Text(str):
    """A string of the arguments, as opposed to a bracket, a number or a literal."""

    __slots__ = ()


def _tokens(value: JsonValue) -> Iterator[str]:
    """Yield the tokens of a value's compact JSON, its strings without quotes and escapes."""
    match value:
        case dict():
            yield "{"
            for position, (key, item) in enumerate(value.items()):
                if position:
                    yield ","
                yield _Text(key)
                yield ":"
                yield from _tokens(item)
            yield "}"
        case list():
            yield "["
            for position, item in enumerate(value):
                if position:
                    yield ","
                yield from _tokens(item)
            yield "]"
        case str():
            yield _Text(value)
        case None:
            yield "null"
        case bool():
            yield str(value).lower()
        case _:
            yield str(value)
