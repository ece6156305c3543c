"""Converts the text of a flag or a variable, or a value of the configuration file, to the type of its setting."""

import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import get_args

import msgspec
from msgspec.structs import replace

from anyclaude.errors import InvalidSetting

from .setting import Setting
from .table import FALLBACK
from .values import Fallback


def from_text(setting: Setting, text: str, origin: str) -> object:
    """
    Return the value that a flag or a variable contains; lists are separated by commas.

    Raises `InvalidSetting`, which names `origin`, the value, and what is allowed.
    """
    if Path not in (setting.kind, *get_args(setting.kind)):
        _check_is_text(text, origin)
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
    near = _nearest(name, names)
    return f"; did you mean {near!r}?" if near else f"; the settings are {', '.join(names)}"


def _nearest(name: str, names: Iterable[str]) -> str | None:
    return next(iter(difflib.get_close_matches(name.casefold(), list(names), n=1)), None)


def _check_is_text(text: str, origin: str) -> None:
    """Refuse a value that is no text, as only the name of a file may be: it could be in no request."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidSetting(f"{origin}: {text!r} is no text in UTF-8") from error


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def _fallback(text: str) -> dict[str, str]:
    """Return `mode-or-url[#model]` as it would be written in the file."""
    server, _, model = text.partition("#")
    place = {"url": server} if re.search("[:/.]", server) else {"mode": server}
    return {**place, "model": model} if model else place


def _converted(setting: Setting, value: object, origin: str, *, strict: bool) -> object:
    value = setting.present_value(value)
    try:
        converted: object = msgspec.convert(value, setting.kind, strict=strict, dec_hook=_path)
    except msgspec.ValidationError as error:
        raise InvalidSetting(f"{origin}: {_explained(error, value, setting)}") from error
    if setting.choices and converted not in setting.choices:
        raise InvalidSetting(f"{origin}: {_not_among(converted, setting.choices)}")
    return _checked_fallbacks(converted, origin) if setting.name == "fallbacks" else converted


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
    names = list(choices)
    near = _nearest(str(value), names)
    return f"{value!r} is not one of {', '.join(names)}" + (f"; did you mean {near!r}?" if near else "")


def _checked_fallbacks(fallbacks: object, origin: str) -> tuple[Fallback, ...]:
    """Refuse a kind of server that does not exist: kinds are names of a table, which no type knows."""
    row = next(row for row in FALLBACK if row.name == "mode")
    checked: list[Fallback] = []
    for fallback in fallbacks if isinstance(fallbacks, tuple) else ():
        mode = row.present_value(fallback.mode)
        if mode is not None and mode not in row.choices:
            raise InvalidSetting(f"{origin}: {_not_among(mode, row.choices)}")
        checked.append(replace(fallback, mode=mode))
    return tuple(checked)
