"""
A program from a registry of npm packages: asked for, downloaded, checked and unpacked, without npm and Node.

The question must be answered soon, so that a machine without a network gets its sentence at once.  The download may
take any time, as long as something arrives.
"""

import asyncio
import hashlib
import ssl
from base64 import b64decode
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import disk_usage
from typing import BinaryIO
from urllib.parse import quote, urlsplit, urlunsplit

import aiohttp
import msgspec
from aiohttp import hdrs
from msgspec import Struct, field
from yarl import URL

from anyclaude.backends.http.way import headers_on_the_way, way_arguments
from anyclaude.engine import Progress
from anyclaude.errors import ClientUnavailable, InvalidSetting
from anyclaude.network import Network, ServerAddress, parse_address

from .finding import Machine
from .npm_configuration import DEFAULT_REGISTRY, NpmConfiguration, npm_configuration
from .package_archive import program_size, unpack_program
from .platform_package import PACKAGE, PlatformPackage

ANSWER_SECONDS = 8.0
"""The time for the connection and the first byte of the answer: a person waits no longer in silence.  The public
registry needs 0.2 s."""

FIRST_BYTE_SECONDS = 300.0
"""A company's registry may first fetch the package itself; npm's own limit (`fetch-timeout`)."""

SILENCE_SECONDS = 60.0
"""A server that sends nothing for a minute is gone."""

CHUNK_BYTES = 1 << 18
HEAD_BYTES = 1 << 16
"""The part of an archive in which the size of its program is looked for; so far it comes first."""

MEGABYTE = 1_000_000

ALGORITHMS = ("sha512", "sha384", "sha256")
"""Subresource Integrity (W3C), the strongest first."""

WHAT_HELPS = (
    "Or install Claude Code in another way (https://claude.com/claude-code), and put `claude` on the PATH or set "
    "ANYCLAUDE_CLAUDE_PATH"
)


class Source(Struct, frozen=True):
    """Which release of which package is wanted; `network` are the ways to servers without npm's own configuration."""

    package: PlatformPackage
    version: str
    configuration: NpmConfiguration
    network: Network

    @property
    def registry(self) -> str:
        """The address of the registry, without credentials."""
        return _without_credentials(self.configuration.registry(PACKAGE.partition("/")[0]))

    @property
    def host(self) -> str:
        """The registry's host, and its port if it is not the usual one."""
        return urlsplit(self.registry).netloc

    @property
    def title(self) -> str:
        """The package and its version, as npm writes them."""
        return f"{self.package.name}@{self.version}"


class Distribution(Struct, frozen=True):
    """Where the archive of a release is, and its digest."""

    tarball: str
    integrity: str = ""


class Manifest(Struct, frozen=True):
    """The part of a release's description that counts."""

    dist: Distribution


class Packument(Struct, frozen=True):
    """A registry's description of a package (github.com/npm/registry, docs/responses/package-metadata.md)."""

    versions: dict[str, Manifest] = {}
    tags: dict[str, str] = field(default={}, name="dist-tags")


