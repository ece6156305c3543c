"""
A program from a registry of npm packages: asked for, downloaded, checked and unpacked, without npm and Node.

The question must be answered soon, so that a machine without a network gets its sentence at once.  The download may
take any time, as long as something arrives.
"""

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from shutil import disk_usage
from typing import BinaryIO

import aiohttp
from aiohttp import hdrs
from yarl import URL

from anyclaude.backends.http.way import headers_on_the_way, way_arguments
from anyclaude.engine import Progress
from anyclaude.errors import ClientUnavailable
from anyclaude.network import ServerAddress

from .finding import Machine
from .name_lookup import DaemonResolver
from .package_archive import program_size, unpack_program
from .package_source import (
    WHAT_HELPS,
    Distribution,
    Source,
    address_of,
    distribution_in,
    expected_digest,
    source_for,
)
from .platform_package import PlatformPackage

ANSWER_SECONDS = 7.0
"""For the connection, and for the first byte of the first answer: a person waits no longer.  The public registry needs
0.2 s."""

SILENCE_SECONDS = 120.0
"""How long a server may send nothing: a company's registry may have to fetch the archive itself first."""

CHUNK_BYTES = 1 << 18
HEAD_BYTES = 1 << 16
"""The part of an archive in which the size of its program is looked for; so far it comes first."""

MEGABYTE = 1_000_000

ABBREVIATED = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*"
"""The short description of a package (130 kB), for registries that have one; npm asks so."""


async def install(machine: Machine, package: PlatformPackage, folder: Path, progress: Progress) -> Path:
    """
    Put the program of a release into `folder`, and return its path.

    Raises:
        ClientUnavailable: when it cannot be fetched, is not what the registry says, or contains no program.
        InvalidSetting: when a proxy or a file of certificates that is named cannot be used.
        OSError: when `folder` cannot be written to.
    """
    source = source_for(machine, package)
    archive = folder / "archive.tgz"
    timeout = aiohttp.ClientTimeout(total=None, connect=ANSWER_SECONDS, sock_read=SILENCE_SECONDS)
    connector = aiohttp.TCPConnector(resolver=DaemonResolver())
    async with AsyncExitStack() as opened:
        session = await opened.enter_async_context(
            aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False)
        )
        with _shown(progress, f"Asking {source.host} for Claude Code {source.version}", None):
            distribution = await _distribution(session, source)
            answer = _answer(session, source, source.tarball_url(distribution), SILENCE_SECONDS)
            response = await opened.enter_async_context(answer)
            head = await _head(response)
        algorithm, expected = expected_digest(distribution)
        size, unpacked = response.content_length, program_size(head, package.program)
        _check_space(folder, (size or 0) + (unpacked or 0))
        with archive.open("xb") as file, _shown(progress, _announcement(source, size, unpacked), size):
            digest = await _written(file, head, response, algorithm, progress)
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
    async with _answer(session, source, source.address, ANSWER_SECONDS, ABBREVIATED) as response:
        return distribution_in(await response.read(), source)


async def _head(response: aiohttp.ClientResponse) -> bytes:
    head = b""
    while len(head) < HEAD_BYTES and (chunk := await response.content.read(HEAD_BYTES - len(head))):
        head += chunk
    return head


async def _written(
    file: BinaryIO, head: bytes, response: aiohttp.ClientResponse, algorithm: str, progress: Progress
) -> bytes:
    """Write the archive, whose beginning was read already, and return its digest."""
    digest = hashlib.new(algorithm)
    chunk = head
    while chunk:
        await asyncio.to_thread(_write, chunk, file, digest.update)
        progress.advanced(len(chunk))
        chunk = await response.content.read(CHUNK_BYTES)
    return digest.digest()


def _write(chunk: bytes, file: BinaryIO, update: Callable[[bytes], None]) -> None:
    file.write(chunk)
    update(chunk)


@contextmanager
def _shown(progress: Progress, label: str, total_bytes: int | None) -> Iterator[None]:
    """Show a step for the time of the block."""
    progress.started(label, total_bytes)
    try:
        yield
    finally:
        progress.finished()


@asynccontextmanager
async def _answer(
    session: aiohttp.ClientSession, source: Source, url: str, seconds: float, accept: str = "*/*"
) -> AsyncIterator[aiohttp.ClientResponse]:
    """Send a request, and yield the answer, which is a success; failures until its end become `ClientUnavailable`."""
    address = address_of(url)
    way = source.network.way_to(address)
    arguments = way_arguments(address, way)
    if not source.configuration.checks_certificates:
        arguments["ssl"] = False
    sent = {hdrs.ACCEPT: accept, hdrs.ACCEPT_ENCODING: "identity", **headers_on_the_way(address, way)}
    if authorization := source.authorization(url):
        sent[hdrs.AUTHORIZATION] = authorization.reveal()
    try:
        async with asyncio.timeout(seconds):
            response = await session.get(URL(url, encoded=True), headers=sent, **arguments)
    except (aiohttp.ClientError, TimeoutError) as error:
        raise _unreachable(address, _reason(error)) from error
    async with response:
        if response.status >= 400:
            raise _refusal(source, response.status)
        try:
            yield response
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ClientUnavailable(
                f"The download of {source.title} from {address.host_and_port} broke off; start again. {WHAT_HELPS}"
            ) from error


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
            return source.missing()
        case 401 | 403:
            return ClientUnavailable(
                f"{source.host} refuses to send {source.title} (status {status}); check the credentials for it in "
                f"~/.npmrc. {WHAT_HELPS}"
            )
        case _:
            return ClientUnavailable(
                f"{source.host} answers with status {status} for {source.title}; try again later. {WHAT_HELPS}"
            )


def _announcement(source: Source, size: int | None, unpacked: int | None) -> str:
    sizes = [f"{size / MEGABYTE:.0f} MB"] if size else []
    sizes += [f"{unpacked / MEGABYTE:.0f} MB on disk"] if unpacked else []
    label = f"Downloading Claude Code {source.version} from {source.host}"
    return f"{label}: {', '.join(sizes)}" if sizes else label


def _check_space(folder: Path, needed: int) -> None:
    free = disk_usage(folder).free
    if free < needed:
        raise ClientUnavailable(
            f"Claude Code needs {needed / MEGABYTE:.0f} MB to be installed, and {folder.parent} has "
            f"{free / MEGABYTE:.0f} MB left; free some, or set ANYCLAUDE_CACHE_DIR to a folder on another disk"
        )
