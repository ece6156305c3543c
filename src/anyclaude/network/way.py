"""
How a server is reached: through which proxy, and which certificates are trusted on the way.

One decision for all questions and requests.  A server on this machine or in a private network is never behind a proxy;
a public one is where the environment says so.
"""

from collections.abc import Mapping
from ipaddress import ip_network

from msgspec import Struct

from anyclaude.errors import InvalidSetting
from anyclaude.secret import Secret

from .address import ServerAddress, number_of, parse_address

CA_FILE_VARIABLE = "ANYCLAUDE_CA_FILE"

CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
"""Where other programs look for certificates: OpenSSL, requests, curl, and Node, which runs Claude Code."""


class Proxy(Struct, frozen=True):
    """An HTTP proxy."""

    host: str
    port: int
    authorization: Secret | None = None

    @property
    def url(self) -> str:
        """Its address, without credentials."""
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"


class CaFile(Struct, frozen=True):
    """Certificates that are trusted besides the system's, and the variable or key that names their file."""

    path: str
    named_by: str


class Way(Struct, frozen=True, kw_only=True):
    """The way to one server."""

    proxy: Proxy | None = None
    ca_file: CaFile | None = None


DIRECT = Way()
"""The way to a server that needs neither a proxy nor certificates of one's own."""


class Network(Struct, frozen=True, kw_only=True):
    """What the environment says about the ways to servers; `proxies` by scheme, each with its variable."""

    proxies: Mapping[str, tuple[str, Secret]] = {}
    no_proxy: tuple[str, ...] = ()
    ca_file: CaFile | None = None

    def way_to(self, address: ServerAddress) -> Way:
        """Return the way to a server.  Raises `InvalidSetting` if it is through a proxy that cannot be used."""
        return Way(proxy=self._proxy_for(address), ca_file=self.ca_file)

    def _proxy_for(self, address: ServerAddress) -> Proxy | None:
        named = self.proxies.get(address.scheme) or self.proxies.get("all")
        if named is None or address.is_private or any(_exempts(entry, address) for entry in self.no_proxy):
            return None
        return _proxy(*named, address.host)


def network_of(environment: Mapping[str, str], ca_file: str | None) -> Network:
    """
    Return what the environment says.

    Each variable may be in lower or in upper case; the lower one wins, also with an empty value (as in curl).  Of the
    files of certificates the first counts that is named: `ca_file`, then those of `CA_VARIABLES`.
    """
    proxies = {}
    for scheme in ("http", "https", "all"):
        variable, value = _either_case(environment, f"{scheme}_proxy")
        if value:
            proxies[scheme] = (variable, Secret(value))
    exempt = _either_case(environment, "no_proxy")[1].replace(",", " ").split()
    return Network(proxies=proxies, no_proxy=tuple(exempt), ca_file=_ca_file(environment, ca_file))


def _either_case(environment: Mapping[str, str], name: str) -> tuple[str, str]:
    variable = name if name in environment else name.upper()
    return variable, environment.get(variable, "").strip()


def _ca_file(environment: Mapping[str, str], ca_file: str | None) -> CaFile | None:
    if ca_file is not None:
        return CaFile(ca_file, CA_FILE_VARIABLE)
    named = ((variable, environment.get(variable)) for variable in CA_VARIABLES)
    return next((CaFile(value, variable) for variable, value in named if value), None)


def _proxy(variable: str, value: Secret, host: str) -> Proxy:
    text = value.reveal()
    scheme, mark, _ = text.partition("://")
    if mark and scheme.lower() != "http":
        raise InvalidSetting(
            f"{variable} names a proxy of a kind that anyclaude cannot use, such as SOCKS or HTTPS; "
            f"set {variable}=http://HOST:PORT, or bypass it: NO_PROXY={host}"
        )
    try:
        address = parse_address(text if mark else f"http://{text}")
    except InvalidSetting as error:
        raise InvalidSetting(f"{variable} is not the address of a proxy; set it like http://proxy:3128") from error
    return Proxy(address.host, address.port_number, address.credentials)


def _exempts(entry: str, address: ServerAddress) -> bool:
    """
    Return whether an entry of `NO_PROXY` is about a server.

    Its forms: `*`, a host, a domain with all below it (with or without `.` or `*.` before it), an IP address, a network
    (`10.0.0.0/8`), and each of these but the last with a port.
    """
    if entry == "*":
        return True
    number = number_of(address.host)
    if "/" in entry:
        try:
            return number is not None and number in ip_network(entry, strict=False)
        except ValueError:
            return False
    name, port = _without_port(entry.lower())
    if port and port != str(address.port_number):
        return False
    if number is not None:
        return number_of(name) == number
    name = name.removeprefix("*").strip(".")
    return bool(name) and (address.host == name or address.host.endswith(f".{name}"))


def _without_port(entry: str) -> tuple[str, str]:
    if entry.startswith("["):
        name, _, port = entry[1:].partition("]")
        return name, port.removeprefix(":")
    name, colon, port = entry.rpartition(":")
    return (name, port) if colon and ":" not in name else (entry, "")
