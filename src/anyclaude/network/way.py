"""
How a server is reached: through which proxy, and which certificates are trusted on the way.

One decision for all questions and requests.  A server on this machine or in a private network is never behind a proxy;
a public one is where the environment says so.
"""

from collections.abc import Iterator, Mapping
from ipaddress import ip_network

from msgspec import Struct

from anyclaude.errors import InvalidSetting
from anyclaude.secret import Secret

from .address import ServerAddress, number_of, parse_address

CA_FILE_VARIABLE = "ANYCLAUDE_CA_FILE"

CA_VARIABLES = ("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Where other programs look for certificates: Node, which runs Claude Code, OpenSSL, requests, and curl."""

CA_FOLDERS_VARIABLE = "SSL_CERT_DIR"
"""The one of them that may name several folders (openssl-env)."""

CLIENT_CERTIFICATE_VARIABLES = (
    "CLAUDE_CODE_CLIENT_CERT",
    "CLAUDE_CODE_CLIENT_KEY",
    "CLAUDE_CODE_CLIENT_KEY_PASSPHRASE",
)
"""Where Claude Code looks for a certificate of its own (code.claude.com/docs/en/network-config)."""


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


class ClientCertificate(Struct, frozen=True):
    """A certificate that shows the server who asks, with its key, in PEM files."""

    path: str
    key_path: str | None = None
    passphrase: Secret | None = None


class Way(Struct, frozen=True, kw_only=True):
    """The way to one server."""

    proxy: Proxy | None = None
    ca_files: tuple[CaFile, ...] = ()
    client_certificate: ClientCertificate | None = None
    checks_certificate: bool = True


DIRECT = Way()
"""The way to a server that needs neither a proxy nor certificates of one's own."""


class Network(Struct, frozen=True, kw_only=True):
    """What the environment says about the ways to servers; `proxies` by scheme, each with its variable."""

    proxies: Mapping[str, tuple[str, Secret]] = {}
    no_proxy: tuple[str, ...] = ()
    ca_files: tuple[CaFile, ...] = ()

    def way_to(self, address: ServerAddress) -> Way:
        """Return the way to a server.  Raises `InvalidSetting` if it is through a proxy that cannot be used."""
        return Way(proxy=self._proxy_for(address), ca_files=self.ca_files)

    def _proxy_for(self, address: ServerAddress) -> Proxy | None:
        named = self.proxies.get(address.scheme) or self.proxies.get("all")
        if named is None or address.is_private or any(_exempts(entry, address) for entry in self.no_proxy):
            return None
        return _proxy(*named, address.host)


def network_of(environment: Mapping[str, str], ca_file: str | None) -> Network:
    """
    Return what the environment says.

    Each variable may be in lower or in upper case; the lower one wins, also with an empty value (as in curl).  All the
    files of certificates count that are named: `ca_file`, and those of `CA_VARIABLES`.
    """
    proxies = {}
    for scheme in ("http", "https", "all"):
        variable, value = _either_case(environment, f"{scheme}_proxy")
        if value:
            proxies[scheme] = (variable, Secret(value))
    exempt = _either_case(environment, "no_proxy")[1].replace(",", " ").split()
    return Network(proxies=proxies, no_proxy=tuple(exempt), ca_files=tuple(_ca_files(environment, ca_file)))


def _either_case(environment: Mapping[str, str], name: str) -> tuple[str, str]:
    variable = name if name in environment else name.upper()
    return variable, environment.get(variable, "").strip()


def client_certificate(environment: Mapping[str, str]) -> ClientCertificate | None:
    """Return the certificate with which Claude Code would show who it is, for a gateway that stands in its way."""
    path, key, passphrase = (environment.get(name) for name in CLIENT_CERTIFICATE_VARIABLES)
    return ClientCertificate(path, key or None, Secret(passphrase) if passphrase else None) if path else None


def _ca_files(environment: Mapping[str, str], ca_file: str | None) -> Iterator[CaFile]:
    """Yield each file once."""
    named = {} if ca_file is None else {ca_file: CA_FILE_VARIABLE}
    for variable in CA_VARIABLES:
        value = environment.get(variable, "")
        for path in _folders(value) if variable == CA_FOLDERS_VARIABLE else (value,):
            if path:
                named.setdefault(path, variable)
    return (CaFile(path, variable) for path, variable in named.items())


def _folders(value: str) -> list[str]:
    """Return the folders of a list, which Windows separates in another way."""
    return value.split(":" if value.startswith("/") else ";")


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
