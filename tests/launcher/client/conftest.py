"""A user's machine on which there is no Claude Code."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.parts.claude_code import SYSTEM_PATH
from tests.parts.command import Command
from tests.parts.npm_registry import Registry
from tests.parts.server_documents import VLLM
from tests.parts.stub_server import StubServer, stub_server


@dataclass(frozen=True)
class BareCommand(Command):
    """The command where no client is on the PATH, only the system's programs; npm may be configured for a registry."""

    registry: str = ""

    def environment(self, **more: str) -> dict[str, str]:
        """Return the whole environment of the command."""
        more.setdefault("PATH", SYSTEM_PATH)
        if self.registry:
            more.setdefault("npm_config_registry", self.registry)
        return super().environment(**more)

    async def installs_from(self, registry: Registry, *words: str, **more: str) -> tuple[int, str, str]:
        """Run the command with a registry, configured as npm has it."""
        with_registry = replace(self, registry=registry.url)
        return await with_registry.ran(*words, stdin=b"", **more)

    @property
    def folder(self) -> Path:
        """The folder in which clients are installed."""
        return self.home / ".cache" / "anyclaude" / "claude-code"

    def installed(self) -> set[str]:
        """Return what is in the folder, besides what is remembered and locked there."""
        return {path.name for path in self.folder.glob("*") if path.suffix not in {".lock", ".json"}}


@pytest.fixture
async def server() -> AsyncIterator[StubServer]:
    """A model server."""
    async with stub_server(VLLM) as running:
        yield running


@pytest.fixture
async def bare(tmp_path: Path, server: StubServer) -> BareCommand:
    """The command, with a model server, in an empty home folder."""
    return BareCommand(tmp_path, server)
