"""
What the user chose, read once: flags > environment > file > defaults.

Every field of `Settings` can be set by the flag `--field-name`, where the command line offers it, by the variable
`ANYCLAUDE_FIELD_NAME`, and by the key `field_name` of `~/.anyclaude/config.toml`.  Secrets come from variables
alone: a flag shows in the list of processes, and a file gets copied.
"""

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeAlias, get_args

import msgspec
from msgspec import Meta, Struct
from platformdirs import user_cache_path

from anyclaude.secret import Secret

from .errors import InvalidSetting
from .profiles import PROFILES, BackendProfile
from .transforms import Diet

Mode: TypeAlias = Literal[
    "embedded", "llamacpp", "lmstudio", "vllm-mlx", "ollama", "vllm", "openrouter", "generic", "claude"
]
"""The kinds of server, and `claude`: Anthropic's own API."""

PermissionMode: TypeAlias = Literal["acceptEdits", "auto", "bypassPermissions", "default", "dontAsk", "manual", "plan"]
"""What Claude Code takes for `--permission-mode` (`default` in releases before `manual`)."""

PREFIX = "ANYCLAUDE_"
SECRETS = ("token", "api_key")
LISTS = frozenset({"allowed_tools", "allowed_origins"})
"""Written with commas in a variable."""
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})

CLIENT_VERSION = "2.1.330"
"""The release of Claude Code that anyclaude is tested with, and installs where there is none."""

Seconds: TypeAlias = Annotated[float, Meta(gt=0)]
Tokens: TypeAlias = Annotated[int, Meta(ge=256)]
Port: TypeAlias = Annotated[int, Meta(ge=0, le=65535)]


class Fallback(Struct, frozen=True, forbid_unknown_fields=True):
    """A server to ask when those before it cannot answer; its key comes from `api_key_variable`, or the kind's own."""

    mode: Mode | None = None
    url: str | None = None
    model: str | None = None
    api_key_variable: str | None = None


class Settings(Struct, frozen=True, kw_only=True):
    """Everything that can be chosen; `None` leaves the choice to what is found at start."""

    mode: Mode | None = None
    backend_url: str | None = None
    model: str | None = None
    opus_model: str | None = None
    sonnet_model: str | None = None
    haiku_model: str | None = None
    subagent_model: str | None = None
    fallbacks: tuple[Fallback, ...] = ()
    diet: Diet | None = None
    allowed_tools: frozenset[str] | None = None
    """The only tools the model is told of, by name or pattern (`Bash`, `mcp__github__*`); `None` for all."""
    context_tokens: Tokens | None = None
    max_output_tokens: Tokens | None = None
    parallel_requests: Annotated[int, Meta(ge=1)] | None = None
    host: str = "127.0.0.1"
    port: Port = 49152
    allowed_origins: frozenset[str] = frozenset()
    """Web pages that may talk to the gateway, by their origin (`https://example.org`); there are none by default."""
    queue_limit: Annotated[int, Meta(ge=1)] = 64
    first_byte_seconds: Seconds = 1800.0
    stall_seconds: Seconds = 120.0
    finish_seconds: Seconds = 10.0
    warm_up: bool = True
    """Whether the first prompt of a session is recorded, and evaluated at the next start before anybody asks."""
    kept_state_mib: Annotated[int, Meta(ge=0)] = 4096
    """How much of the disk the embedded engine's kept states may take; 0 keeps none."""
    claude_path: Path | None = None
    claude_version: str = CLIENT_VERSION
    permission_mode: PermissionMode = "acceptEdits"
    log_dir: Path = Path("~/.anyclaude")
    kept_prompts: Annotated[int, Meta(ge=0)] = 24
    """How many prompts are kept whole, for `anyclaude explain`; 0 keeps no word of any."""
    cache_dir: Path | None = None
    """Weights, Claude Code where it had to be installed, kept states; `None` is the system's place for caches."""
    token: Secret | None = None
    api_key: Secret | None = None
    keys: dict[str, Secret] = {}
    """The keys found in the variables of the known servers, by variable."""

    @property
    def models(self) -> dict[str, str]:
        """The models of the client's tiers, as far as they are set."""
        tiers = {
            "opus": self.opus_model,
            "sonnet": self.sonnet_model,
            "haiku": self.haiku_model,
            "subagent": self.subagent_model,
        }
        return {tier: model for tier, model in tiers.items() if model}

    def key_for(self, profile: BackendProfile) -> Secret | None:
        """Return the key for the server of this run: the one that was set for it, or the kind's own."""
        return self.api_key or self.keys.get(profile.api_key_variable or "")

    @property
    def cache(self) -> Path:
        """The folder for what can be fetched again."""
        return self.cache_dir or user_cache_path("anyclaude")


def config_file(home: Path) -> Path:
    """Return where the configuration file is."""
    return home / ".anyclaude" / "config.toml"


def load_settings(flags: Mapping[str, str], environment: Mapping[str, str], file: Path) -> Settings:
    """Read the settings; raises `InvalidSetting`, which names the flag, variable or key, and what is allowed."""
    document = _read_file(file)
    chosen: dict[str, object] = {}
    for field in msgspec.structs.fields(Settings):
        if field.name in SECRETS or field.name == "keys":
            continue
        variable = variable_named(field.name)
        if (text := flags.get(field.name)) is not None:
            chosen[field.name] = _from_text(field.name, text, field.type, flag_named(field.name))
        elif text := environment.get(variable):
            chosen[field.name] = _from_text(field.name, text, field.type, variable)
        elif field.name in document:
            chosen[field.name] = _convert(document[field.name], field.type, f"{file}: {field.name}", strict=True)
    secrets = {name: Secret(text) for name in SECRETS if (text := environment.get(variable_named(name)))}
    settings = Settings(**chosen, **secrets)  # type: ignore[arg-type]  # each was converted to its field's type
    return _checked(_with_paths(settings, environment), environment)


