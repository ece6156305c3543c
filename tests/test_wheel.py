"""The package as users install it: what is in the wheel, and that it starts, as another user with a read-only home."""

import asyncio
import email
import os
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from msgspec import Struct
from msgspec.structs import replace
from tests.parts.fake_client import client_report, write_fake_client
from tests.parts.odd_places import Outcome
from tests.parts.processes import LONG_SECONDS
from tests.parts.pythons import python_named, runnable_by_all
from tests.parts.server_documents import VLLM
from tests.parts.stub_server import stub_server

PROJECT = Path(__file__).parents[1]
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
ANOTHER_USER = 12345
"""A user id that has no name, as a container may be started with."""

pytestmark = pytest.mark.skipif(shutil.which("uv") is None, reason="uv builds and installs the package")


def uv(*words: str, environment: Mapping[str, str] = {}) -> str:
    """Run uv in the project, and return what it writes."""
    ran = subprocess.run(
        ["uv", *words], cwd=PROJECT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that `uv build` makes."""
    folder = tmp_path_factory.mktemp("dist")
    uv("build", "--out-dir", str(folder))
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def room() -> Iterator[Path]:
    """A folder that every user may enter; pytest's own are private."""
    with tempfile.TemporaryDirectory(prefix="anyclaude-wheel-") as name:
        os.chmod(name, 0o755)
        yield Path(name)


class Installed(Struct, frozen=True):
    """The command in a virtual environment of its own, with a home that cannot be written, and a client."""

    folder: Path
    environment: Mapping[str, str]

    async def ran(self, *words: str) -> Outcome:
        """Run the command, as another user if we are root, and return what it wrote."""
        return await asyncio.to_thread(self._run, words)

    def _run(self, words: Sequence[str]) -> Outcome:
        user = ANOTHER_USER if os.getuid() == 0 else None
        ran = subprocess.run(
            [self.folder / "venv" / "bin" / "anyclaude", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.folder,
            env=self.environment,
            timeout=LONG_SECONDS,
            user=user,
            group=user,
            extra_groups=None if user is None else (),
        )
        return Outcome(ran.returncode, ran.stdout, ran.stderr)


@pytest.fixture(scope="module", params=VERSIONS)
def installed(request: pytest.FixtureRequest, wheel: Path, room: Path) -> Installed:
    """The wheel in a clean virtual environment of each Python of this machine."""
    version: str = request.param
    found = python_named(version)
    if found is None:
        pytest.skip(f"Python {version} is not installed")
    folder = room / version
    (folder / "home").mkdir(parents=True, mode=0o755)
    python = runnable_by_all(found, folder / "python")
    libraries = {"LD_LIBRARY_PATH": str(python.parents[1] / "lib")}  # a copy may still look for them at its old place
    locked = folder / "locked.txt"
    locked.write_text(uv("export", "--frozen", "--no-dev", "--no-hashes", "--no-emit-project", "--quiet"))
    uv("venv", "--quiet", "--python", str(python), str(folder / "venv"), environment=libraries)
    within = ("--quiet", "--python", str(folder / "venv" / "bin" / "python"))
    uv("pip", "install", *within, "--constraints", str(locked), str(wheel), environment=libraries)
    write_fake_client(folder, folder / "venv" / "bin" / "python").chmod(0o755)
    (folder / "home").chmod(0o555)
    path = f"{folder}:/usr/bin:/bin"
    return Installed(folder, {**libraries, "HOME": str(folder / "home"), "PATH": path, "LANG": "C.UTF-8"})


@pytest.fixture
async def server_url() -> AsyncIterator[str]:
    """The address of a model server."""
    async with stub_server(VLLM) as server:
        yield server.origin


def test_the_wheel_has_all_files_of_the_package_and_no_others(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
    described = {name for name in names if name.startswith(f"anyclaude-{wheel.name.split('-')[1]}.dist-info/")}
    source = PROJECT / "src"
    files = {
        file.relative_to(source).as_posix()
        for file in (source / "anyclaude").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }

    assert names - described == files
    assert {"anyclaude/py.typed", "anyclaude/engine/templates/chatml.jinja"} <= files


def test_the_engine_is_optional(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(archive.read(name))
    needed = metadata.get_all("Requires-Dist", [])

    assert [one for one in needed if one.startswith("xllamacpp") and "extra == 'embedded'" not in one] == []
    assert any(one.startswith("xllamacpp") for one in needed)


async def test_it_shows_its_version(installed: Installed) -> None:
    shown = await installed.ran("--version")

    assert (shown.status, shown.err) == (0, "")
    assert shown.out.startswith("anyclaude ")


async def test_it_shows_what_the_client_would_get(installed: Installed, server_url: str) -> None:
    shown = await installed.ran("--print-env", "--backend-url", server_url)

    assert shown.status == 0
    assert "ANTHROPIC_MODEL=Qwen/Qwen3-8B" in shown.out
    assert_says_only_that_the_home_cannot_be_written(shown)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can start it as a user without a name")
async def test_a_user_without_a_name_needs_no_home(installed: Installed, server_url: str) -> None:
    without_home = {name: value for name, value in installed.environment.items() if name != "HOME"}

    launched = await replace(installed, environment=without_home).ran("--backend-url", server_url, "-p", "exit-7")

    assert launched.status == 7
    assert len(launched.said) == 1
    assert "HOME is not set" in launched.err


async def test_it_starts_the_client(installed: Installed, server_url: str) -> None:
    launched = await installed.ran("--backend-url", server_url, "-p", "exit-7")

    assert launched.status == 7
    assert client_report(launched.out.splitlines()[0]).environment["ANTHROPIC_MODEL"] == "Qwen/Qwen3-8B"
    assert_says_only_that_the_home_cannot_be_written(launched)


async def test_it_says_how_the_engine_is_installed(installed: Installed) -> None:
    launched = await installed.ran("--mode", "embedded", "-p", "hi")

    assert launched.status == 1
    assert "pip install 'anyclaude[embedded]'" in launched.err


def assert_says_only_that_the_home_cannot_be_written(outcome: Outcome) -> None:
    """Assert that this is said, once, and nothing else."""
    assert len(outcome.said) == 1
    assert "cannot be written (Permission denied)" in outcome.err
