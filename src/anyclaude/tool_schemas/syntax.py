"""The JSON text of a call's arguments, read as an object although its syntax may be wrong."""

import re
from collections.abc import Iterator, Set
from typing import cast

from msgspec import Struct

from anyclaude.protocol.json_bounds import is_bounded
from anyclaude.protocol.json_values import JsonError, JsonObject, JsonValue, decode_json, decode_json_sequence

from .lenient_json import CutOff, read_leniently, unescaped

SYNTAX = "JSON syntax"
ENCODED_TWICE = "arguments that are encoded twice"
NOTHING = "no arguments"
SURPLUS = "a surplus object beside the arguments"

MAX_ENCODINGS = 3
"""The number of JSON strings around the arguments: two were seen in the wild, where two layers each add one."""

MAX_REPAIRED_CHARACTERS = 20_000
MAX_REPAIRED_BRACKETS = 200
"""The longest text for json-repair, which needs 0.2 s for as many quotes, and the most brackets that may open in it:
nested ones take 0.7 ms each."""


class Reading(Struct, frozen=True):
    """Arguments as an object, and what was changed in their text to read them."""

    arguments: JsonObject
    changes: tuple[str, ...] = ()


def read_arguments(text: str, known: Set[str] = frozenset()) -> Reading:
    """
    Return the arguments that `text` means; an empty text means none.

    `known` are the arguments that the tool has, which tell a key from a string with quotes in it.

    Raises:
        JsonError: when it is not an object, was cut, has no reading or several, or consists of more parts than any
            arguments.
    """
    if not text.strip():
        return Reading({})
    if not is_bounded(text.encode("utf-8", "surrogatepass")):
        raise JsonError("the arguments consist of too many parts")
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
        if (only := _only_object(text) or _last_sum(text)) is not None:
            return only, (SURPLUS,)
        try:
            return read_leniently(text), (SYNTAX,)
        except CutOff:
            raise
        except JsonError as lenient:
            value = _with_quotes_in_strings(text, known)
            if value is None:
                raise JsonError(f"{lenient}; as JSON: {strict}") from lenient
            return value, (SYNTAX,)


def _only_object(text: str) -> JsonObject | None:
    """Return the object of a text that holds it several times, or beside empty ones, which servers add to a call."""
    try:
        values = decode_json_sequence(text.encode("utf-8", "surrogatepass"))
    except JsonError:
        return None
    objects = [value for value in values if isinstance(value, dict)]
    filled = [value for value in objects if value] or objects[:1]
    is_one = len(values) > 1 and len(objects) == len(values) and all(value == filled[0] for value in filled)
    return filled[0] if is_one else None


def _last_sum(text: str) -> JsonObject | None:
    """
    Return the object of a text that has the beginnings of it before it, from a server that sends the sum each time.

    In `{"a":{"a":1}` the second piece may be a value or a sum; only a text that is no JSON as it stands comes here.
    """
    if len(text) > MAX_REPAIRED_CHARACTERS or text.count("{") > MAX_REPAIRED_BRACKETS:
        return None
    for start in _places_of_braces(text):
        whole = text[start:]
        if start and (value := _object(whole)) is not None and _is_made_of_beginnings(text[:start], whole):
            return value
    return None


def _is_made_of_beginnings(text: str, whole: str) -> bool:
    """Return whether a text is a sequence of beginnings of `whole`."""
    while text:
        start = next((at for at in _places_of_braces(text) if whole.startswith(text[at:])), None)
        if start is None:
            return False
        text = text[:start]
    return True


def _places_of_braces(text: str) -> Iterator[int]:
    """Yield the places of opening braces, the last first."""
    at = text.rfind("{")
    while at >= 0:
        yield at
        at = text.rfind("{", 0, at)


def _object(text: str) -> JsonObject | None:
    try:
        value = decode_json(text.encode("utf-8", "surrogatepass"))
    except JsonError:
        return None
    return value if isinstance(value, dict) else None


def _with_quotes_in_strings(text: str, known: Set[str]) -> JsonObject | None:
    """
    Return the arguments of a text whose strings contain quotes that should have been escaped, `None` if unsure.

    json-repair decides by heuristics where a string ends, and drops what does not fit.  Its result counts only if it
    has no argument that the tool does not have, if the text is its JSON but for the missing escapes, and if no string
    contains what may be another argument.
    """
    if len(text) > MAX_REPAIRED_CHARACTERS or text.count("{") + text.count("[") > MAX_REPAIRED_BRACKETS:
        return None
    from json_repair import loads  # 50 ms that a start does not have

    try:
        repaired = loads(text, skip_json_loads=True)
        is_certain = _is_json_of(unescaped(text), cast(JsonValue, repaired))
        is_certain = is_certain and not any(_has_key(text, known) for text in _strings(cast(JsonValue, repaired)))
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return None
    if not is_certain or not isinstance(repaired, dict) or not repaired.keys() <= known:
        return None
    return cast(JsonObject, repaired)


_KEY = re.compile(r'"(?=([^"]*+)"\s*+:)')


def _has_key(text: str, known: Set[str]) -> bool:
    """Return whether a text contains an argument's name as a key."""
    return not known.isdisjoint(_KEY.findall(text))


def _strings(value: JsonValue) -> list[str]:
    """Return the strings in a value, without keys."""
    match value:
        case str():
            return [value]
        case dict():
            return [text for item in value.values() for text in _strings(item)]
        case list():
            return [text for item in value for text in _strings(item)]
        case _:
            return []


def _is_json_of(text: str, value: JsonValue) -> bool:
    """Return whether the text is the JSON of the value, but for white space and for quotes that are not escaped."""
    at = 0
    for token in _tokens(value):
        at = _next(text, at)
        if not text.startswith(token, at):
            return False
        at += len(token)
    return not text[at:].strip()


def _next(text: str, at: int) -> int:
    """Return the position of the next character that is not white space."""
    blank = BLANK.match(text, at)
    return blank.end() if blank else at


BLANK = re.compile(r"\s*+")


def _tokens(value: JsonValue) -> Iterator[str]:
    """Yield the tokens of a value's JSON, its strings without escapes."""
    match value:
        case dict():
            yield "{"
            for position, (key, item) in enumerate(value.items()):
                if position:
                    yield ","
                yield f'"{key}"'
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
            yield f'"{value}"'
        case None:
            yield "null"
        case bool():
            yield str(value).lower()
        case _:
            yield str(value)