async def install(machine: Machine, package: PlatformPackage, folder: Path, progress: Progress) -> Path:
    """
    Put the program of a release into `folder`, and return its path.

    Raises:
        ClientUnavailable: when it cannot be fetched, is not what the registry says, or contains no program.
        InvalidSetting: when a proxy or a file of certificates that is named cannot be used.
        OSError: when `folder` cannot be written to.
    """
    source = Source(package, machine.version, npm_configuration(machine.environment), machine.network)
    archive = folder / "archive.tgz"
    timeout = aiohttp.ClientTimeout(total=None, sock_read=SILENCE_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as session:
        distribution = await _distribution(session, source)
        with archive.open("xb") as file:
            digest = await _download(session, source, distribution, file, progress)
    algorithm, expected = _expected(distribution)
    if digest != expected:
        raise ClientUnavailable(
            f"What {source.host} sent for {source.title} is not what it announced (its {algorithm} differs), and was "
            "discarded. Start again; a proxy on the way may have changed it"
        )
    try:
        program = await asyncio.to_thread(unpack_program, archive, folder / package.program)
    except ValueError as error:
        raise ClientUnavailable(f"The archive of {source.title} from {source.host} {error}. {WHAT_HELPS}") from error
    archive.unlink()
    return program


async def _distribution(session: aiohttp.ClientSession, source: Source) -> Distribution:
    url = f"{source.registry}/{quote(source.package.name, safe='@')}"
    accept = {hdrs.ACCEPT: "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*"}
    async with _answer(session, source, url, ANSWER_SECONDS, accept) as response:
        body = await response.read()
    try:
        packument = msgspec.json.decode(body, type=Packument)
    except msgspec.DecodeError as error:
        raise ClientUnavailable(
            f"{source.host} does not answer as a registry of npm packages; check `npm config get registry`. "
            f"{WHAT_HELPS}"
        ) from error
    found = packument.versions.get(packument.tags.get(source.version, source.version))
    if found is None:
        raise _missing(source)
    return found.dist


async def _download(
    session: aiohttp.ClientSession, source: Source, distribution: Distribution, file: BinaryIO, progress: Progress
) -> bytes:
    """Write the archive, and return its digest."""
    digest = hashlib.new(_expected(distribution)[0])
    url = _tarball_url(source, distribution)
    async with _answer(session, source, url, FIRST_BYTE_SECONDS, {}) as response:
        head = await response.content.read(HEAD_BYTES)
        size = response.content_length
        unpacked = program_size(head, source.package.program)
        _check_space(Path(file.name), (size or 0) + (unpacked or 0))
        progress.started(_announcement(source, size, unpacked), size)
        try:
            while head:
                await asyncio.to_thread(_write, head, file, digest.update)
                progress.advanced(len(head))
                head = await response.content.read(CHUNK_BYTES)
        finally:
            progress.finished()
    return digest.digest()


@asynccontextmanager
async def _answer(
    session: aiohttp.ClientSession, source: Source, url: str, seconds: float, headers: Mapping[str, str]
) -> AsyncIterator[aiohttp.ClientResponse]:
    """Send a request, and yield the answer, which is a success; failures until its end become `ClientUnavailable`."""
    address, network = _address(url), source.configuration.network(source.network)
    way = network.way_to(address)
    arguments = way_arguments(address, way)
    if not source.configuration.checks_certificates:
        arguments["ssl"] = False
    sent = {**headers, hdrs.ACCEPT_ENCODING: "identity", **headers_on_the_way(address, way)}
    if authorization := source.configuration.authorization(url):
        sent[hdrs.AUTHORIZATION] = authorization.reveal()
    try:
        async with asyncio.timeout(seconds):
            response = await session.get(URL(url, encoded=True), headers=sent, **arguments)
        async with response:
            if response.status >= 400:
                raise _refusal(source, response.status)
            yield response
    except aiohttp.ClientPayloadError as error:
        raise ClientUnavailable(
            f"The download of {source.title} from {address.host_and_port} broke off; start again. {WHAT_HELPS}"
        ) from error
    except (aiohttp.ClientError, TimeoutError) as error:
        raise _unreachable(address, _reason(error)) from error


def _reason(error: Exception) -> str:
    """Return why a server cannot be reached, in words that show no credentials."""
    match error:
        case TimeoutError():
            return "no answer in time"
        case aiohttp.ClientConnectorCertificateError():
            return "its certificate is not trusted; name your authority's with ANYCLAUDE_CA_FILE or npm's `cafile`"
        case aiohttp.ClientHttpProxyError(status=status):
            return f"the proxy answers with status {status}"
        case aiohttp.ClientProxyConnectionError():
            return "the proxy cannot be reached"
        case aiohttp.ClientConnectorError(os_error=ssl.SSLError()):
            return "no connection over TLS could be made"
        case aiohttp.ClientConnectorError(os_error=os_error):
            return os_error.strerror or "no connection could be made"
        case _:
            return "the connection broke"


def _unreachable(address: ServerAddress, reason: str) -> ClientUnavailable:
    return ClientUnavailable(
        f"Claude Code is not installed, and the registry that it comes from, {address.host_and_port}, cannot be "
        f"reached: {reason}. Check the network, the proxy and `npm config get registry`. {WHAT_HELPS}"
    )


def _refusal(source: Source, status: int) -> ClientUnavailable:
    match status:
        case 404:
            return _missing(source)
        case 401 | 403:
            return ClientUnavailable(
                f"{source.host} refuses to send {source.title} (status {status}); check the credentials for it in "
                f"~/.npmrc. {WHAT_HELPS}"
            )
        case _:
            return ClientUnavailable(
                f"{source.host} answers with status {status} for {source.title}; try again later. {WHAT_HELPS}"
            )


def _missing(source: Source) -> ClientUnavailable:
    return ClientUnavailable(
        f"{source.host} has no {source.title}. Correct claude_version if you have set it (releases before 2.1.113 are "
        f"no programs for a platform, and need npm and Node). {WHAT_HELPS}"
    )


def _expected(distribution: Distribution) -> tuple[str, bytes]:
    """Return the algorithm and the digest that an archive must have; raises `ClientUnavailable` if none is known."""
    announced = dict(word.partition("?")[0].split("-", 1) for word in distribution.integrity.split() if "-" in word)
    for algorithm in ALGORITHMS:
        if algorithm in announced:
            try:
                return algorithm, b64decode(announced[algorithm], validate=True)
            except ValueError:
                break
    raise ClientUnavailable(f"The registry announces no digest of Claude Code that can be checked. {WHAT_HELPS}")


def _tarball_url(source: Source, distribution: Distribution) -> str:
    """Return the archive's address; as for npm, one at the public registry means the one that is configured."""
    parts, public, own = map(urlsplit, (distribution.tarball, DEFAULT_REGISTRY, source.registry))
    if parts.hostname == public.hostname:
        return urlunsplit((own.scheme, own.netloc, own.path + parts.path, parts.query, ""))
    return _without_credentials(distribution.tarball)


def _address(url: str) -> ServerAddress:
    """Return the server of an address.  Raises `ClientUnavailable` if there is none."""
    parts = urlsplit(url)
    try:
        return parse_address(f"{parts.scheme}://{parts.netloc}")
    except InvalidSetting as error:
        raise ClientUnavailable(f"The address of the registry that npm is configured for is wrong: {error}") from error


def _without_credentials(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _announcement(source: Source, size: int | None, unpacked: int | None) -> str:
    sizes = [f"{size / MEGABYTE:.0f} MB"] if size else []
    sizes += [f"{unpacked / MEGABYTE:.0f} MB on disk"] if unpacked else []
    label = f"Downloading Claude Code {source.version} from {source.host}"
    return f"{label}: {', '.join(sizes)}" if sizes else label


def _check_space(place: Path, needed: int) -> None:
    free = disk_usage(place.parent).free
    if free < needed:
        raise ClientUnavailable(
            f"Claude Code needs {needed / MEGABYTE:.0f} MB to be installed, and {place.parent.parent} has "
            f"{free / MEGABYTE:.0f} MB left; free some, or set ANYCLAUDE_CACHE_DIR to a folder on another disk"
        )


def _write(chunk: bytes, file: BinaryIO, update: Callable[[bytes], None]) -> None:
    file.write(chunk)
    update(chunk)
