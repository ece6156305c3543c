"""
The address of a model server, as people write it, taken apart.

What is understood: a whole endpoint (`…/v1/chat/completions`), the path of a reverse proxy, a query that goes along
with each request, credentials, an address without a scheme, IPv6 with and without brackets, and Unix sockets
(`unix:/run/server.sock`, `unix:/run/server.sock:/prefix/v1`, `http+unix://%2Frun%2Fserver.sock/v1`).
"""

import re
from base64 import b64encode
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Literal, TypeAlias
from urllib.parse import quote, unquote, unquote_plus

from msgspec import Struct
from msgspec.structs import replace

from anyclaude.errors import InvalidSetting
from anyclaude.secret import Secret

Scheme: TypeAlias = Literal["http", "https"]
IpAddress: TypeAlias = IPv4Address | IPv6Address

ENDPOINTS = re.compile(
    r"(/chat/completions?|(?<=/v1)/chat|/completions|/messages/count_tokens|/messages|/models|/responses|/embeddings)$",
    re.IGNORECASE,
)
"""What stands behind the base of an API: people paste the whole address of a request."""

NATIVE_ROUTES = re.compile(r"/api/(chat|generate|tags|show|ps|version|v0(/.*)?|v1/(chat|models.*))$", re.IGNORECASE)
"""Routes of Ollama and LM Studio besides Chat Completions, which both have below `/v1`."""

VERSION = re.compile(r"/v\d\w*$", re.IGNORECASE)
"""The last part of a base: `/v1` nearly everywhere, `/v4` at Zhipu."""

PRIVATE_NETWORKS = tuple(
    ip_network(network)
    for network in (
        "0.0.0.0/32",  # this machine, for a client
        "::/128",
        "127.0.0.0/8",
        "::1/128",
        "10.0.0.0/8",  # RFC 1918
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",  # link-local: RFC 3927, RFC 4291
        "fe80::/10",
        "fc00::/7",  # RFC 4193
        "100.64.0.0/10",  # RFC 6598, which VPNs such as Tailscale use; not routed on the internet
    )
)

PRIVATE_SUFFIXES = (
    ".localhost",  # RFC 6761
    ".local",  # RFC 6762, whose appendix G lists the next five
    ".intranet",
    ".private",
    ".corp",
    ".home",
    ".lan",
    ".home.arpa",  # RFC 8375
    ".internal",  # reserved by ICANN in 2024
    ".ts.net",  # Tailscale (docs: MagicDNS)
)
"""Names that no public name server knows, or that lead into a private network."""

COPIED_ALONG = " \t\r\n\v\f\"'`<>\u201c\u201d\u2018\u2019,;\uff0c\uff1b\u3002\u200b\u2060\ufeff"
"""What is copied with an address from a shell, a page or a list; an address neither begins nor ends with it."""

DOUBLED_SCHEME = re.compile(r"(?:https?:/+)+(?=https?:/)", re.IGNORECASE)
MISWRITTEN_SCHEME = re.compile(r"(https?)(?::/(?!/)|//|:(?=[^\d/]|\d+\.))", re.IGNORECASE)
"""`http:/host`, `http//host` and `http:host`; but `http:80` is a port of a host of that name."""

FULLWIDTH_COLON = "\uff1a"

PORT_ALONE = re.compile(r":?(?=\d{2,5}(?:/|$))")
"""`:8080` and `8080`, as servers name the port that they listen on."""

SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://|(?i:(unix)):(?!\d)")

LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
MAX_HOST = 253
"""Characters of a name (RFC 1035); underscores are no part of names there, but containers have them."""

ZONE = re.compile(r"[\w.-]*")
SAFE_IN_PATH = "/%:@!$&'()*+,;=~"
SAFE_IN_QUERY = SAFE_IN_PATH + "?"
MAX_PORT = 65535
PLAIN_PARAMETER = re.compile("version|model|deployment|region", re.IGNORECASE)
"""Parameters that are no keys, and that errors have to name: `api-version` of Azure."""

EXAMPLE = "write it like http://127.0.0.1:8080/v1"
BRACKETS = "write it like http://[::1]:8080/v1"
USUAL_PREFIXES = ("/api", "/openai")
"""Where an API may be that is not at the root: gateways such as OpenRouter's, and Groq's and GPUStack's."""

BARE_ROOT = "/chat/completions"
"""How the base of an API without any path is written: an address without a path gets a `/v1`."""


