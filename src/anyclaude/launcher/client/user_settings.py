"""
The client's settings as it will read them: the files, the flag and the exported variables, in its own order.

`env` in any of the files wins over an exported variable, so only the whole of them tells which proxy, model or limit
the client will have.  The order, the files and the conversions of values were measured with Claude Code 2.1.332
(`tests/trials/test_settings_sources.py`).
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NoReturn, TypeAlias

import msgspec
from msgspec import Struct

from .flags import before_separator, flag_value

JsonObject: TypeAlias = dict[str, object]

SourceName: TypeAlias = Literal["global", "user", "project", "local", "flag", "managed"]
"""The sources of settings, from the weakest to the strongest; exported variables are weaker than all of them."""

CHOOSABLE: tuple[SourceName, ...] = ("user", "project", "local")
"""The sources that `--setting-sources` chooses from; the others are always read."""

MANAGED_FOLDERS = {"darwin": "/Library/Application Support/ClaudeCode", "win32": "C:/Program Files/ClaudeCode"}
LINUX_MANAGED_FOLDER = "/etc/claude-code"
"""Where an administrator's settings are (code.claude.com/docs/en/settings).  Those in the registry of Windows, in the
preferences of macOS, or fetched for a login at Anthropic are not read here."""

FORM = {"env": dict, "permissions": dict, "model": str, "availableModels": list, "apiKeyHelper": str}
"""The form of the fields that are read here.  A file in which one has another is not used by the client at all; of an
administrator's, the other fields are, and a list of models in another form allows none."""

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class SettingsSource(Struct, frozen=True):
    """One source of settings: its name, the file or flag to tell the user of, and what it contains."""

    name: SourceName
    place: str
    values: JsonObject

    @property
    def environment(self) -> dict[str, str]:
        """The variables that it sets."""
        return {name: _text(value) for name, value in _object(self.values.get("env")).items()}


class FoundValue(Struct, frozen=True):
    """A variable's value, and the source that sets it; `None` if it is exported."""

    value: str
    source: SettingsSource | None


class UserSettings(Struct, frozen=True):
    """
    The exported variables, and the sources of settings from the weakest to the strongest.

    `is_flag_unreadable`: `--settings` gives no object that can be read.
    """

    exported: Mapping[str, str]
    sources: tuple[SettingsSource, ...] = ()
    is_flag_unreadable: bool = False

    @property
    def environment(self) -> dict[str, str]:
        """The variables as the client will have them, before anything of ours is added."""
        return {**self.exported, **self.environment_of_sources}

    @property
    def environment_of_sources(self) -> dict[str, str]:
        """The variables that the sources set."""
        return {name: value for source in self.sources for name, value in source.environment.items()}

    @property
    def managed(self) -> tuple[SettingsSource, ...]:
        """The administrator's settings, which win over the user's and over ours."""
        return tuple(source for source in self.sources if source.name == "managed")

    @property
    def given(self) -> SettingsSource:
        """The user's `--settings`; without any, it sets nothing."""
        nothing = SettingsSource("flag", "--settings", {})
        return next((source for source in self.sources if source.name == "flag"), nothing)

    @property
    def permission_mode(self) -> str | None:
        """The `permissions.defaultMode` that counts."""
        modes = (_object(source.values.get("permissions")).get("defaultMode") for source in reversed(self.sources))
        return next((str(mode) for mode in modes if mode is not None), None)

    @property
    def has_console_key(self) -> bool:
        """Whether the client keeps a key from a login at Anthropic's console."""
        return any(source.name == "global" and source.values.get("primaryApiKey") for source in self.sources)

    def field(self, name: str) -> object:
        """Return a field of the strongest source that has it; lists of several sources are not joined."""
        return next((source.values[name] for source in reversed(self.sources) if name in source.values), None)

    def variable(self, name: str) -> FoundValue | None:
        """Return the value that counts, and what sets it."""
        for source in reversed(self.sources):
            if name in source.environment:
                return FoundValue(source.environment[name], source)
        return FoundValue(self.exported[name], None) if name in self.exported else None


