"""
What the user has configured for npm: the registry, its credentials, proxies and certificates; it is only read.

As npm does it (docs.npmjs.com/cli/configuring-npm/npmrc): the environment wins over the user's file, that over the
machine's.  A project's own `.npmrc` is not read: a program that we start must not come from where a project says.
"""

import re
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from shutil import which
from urllib.parse import urlsplit

from msgspec import Struct
from msgspec.structs import replace

from anyclaude.network import CaFile, Network
from anyclaude.secret import Hidden, Secret

DEFAULT_REGISTRY = "https://registry.npmjs.org/"

_REFERENCE = re.compile(r"\$\{([^}?]+)\??\}")
_SECTION = "["
_COMMENTS = (";", "#")
_COMMENT = re.compile(r"(?<!\\)[;#]")


class NpmConfiguration(Struct, frozen=True):
    """The configured values by their names in `.npmrc`."""

    values: Mapping[str, Hidden]

    def registry(self, scope: str) -> str:
        """Return the address of the registry for packages of a scope; it may contain credentials."""
        return (self._get(f"{scope}:registry") or self._get("registry") or DEFAULT_REGISTRY).rstrip("/")

    def authorization(self, url: str) -> Secret | None:
        """Return the header `Authorization` of a request; credentials are those for the beginning of its address."""
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        for folder in _and_parents(parts.path):
            prefix = f"//{host}{folder}"
            if token := self._get(f"{prefix}:_authToken"):
                return Secret(f"Bearer {token}")
            if basic := self._get(f"{prefix}:_auth"):
                return Secret(f"Basic {basic}")
            if (user := self._get(f"{prefix}:username")) and (password := self._get(f"{prefix}:_password")):
                return _basic(user, password)
        return None

    def network(self, network: Network) -> Network:
        """Return the ways to servers, with npm's own proxies and certificates before those of the environment."""
        http = self._get("proxy") or self._get("http-proxy")
        https = self._get("https-proxy") or http
        proxies = {"http": ("proxy of npm", http), "https": ("https-proxy of npm", https)}
        own = {scheme: (name, Secret(value)) for scheme, (name, value) in proxies.items() if value}
        exempt = self._get("noproxy").replace(",", " ").split()
        ca_file = self._get("cafile")
        return replace(
            network,
            proxies={**network.proxies, **own},
            no_proxy=(*network.no_proxy, *exempt),
            ca_files=(*((CaFile(ca_file, "cafile of npm"),) if ca_file else ()), *network.ca_files),
        )

    @property
    def checks_certificates(self) -> bool:
        """Whether a registry's certificate must be valid."""
        return self._get("strict-ssl") != "false"

    def _get(self, name: str) -> str:
        value = self.values.get(name)
        text = "" if value is None else value.reveal()
        return "" if text in {"null", "undefined"} else text


def npm_configuration(environment: Mapping[str, str]) -> NpmConfiguration:
    """Return the configuration; a file that cannot be read counts as empty."""
    own = dict(_in_environment(environment))
    values: dict[str, str] = {}
    for file in _files(environment, own):
        values |= _in_file(file, environment)
    return NpmConfiguration({name: Hidden(value) for name, value in (values | own).items()})


def _in_environment(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for variable, value in environment.items():
        if variable.lower().startswith("npm_config_") and value:
            name = variable[len("npm_config_") :]
            yield (name if name.startswith("//") else name.lower().replace("_", "-")), value


def _files(environment: Mapping[str, str], own: Mapping[str, str]) -> Iterator[Path]:
    """Return the machine's file, which lies beside the folder of Node's program, and the user's."""
    node = which("node", path=environment.get("PATH", ""))
    prefix = own.get("prefix") or (Path(node).resolve().parents[1] if node else "/usr/local")
    yield Path(own.get("globalconfig") or Path(prefix) / "etc" / "npmrc")
    if named := own.get("userconfig"):
        yield Path(named)
    elif home := environment.get("HOME"):
        yield Path(home) / ".npmrc"


def _in_file(file: Path, environment: Mapping[str, str]) -> dict[str, str]:
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    values: dict[str, str] = {}
    for line in map(str.strip, lines):
        if line.startswith(_SECTION):
            break  # npm reads no sections
        name, equals, value = line.partition("=")
        if equals and not line.startswith(_COMMENTS):
            values[_expanded(name.strip(), environment)] = _expanded(_unquoted(value.strip()), environment)
    return values


def _unquoted(value: str) -> str:
    is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if is_quoted else _COMMENT.split(value)[0].strip()


def _expanded(text: str, environment: Mapping[str, str]) -> str:
    """Return a text with the values of the variables that it refers to; one that is not set stays, as npm has it."""
    return _REFERENCE.sub(lambda found: environment.get(found[1], found[0]), text)


def _and_parents(path: str) -> Iterator[str]:
    """Return the folders of a path, the longest first, each with and without the slash at its end."""
    while path:
        path = path.rpartition("/")[0]
        yield f"{path}/"
        yield path


def _basic(user: str, password: str) -> Secret | None:
    """Return the header of a user name and a password, which `.npmrc` holds in base64."""
    with suppress(ValueError):
        clear = b64decode(password, validate=True)
        return Secret("Basic " + b64encode(user.encode() + b":" + clear).decode())
    return None
