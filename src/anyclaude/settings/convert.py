"""Converts the text of a flag or a variable, or a value of the configuration file, to the type of its setting."""

import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import get_args

import msgspec

from anyclaude.errors import InvalidSetting

from .setting import Setting
from .table import FALLBACK
from .values import Fallback


def from_text(setting: Setting, text: str, origin: str) -> object:
    """
    Return the value that a flag or a variable contains; lists are separated by commas.

    Raises `InvalidSetting`, which names `origin`, the value, and what is allowed.
    """
    if setting.name == "fallbacks":
        fallbacks = [_fallback(item) for item in _items(text)]
        return from_document(setting, fallbacks, origin)
    if frozenset[str] in (setting.kind, *get_args(setting.kind)):
        return frozenset(_items(text))
    return _converted(setting, text, origin, strict=False)


def from_document(setting: Setting, value: object, origin: str) -> object:
    """Return the value that the configuration file contains; raises `InvalidSetting` in the same way."""
    return _converted(setting, value, origin, strict=True)


def nearest(name: str, names: Iterable[str]) -> str:
    """Return an addition to an error message about an unknown name: the most similar one, else all of them."""
    names = list(names)
    near = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(names)}"


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def _fallback(text: str) -> dict[str, str]:
    """Return `mode-or-url[#model]` as it would be written in the file."""
    server, _, model = text.partition("#")
    place = {"url": server} if re.search("[:/.]", server) else {"mode": server}
    return {**place, "model": model} if model else place


def _converted(setting: Setting, value: object, origin: str, *, strict: bool) -> object:
    try:
        converted: object = msgspec.convert(value, setting.kind, strict=strict, dec_hook=_path)
    except msgspec.ValidationError as error:
        raise InvalidSetting(f"{origin}: {_explained(error, value, setting)}") from error
    if setting.choices and converted not in setting.choices:
        raise InvalidSetting(f"{origin}: {_not_among(converted, setting.choices)}")
    if setting.name == "fallbacks":
        _check_fallbacks(converted, origin)
    return converted


def _path(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise msgspec.ValidationError(f"expected a path, got {value!r}")


def _explained(error: msgspec.ValidationError, value: object, setting: Setting) -> str:
    """Return what is allowed, in the words of the person who wrote the value."""
    text = str(error)
    if unknown := re.search(r"unknown field `([^`]*)`", text):
        return f"there is no setting {unknown[1]!r}{nearest(unknown[1], (row.name for row in FALLBACK))}"
    if "enum value" in text:
        return _not_among(value, setting.allowed_values)
    return f"{value!r} cannot be used: {text[0].lower()}{text[1:]}; allowed: {setting.allowed_text}"


def _not_among(value: object, choices: Iterable[str]) -> str:
    return f"{value!r} is none of {', '.join(choices)}"


def _check_fallbacks(fallbacks: object, origin: str) -> None:
    """Refuse a kind of server that does not exist: kinds are names of a table, which no type knows."""
    choices = next(row.choices for row in FALLBACK if row.name == "mode")
    for fallback in fallbacks if isinstance(fallbacks, tuple) else ():
        if isinstance(fallback, Fallback) and fallback.mode is not None and fallback.mode not in choices:
            raise InvalidSetting(f"{origin}: {_not_among(fallback.mode, choices)}")
