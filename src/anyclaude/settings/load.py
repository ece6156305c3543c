"""Reads the settings: flags > environment > configuration file > defaults."""

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from ipaddress import IPv6Address
from pathlib import Path

import msgspec
from msgspec import Struct

from anyclaude.errors import InvalidSetting
from anyclaude.network import ANY, OPAQUE, network_of, parse_address, parse_origin
from anyclaude.profiles import PROFILES
from anyclaude.secret import Secret
from anyclaude.timeouts import Timeouts
from anyclaude.web.options import KEY_VARIABLES, PROVIDERS

from .convert import from_document, from_text, nearest
from .home import home_folder
from .setting import Setting, flag_named, variable_named
from .table import SETTINGS
from .values import Settings

HOST = re.compile(r"[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?")
ADDRESS_MARK = re.compile("[:/.]")
"""What an address has, and the name of a provider does not."""

SEARXNG_VARIABLE = "SEARXNG_URL"
"""Where anyclaude up to version 2 looked for a SearXNG, and other programs do."""

OFF = "off"

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})


class Sources(Struct, frozen=True):
    """Where values come from: the flags and the file's keys by setting, the environment by variable."""

    flags: Mapping[str, str]
    environment: Mapping[str, str]
    document: Mapping[str, object]
    file: Path


def config_file(home: Path) -> Path:
    """Return the path of the configuration file."""
    return home / ".anyclaude" / "config.toml"


def load_settings(
    flags: Mapping[str, str], environment: Mapping[str, str], file: Path, say: Callable[[str], None]
) -> Settings:
    """
    Read the settings; `flags` are texts by the setting's name.

    `say` gets one warning for each former name, each former value, and a setting that is unsafe alone.  Raises
    `InvalidSetting`, which names the flag, variable or key, and what is allowed.
    """
    sources = Sources(flags, environment, _read_file(file), file)
    for setting in SETTINGS:
        for warning in filter(None, (_name_warning(setting, sources), _value_warning(setting, sources))):
            say(warning)
    chosen = {setting: _chosen(setting, sources) for setting in SETTINGS if not setting.is_secret}
    values = {setting.name: value for setting, value in chosen.items() if value is not None}
    limits = {setting.name: values.pop(setting.name) for setting in chosen if _is_limit(setting, values)}
    secrets = {
        setting.name: Secret(text)
        for setting in SETTINGS
        if setting.is_secret and (text := environment.get(setting.variable))
    }
    timeouts = msgspec.structs.replace(Timeouts(), **limits)
    settings = Settings(**values, **secrets, timeouts=timeouts)  # type: ignore[arg-type]  # converted to their types
    return _checked(_with_paths(settings, environment), environment, say)


def _is_limit(setting: Setting, values: Mapping[str, object]) -> bool:
    return setting.owner is Timeouts and setting.name in values


class _Written(Struct, frozen=True):
    """A value as the user wrote it, and the flag, variable or key that has it."""

    value: object
    origin: str
    is_text: bool


def _written(setting: Setting, sources: Sources) -> _Written | None:
    """Return the value of the first source that has one; a former name counts where the new one is not used."""
    if (text := sources.flags.get(setting.name)) is not None:
        return _Written(text, flag_named(setting.name), is_text=True)
    names = (setting.name, *setting.old_names)
    for variable in map(variable_named, names):
        if text := sources.environment.get(variable):
            return _Written(text, variable, is_text=True)
    for key in names:
        if key in sources.document:
            return _Written(sources.document[key], f"{sources.file}: {key}", is_text=False)
    return None


def _chosen(setting: Setting, sources: Sources) -> object | None:
    written = _written(setting, sources)
    if written is None:
        return None
    if written.is_text:
        return from_text(setting, str(written.value), written.origin)
    return from_document(setting, written.value, written.origin)


def _name_warning(setting: Setting, sources: Sources) -> str | None:
    """Return a warning if the user has written a former name."""
    for old in setting.old_names:
        if sources.environment.get(variable_named(old)):
            return f"{variable_named(old)} is now called {setting.variable}; please rename it"
        if old in sources.document:
            return f"{sources.file}: {old} is now called {setting.name}; please rename it"
    return None


def _value_warning(setting: Setting, sources: Sources) -> str | None:
    """Return a warning if the value that counts is a former one."""
    written = _written(setting, sources)
    if written is None or not setting.is_former(written.value):
        return None
    return f"{written.origin}: {written.value} is now called {setting.present_value(written.value)}; please rename it"


def _read_file(file: Path) -> dict[str, object]:
    try:
        if file.is_fifo():
            raise InvalidSetting(f"{file} cannot be read: it is a pipe; make it a file that you can read")
        text = file.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):  # HOME may be no folder
        return {}
    except OSError as error:
        if not os.access(file.parent, os.X_OK):  # HOME is another user's, who may have no such file either
            return {}
        raise InvalidSetting(f"{file} cannot be read: {error.strerror}; make it a file that you can read") from error
    except UnicodeDecodeError as error:
        raise InvalidSetting(f"{file} cannot be read: {error}") from error
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidSetting(f"{file} is not valid TOML: {error}") from error
    for key in document:
        _check_key(key, file)
    return document