class ServerAddress(Struct, frozen=True, kw_only=True):
    """
    An address, taken apart.

    `prefix` is the path of the server's root, `version` the path of its API below that; `query` may hold a key.
    """

    scheme: Scheme
    host: str
    port: int | None = None
    prefix: str = ""
    version: str = ""
    query: str = ""
    user: str | None = None
    password: str = ""
    socket_path: str | None = None

    def __repr__(self) -> str:
        return f"ServerAddress({self.shown})"

    @property
    def shown(self) -> str:
        """The base of the API without what may be secret: credentials and query."""
        path = self._path
        if self.socket_path is not None:
            return f"unix:{self.socket_path}" + (f":{path}" if path != "/v1" else "")
        return self._root + path

    @property
    def written(self) -> str:
        """The whole address, with what may be secret, so that `parse_address` reads the same from it."""
        query = f"?{self.query}" if self.query else ""
        if self.socket_path is not None:
            return f"http+unix://{quote(self.socket_path, safe='')}{self._path}{query}"
        credentials = "" if self.user is None else f"{quote(self.user, safe='')}:{quote(self.password, safe='')}@"
        scheme, mark, rest = self._root.partition("://")
        return f"{scheme}{mark}{credentials}{rest}{self._path}{query}"

    @property
    def origin(self) -> str:
        """The root of the server, below which it has the routes that are not of the API."""
        return self._root + self.prefix

    @property
    def host_and_port(self) -> str:
        """The host and the port, as a request's `Host` header has them."""
        return self._root.partition("://")[2]

    @property
    def port_number(self) -> int:
        """The port, also where the scheme alone decides it."""
        return self.port or (443 if self.scheme == "https" else 80)

    @property
    def is_private(self) -> bool:
        """Whether the server is on this machine or in a private network, as far as the address shows it."""
        if self.socket_path is not None or (number := number_of(self.host)) is None:
            return self.socket_path is not None or is_private_name(self.host)
        return any(number in network for network in PRIVATE_NETWORKS)

    @property
    def credentials(self) -> Secret | None:
        """The value of the header that carries the credentials in the address."""
        if self.user is None:
            return None
        return Secret(f"Basic {b64encode(f'{self.user}:{self.password}'.encode()).decode()}")

    def path_to(self, path: str, *, at_root: bool) -> str:
        """Return the target of a request for `path`, with the address's own path and query."""
        query = "" if not self.query else f"{'&' if '?' in path else '?'}{self.query}"
        return self.prefix + ("" if at_root else self.version) + path + query

    def url_of(self, path: str, *, at_root: bool) -> str:
        """Return the whole address of a request for `path`, without credentials."""
        return self._root + self.path_to(path, at_root=at_root)

    def others(self) -> tuple["ServerAddress", ...]:
        """Return the bases that an API here may have instead: with a `/v1`, or another path before it."""
        here = replace(self, version="" if self.version else "/v1")
        at_root = (replace(self, prefix="", version="/v1"),) if self.prefix else ()
        below = () if self.prefix else tuple(replace(self, prefix=prefix, version="/v1") for prefix in USUAL_PREFIXES)
        return (*at_root, here, *below) if self.version else (here, *at_root, *below)

    @property
    def _path(self) -> str:
        return (self.prefix + self.version) or BARE_ROOT

    @property
    def _root(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + (f":{self.port}" if self.port is not None else "")


@lru_cache(maxsize=64)  # every request needs its server's
def parse_address(text: str) -> ServerAddress:
    """
    Take an address apart.

    Without a scheme it is `http`, or `https` for a public host, so that no key goes there in plain.  Without a path it
    gets the `/v1` of Chat Completions.  What is secret in it is masked from then on.

    Raises:
        InvalidSetting: when it is not the address of a server; the text shows no credentials and no query.
    """
    text = _tidied(text)
    found = SCHEME.match(text)
    scheme, rest = ((found[1] or found[2]).lower(), text[found.end() :]) if found else ("", text)
    if any(character.isspace() or not character.isprintable() for character in rest):
        raise InvalidSetting(f"the address of a server contains a space or a control character; {EXAMPLE}")
    rest, _, query = rest.partition("#")[0].rstrip(COPIED_ALONG).partition("?")
    match scheme:
        case "unix":
            socket_path, colon, path = rest.partition(":/")
            return _kept_secret(_socket_address(socket_path, colon[1:] + path, query))
        case "http+unix":
            socket_path, slash, path = rest.partition("/")
            return _kept_secret(_socket_address(unquote(socket_path), slash + path, query))
        case "http" | "https" | "":
            return _kept_secret(_network_address(scheme, rest, query))
        case _:
            raise InvalidSetting(f"the address of a server must begin with http://, https:// or unix:; {EXAMPLE}")


def _kept_secret(address: ServerAddress) -> ServerAddress:
    """Return an address whose credentials are secrets of this process, and so are the values of its query."""
    if address.user is not None:
        _ = address.credentials
    for parameter in address.query.split("&"):
        name, _, value = parameter.partition("=")
        if not PLAIN_PARAMETER.search(name):
            Secret(unquote_plus(value))
    return address


def _tidied(text: str) -> str:
    """Return an address without what it was copied with, and without the usual slips before its host."""
    text = text.strip(COPIED_ALONG)
    if text[:5].lower() == "unix:":
        return text
    text = DOUBLED_SCHEME.sub("", text.replace("\\", "/").removeprefix("//"), count=1)
    text = PORT_ALONE.sub("127.0.0.1:", text, count=1) if PORT_ALONE.match(text) else text
    return MISWRITTEN_SCHEME.sub(r"\1://", text, count=1) if MISWRITTEN_SCHEME.match(text) else text


def number_of(host: str) -> IpAddress | None:
    """Return the IP address that a host is, `None` for a name."""
    try:
        number = ip_address(host)
    except ValueError:
        return None
    mapped = number.ipv4_mapped if isinstance(number, IPv6Address) else None
    return mapped or number


def is_private_name(host: str) -> bool:
    """Return whether a name is of this machine or of a private network."""
    return "." not in host or host.endswith(PRIVATE_SUFFIXES)


def _socket_address(socket_path: str, path: str, query: str) -> ServerAddress:
    socket_path = re.sub("^/+", "/", socket_path).rstrip("/.:")
    if not socket_path.startswith("/") or ":/" in socket_path or not socket_path.isprintable():
        raise InvalidSetting("the path of a Unix socket must be absolute; write it like unix:/run/llama.sock")
    prefix, version = _prefix_and_version(path)
    return ServerAddress(
        scheme="http", host="localhost", prefix=prefix, version=version, query=_quoted(query), socket_path=socket_path
    )


def _network_address(scheme: str, rest: str, query: str) -> ServerAddress:
    place, slash, path = rest.partition("/")
    credentials, _, place = place.replace(FULLWIDTH_COLON, ":").rstrip(".").rpartition("@")
    user, colon, password = credentials.partition(":")
    host, port = _host_and_port(place)
    prefix, version = _prefix_and_version(slash + path)
    address = ServerAddress(
        scheme="https" if scheme == "https" else "http",
        host=host,
        port=port,
        prefix=prefix,
        version=version,
        query=_quoted(query),
        user=unquote(user) if user or colon else None,
        password=unquote(password),
    )
    return address if scheme or address.is_private else replace(address, scheme="https")


def _host_and_port(place: str) -> tuple[str, int | None]:
    """Return host and port; no text of an error repeats what may be a part of a password."""
    if place.startswith("["):
        host, bracket, port = place[1:].partition("]")
        if not bracket or port[:1] not in {"", ":"}:
            raise InvalidSetting(f"the brackets around an IPv6 address are not closed; {BRACKETS}")
        return _ipv6(host), _port(port[1:])
    if place.count(":") > 1:
        return _unbracketed(place)
    name, _, port = place.partition(":")
    return _name(name), _port(port)


def _unbracketed(place: str) -> tuple[str, int | None]:
    """Return an IPv6 address without brackets, and the port if the last part can only be one."""
    host, _, last = place.rpartition(":")
    with_port = number_of(host) is not None and last.isdecimal()
    if number_of(unquote(place)) is None or (with_port and host == "::1"):
        return _ipv6(host), _port(last)
    if with_port:
        raise InvalidSetting(f"an IPv6 address with a port needs brackets; {BRACKETS}")
    return _ipv6(place), None


def _ipv6(text: str) -> str:
    host = unquote(text).lower()
    if not isinstance(number_of(host), IPv6Address | IPv4Address) or not ZONE.fullmatch(host.partition("%")[2]):
        raise InvalidSetting(f"the address of a server contains an invalid IPv6 address; {BRACKETS}")
    return host


def _name(text: str) -> str:
    """Return a host in the form that name servers know."""
    host = text.lower().rstrip(".")
    if not host:
        raise InvalidSetting(f"the address of a server contains no host name; {EXAMPLE}")
    if not host.isascii():
        try:
            host = host.encode("idna").decode()
        except UnicodeError as error:
            raise InvalidSetting(f"the address of a server contains an invalid host name; {EXAMPLE}") from error
    if len(host) > MAX_HOST or not all(LABEL.fullmatch(label) for label in host.split(".")):
        raise InvalidSetting(f"the address of a server contains an invalid host name; {EXAMPLE}")
    return host


def _port(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and 0 < int(text) <= MAX_PORT):
        raise InvalidSetting(f"the port in the address of a server is not a number from 1 to {MAX_PORT}; {EXAMPLE}")
    return int(text)


def _prefix_and_version(path: str) -> tuple[str, str]:
    """Return the path of the server's root, and that of its API below it."""
    base = path = re.sub("//+", "/", quote(path, safe=SAFE_IN_PATH)).rstrip("/.,;'")
    while (native := NATIVE_ROUTES.search(base)) is None:
        if (shorter := ENDPOINTS.sub("", base).rstrip("/.")) == base:
            break
        base = shorter
    if native:
        return base[: native.start()].rstrip("/."), "/v1"
    if version := VERSION.search(base):
        return base[: version.start()], version[0]
    return base, ("" if path else "/v1")


def _quoted(query: str) -> str:
    return quote(query, safe=SAFE_IN_QUERY)
