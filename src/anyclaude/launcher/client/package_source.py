"""
Where the package for this platform comes from: the registry, its address and credentials, and what it announces.

Addresses and digests are here; `registry` sends the requests.
"""

from base64 import b64decode
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec
from msgspec import Struct, field

from anyclaude.errors import ClientUnavailable, InvalidSetting
from anyclaude.network import Network, ServerAddress, parse_address
from anyclaude.secret import Secret

from .finding import Machine
from .npm_configuration import DEFAULT_REGISTRY, NpmConfiguration, npm_configuration
from .platform_package import PACKAGE, PlatformPackage

ALGORITHMS = ("sha512", "sha384", "sha256")
"""Subresource Integrity (W3C), the strongest first."""

WHAT_HELPS = (
    "Or install Claude Code in another way (https://claude.com/claude-code), and put `claude` on the PATH or set "
    "ANYCLAUDE_CLAUDE_PATH"
)


class Distribution(Struct, frozen=True):
    """Where the archive of a release is, and its digest."""

    tarball: str
    integrity: str = ""


class Manifest(Struct, frozen=True):
    """The part of a release's description that counts."""

    dist: Distribution


class Packument(Struct, frozen=True):
    """A registry's description of a package (github.com/npm/registry, docs/responses/package-metadata.md)."""

    versions: dict[str, msgspec.Raw] = {}
    tags: dict[str, str] = field(default={}, name="dist-tags")


class Source(Struct, frozen=True, kw_only=True):
    """
    Which release of which package is wanted, and from where.

    `registry` is the registry's address without credentials, which are in `credentials`; `network` are the ways to
    servers.
    """

    package: PlatformPackage
    version: str
    registry: str
    credentials: Secret | None
    configuration: NpmConfiguration
    network: Network

    @property
    def host(self) -> str:
        """The registry's host, and its port if it is not the usual one."""
        return urlsplit(self.registry).netloc

    @property
    def title(self) -> str:
        """The package and its version, as npm writes them."""
        return f"{self.package.name}@{self.version}"

    @property
    def address(self) -> str:
        """The address of the registry's description of the package."""
        return f"{self.registry}/{quote(self.package.name, safe='@')}"

    def authorization(self, url: str) -> Secret | None:
        """Return the header `Authorization` of a request."""
        own = self.credentials if url.startswith(f"{self.registry}/") else None
        return self.configuration.authorization(url) or own

    def tarball_url(self, distribution: Distribution) -> str:
        """
        Return the archive's address; as for npm, one at the public registry means the one that is configured.

        Raises:
            ClientUnavailable: when it is not the address of a server.
        """
        address_of(distribution.tarball)
        parts, public, own = map(urlsplit, (distribution.tarball, DEFAULT_REGISTRY, self.registry))
        if parts.hostname == public.hostname:
            return urlunsplit((own.scheme, own.netloc, own.path + parts.path, parts.query, ""))
        return _without_credentials(distribution.tarball)

    def missing(self) -> ClientUnavailable:
        """Return the error of a registry that does not have the release."""
        return ClientUnavailable(
            f"{self.host} has no {self.title}. Correct claude_version if you have set it (releases before 2.1.113 are "
            f"no programs for a platform, and need npm and Node). {WHAT_HELPS}"
        )


def source_for(machine: Machine, package: PlatformPackage) -> Source:
    """Return what the configuration says about the source.  Raises `ClientUnavailable` if that cannot be used."""
    configuration = npm_configuration(machine.environment)
    written = configuration.registry(PACKAGE.partition("/")[0])
    address = address_of(written)
    return Source(
        package=package,
        version=machine.version,
        registry=_without_credentials(written),
        credentials=address.credentials,
        configuration=configuration,
        network=configuration.network(machine.network),
    )


def distribution_in(body: bytes, source: Source) -> Distribution:
    """
    Return what a registry announces of the release.

    Raises:
        ClientUnavailable: when it is no registry, or has no such release.
    """
    try:
        packument = msgspec.json.decode(body, type=Packument)
        found = packument.versions.get(packument.tags.get(source.version, source.version))
        manifest = None if found is None else msgspec.json.decode(found, type=Manifest)
    except msgspec.DecodeError as error:
        raise ClientUnavailable(
            f"{source.host} does not answer as a registry of npm packages; check `npm config get registry`. "
            f"{WHAT_HELPS}"
        ) from error
    if manifest is None:
        raise source.missing()
    return manifest.dist


def expected_digest(distribution: Distribution) -> tuple[str, bytes]:
    """
    Return the algorithm and the digest that an archive must have.

    Raises:
        ClientUnavailable: when the registry announces none that can be checked.
    """
    announced = dict(word.partition("?")[0].split("-", 1) for word in distribution.integrity.split() if "-" in word)
    for algorithm in ALGORITHMS:
        if algorithm in announced:
            try:
                return algorithm, b64decode(announced[algorithm], validate=True)
            except ValueError:
                break
    raise ClientUnavailable(f"The registry announces no digest of Claude Code that can be checked. {WHAT_HELPS}")


def address_of(url: str) -> ServerAddress:
    """
    Return the server of an address.

    Raises:
        ClientUnavailable: when it is not the address of a server.
    """
    try:
        parts = urlsplit(url)
        if parts.scheme in {"http", "https"}:
            return parse_address(f"{parts.scheme}://{parts.netloc}")
    except (ValueError, InvalidSetting):
        pass  # neither text may be shown: it may contain a password
    raise ClientUnavailable(
        f"The registry that npm is configured for has no address that can be used; see `npm config get registry`. "
        f"{WHAT_HELPS}"
    )


def _without_credentials(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