def _check_key(key: str, file: Path) -> None:
    if any(setting.is_secret and setting.name == key for setting in SETTINGS):
        raise InvalidSetting(f"{file}: {key} is a secret; set the variable {variable_named(key)} instead")
    names = [setting.name for setting in SETTINGS if not setting.is_secret]
    if key not in names and not any(key in setting.old_names for setting in SETTINGS):
        raise InvalidSetting(f"{file}: there is no setting {key!r}{nearest(key, names)}")


def _with_paths(settings: Settings, environment: Mapping[str, str]) -> Settings:
    """Resolve `~` against the home folder of the given environment."""
    home = home_folder(environment)
    return msgspec.structs.replace(
        settings,
        log_dir=_expanded(settings.log_dir, home),
        cache_dir=_expanded(settings.cache_dir, home) if settings.cache_dir else None,
        claude_path=_expanded(settings.claude_path, home) if settings.claude_path else None,
        ca_file=_expanded(settings.ca_file, home) if settings.ca_file else None,
    )


def _expanded(path: Path, home: Path) -> Path:
    if path.parts[:1] == ("~",):
        return Path(home, *path.parts[1:])
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise InvalidSetting(f"{path}: {error}") from error  # there is no such user


def _checked(settings: Settings, environment: Mapping[str, str], say: Callable[[str], None]) -> Settings:
    """Add the servers' keys, and refuse combinations that no field shows to be wrong."""
    if settings.host not in LOOPBACK_HOSTS and settings.token is None:
        raise InvalidSetting(
            f"host {settings.host} can be reached by other machines, so a token is required: "
            f"set {variable_named('token')} to a secret of your choice"
        )
    origins = _origins(settings, say)
    hosts = frozenset(_host(name) for name in settings.allowed_hosts)
    addresses = [
        ("backend_url", settings.backend_url),
        *(("fallbacks", fallback.url) for fallback in settings.fallbacks),
    ]
    for name, url in addresses:
        if url is not None:
            _check_address(name, url)
    variables = {*KEY_VARIABLES.values(), *(profile.api_key_variable for profile in PROFILES)}
    variables |= {fallback.api_key_variable for fallback in settings.fallbacks}
    keys = {name: Secret(text) for name in variables if name and (text := environment.get(name))}
    return msgspec.structs.replace(
        settings,
        allowed_hosts=hosts,
        allowed_origins=origins,
        web_search=_web_search(settings, keys, environment.get(SEARXNG_VARIABLE, "")),
        keys=keys,
        network=network_of(environment, str(settings.ca_file) if settings.ca_file else None),
    )


def _origins(settings: Settings, say: Callable[[str], None]) -> frozenset[str]:
    """Return the origins as browsers send them; those that every page can have are safe with a token only."""
    try:
        origins = frozenset(map(parse_origin, settings.allowed_origins))
    except InvalidSetting as error:
        raise InvalidSetting(f"allowed_origins: {error}") from error
    remedy = f"set {variable_named('token')} to a secret of your choice"
    if ANY in origins and settings.token is None:
        raise InvalidSetting(
            f"allowed_origins: {ANY} lets every web page use the gateway, so a token is required: {remedy}"
        )
    if OPAQUE in origins and settings.token is None:
        say(f"allowed_origins: every web page can open a frame whose origin is {OPAQUE}, and use the gateway; {remedy}")
    return origins


def _host(text: str) -> str:
    """Return a name or an address as clients send it in `Host`, without the brackets of IPv6."""
    name = text.strip().lower().removesuffix(".")
    with suppress(ValueError):
        return str(IPv6Address(name.removeprefix("[").removesuffix("]")))
    if not HOST.fullmatch(name):
        raise InvalidSetting(f"allowed_hosts: {text!r:.100} is not a name; write it without scheme and port")
    return name


def _web_search(settings: Settings, keys: Mapping[str, Secret], searxng_url: str) -> str | None:
    """Return the provider of web searches, or the address of a SearXNG; `None` if there is none."""
    named_by, value = ("web_search", settings.web_search) if settings.web_search else (SEARXNG_VARIABLE, searxng_url)
    provider = value.strip().lower()
    if provider in {"", OFF}:
        return None
    if provider in PROVIDERS:
        variable = KEY_VARIABLES.get(provider)
        if variable is not None and variable not in keys and settings.web_search_key is None:
            raise InvalidSetting(
                f"web_search = {provider} needs a key: set {variable} or {variable_named('web_search_key')}"
            )
        return provider
    if not ADDRESS_MARK.search(value):
        raise InvalidSetting(
            f"{named_by}: {value!r} is no provider; choose {', '.join(PROVIDERS)}, {OFF}, or the address of a SearXNG "
            "such as http://localhost:8888"
        )
    _check_address(named_by, value)
    if parse_address(value).socket_path is not None:
        raise InvalidSetting(
            f"{named_by}: a SearXNG is reached over HTTP; write its address like http://localhost:8888"
        )
    return value


def _check_address(name: str, url: str) -> None:
    try:
        parse_address(url)
    except InvalidSetting as error:
        raise InvalidSetting(f"{name}: {error}") from error