def read_user_settings(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    home: Path,
    folder: Path,
    managed_folder: Path | None = None,
) -> UserSettings:
    """Return what a client that is started so will read; a file that cannot be read, or is not valid, is not used."""
    sources: list[SettingsSource] = []
    allowed = _allowed_sources(arguments)
    for name, file in _files(environment, home, folder):
        if (name == "global" or name in allowed) and (values := _read_object(file)) is not None:
            sources.append(SettingsSource(name, str(file), values))
    given = flag_value(arguments, "--settings")
    from_flag = None if given is None else _given_settings(given, folder)
    if from_flag is not None:
        sources.append(SettingsSource("flag", "--settings", from_flag))
    sources = [source for source in sources if not _fields_of_other_form(source.values)]
    sources += _managed_sources(managed_folder or _managed_folder())
    return UserSettings(environment, tuple(sources), is_flag_unreadable=given is not None and from_flag is None)


def _files(environment: Mapping[str, str], home: Path, folder: Path) -> Iterator[tuple[SourceName, Path]]:
    """Yield the user's and the project's files; the local one of the repository's root wins over the folder's."""
    chosen = environment.get("CLAUDE_CONFIG_DIR")
    yield "global", Path(chosen or home) / ".claude.json"
    yield "user", (Path(chosen) if chosen else home / ".claude") / "settings.json"
    yield "project", folder / ".claude" / "settings.json"
    yield "local", folder / ".claude" / "settings.local.json"
    root = next((parent for parent in (folder, *folder.parents) if os.path.exists(parent / ".git")), folder)
    if root != folder:
        yield "local", root / ".claude" / "settings.local.json"


def _allowed_sources(arguments: Sequence[str]) -> frozenset[str]:
    if "--restricted" in before_separator(arguments):
        return frozenset()
    chosen = flag_value(arguments, "--setting-sources")
    return frozenset(CHOOSABLE if chosen is None else (name.strip() for name in chosen.split(",")))


def _given_settings(given: str, folder: Path) -> JsonObject | None:
    """Return the value of `--settings`: JSON, or the name of a file that contains it; the client takes empty ones."""
    if given.lstrip().startswith("{"):
        return _decoded(given.encode(errors="surrogateescape"))
    file = folder / given
    try:
        is_empty = not given or (file.is_file() and not file.read_bytes().strip())
    except (OSError, ValueError):  # ValueError: a name with a null character
        return None
    return {} if is_empty else _read_object(file)


def _managed_folder() -> Path:
    return Path(MANAGED_FOLDERS.get(sys.platform, LINUX_MANAGED_FOLDER))


def _managed_sources(folder: Path) -> Iterator[SettingsSource]:
    """Yield the administrator's file, then those beside it in the order of their names."""
    try:
        parts = sorted((folder / "managed-settings.d").glob("[!.]*.json"))
    except OSError:
        parts = []
    for file in (folder / "managed-settings.json", *parts):
        if (document := _read_object(file)) is not None:
            wrong = _fields_of_other_form(document)
            allowed: JsonObject = {"availableModels": []} if "availableModels" in wrong else {}
            kept = {name: value for name, value in document.items() if name not in wrong}
            yield SettingsSource("managed", str(file), {**kept, **allowed})


def _read_object(file: Path) -> JsonObject | None:
    try:
        return _decoded(file.read_bytes()) if file.is_file() else None
    except OSError:
        return None


def _decoded(text: bytes) -> JsonObject | None:
    """
    Return the object that JavaScript reads; it takes half a surrogate pair, bytes that are no UTF-8, and 1e999.

    What can be no text has U+FFFD or `?` in its place, and a number that is too large is the largest one, so that all
    of it can be written again.
    """
    try:
        readable = text.removeprefix(BYTE_ORDER_MARK).decode(errors="replace")
        document = json.loads(readable, parse_float=_finite, parse_constant=_refuse_constant)
        return msgspec.json.decode(json.dumps(document, ensure_ascii=False).encode(errors="replace"), type=JsonObject)
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors too
        return None


def _finite(number: str) -> float:
    return max(-sys.float_info.max, min(float(number), sys.float_info.max))


def _refuse_constant(name: str) -> NoReturn:
    """Refuse NaN and Infinity, which Python reads and JavaScript does not."""
    raise ValueError(name)


def _fields_of_other_form(document: JsonObject) -> frozenset[str]:
    return frozenset(name for name, kind in FORM.items() if name in document and not isinstance(document[name], kind))


def _text(value: object) -> str:
    """Return the text that JavaScript makes of a value."""
    match value:
        case str():
            return value
        case None | bool() | int() | float():
            return msgspec.json.encode(value).decode()
        case _:
            return "[object Object]"


def _object(value: object) -> JsonObject:
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}