def flag_named(field: str) -> str:
    """Return the flag that sets a field."""
    return "--" + field.replace("_", "-")


def variable_named(field: str) -> str:
    """Return the variable that sets a field."""
    return PREFIX + field.upper()


def _read_file(file: Path) -> dict[str, object]:
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSetting(f"{file} cannot be read: {error}") from error
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidSetting(f"{file} is no valid TOML: {error}") from error
    names = [field.name for field in msgspec.structs.fields(Settings) if field.name not in {*SECRETS, "keys"}]
    for key in document:
        if key in SECRETS:
            raise InvalidSetting(f"{file}: {key} is a secret; set the variable {variable_named(key)} instead")
        if key not in names:
            raise InvalidSetting(f"{file}: there is no setting {key!r}{_nearest(key, names)}")
    return document


def _from_text(name: str, text: str, kind: object, origin: str) -> object:
    """Convert what a flag or a variable says; a list of fallbacks is written `mode-or-url[#model],…`."""
    if name in LISTS:
        return frozenset(item.strip() for item in text.split(",") if item.strip())
    if name == "fallbacks":
        return tuple(_fallback(item.strip(), origin) for item in text.split(",") if item.strip())
    return _convert(text, kind, origin, strict=False)


def _fallback(text: str, origin: str) -> object:
    server, _, model = text.partition("#")
    place = {"url": server} if "://" in server else {"mode": server}
    return _convert({**place, "model": model or None}, Fallback, origin, strict=True)


def _convert(value: object, kind: object, origin: str, *, strict: bool) -> object:
    try:
        return msgspec.convert(value, kind, strict=strict, dec_hook=_path)
    except msgspec.ValidationError as error:
        raise InvalidSetting(f"{origin}: {_explain(error, value, kind)}") from error


def _path(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise msgspec.ValidationError(f"expected a path, got {value!r}")


def _explain(error: msgspec.ValidationError, value: object, kind: object) -> str:
    """Say what is allowed, in the words of whoever writes the value."""
    text = str(error)
    if unknown := re.search(r"unknown field `([^`]*)`", text):
        names = [field.name for field in msgspec.structs.fields(Fallback)]
        return f"there is no setting {unknown[1]!r}{_nearest(unknown[1], names)}"
    choices = _choices(kind)
    if "enum value" in text and choices:
        wrong = [repr(item) for item in _modes_in(value) if item not in choices]
        return f"{', '.join(wrong)} is none of {', '.join(choices)}"
    return f"{value!r} cannot be used: {text[0].lower()}{text[1:]}"


def _choices(kind: object) -> tuple[str, ...]:
    """Return the literals a type allows, wherever they stand in it."""
    if kind is Fallback or kind == tuple[Fallback, ...]:
        return get_args(Mode)
    literals = (get_args(part) or (part,) for part in get_args(kind) if part is not type(None))
    return tuple(choice for parts in literals for choice in parts if isinstance(choice, str))


def _modes_in(value: object) -> tuple[object, ...]:
    """Return what stands where a choice should: the value itself, or the modes of fallbacks."""
    items = value if isinstance(value, list) else [value]
    return tuple(item.get("mode") if isinstance(item, dict) else item for item in items)


def _nearest(name: str, names: Iterable[str]) -> str:
    names = list(names)
    near = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(names)}"


def _with_paths(settings: Settings, environment: Mapping[str, str]) -> Settings:
    """Resolve `~` against the HOME we were given."""
    home = environment.get("HOME")
    return msgspec.structs.replace(
        settings,
        log_dir=_expanded(settings.log_dir, home),
        cache_dir=_expanded(settings.cache_dir, home) if settings.cache_dir else None,
        claude_path=_expanded(settings.claude_path, home) if settings.claude_path else None,
    )


def _expanded(path: Path, home: str | None) -> Path:
    if path.parts[:1] == ("~",) and home:
        return Path(home, *path.parts[1:])
    return path.expanduser()


def _checked(settings: Settings, environment: Mapping[str, str]) -> Settings:
    """Add the servers' keys, and refuse what no single field shows to be wrong."""
    if settings.host not in LOOPBACK_HOSTS and settings.token is None:
        raise InvalidSetting(
            f"host {settings.host} can be reached by other machines, so a token is required: "
            f"set {variable_named('token')} to a text that only you know"
        )
    for url in (settings.backend_url, *(fallback.url for fallback in settings.fallbacks)):
        if url is not None and not re.match(r"https?://[^/\s]", url):
            raise InvalidSetting(f"{url!r} is no address of a server; write it like http://127.0.0.1:8080/v1")
    variables = {profile.api_key_variable for profile in PROFILES}
    variables |= {fallback.api_key_variable for fallback in settings.fallbacks}
    keys = {name: Secret(text) for name in variables if name and (text := environment.get(name))}
    return msgspec.structs.replace(settings, keys=keys)
